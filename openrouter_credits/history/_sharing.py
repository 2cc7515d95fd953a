"""Which keys of a report share a wallet, and how they are told apart: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from openrouter_credits import (
    AuthenticationError,
    CheckReport,
    ConfigurationError,
    Credits,
    KeyCheck,
    KeyInfo,
    Level,
    Wallet,
)
from openrouter_credits._masking import scrub
from openrouter_credits.history._subjects import Subject

_HIDDEN = "***"
"""The mask of a short key, which tells no two of them apart."""
_Labels = dict[tuple[str | None, str, bool], set[str | None]]
"""By account, name, and whether they are listed: the masks of keys of one name; of listed ones the hashes."""


@define(eq=False)
class Key:
    """An outcome that stands for a key, and its subject."""

    check: KeyCheck
    subject: Subject
    name: str
    """Its name among those of other keys."""

    @property
    def own_name(self) -> str:
        """Its name alone, if its hash tells it apart from others of that name."""
        return self.name if self.subject.hash is None else name_of(self.check)

    @property
    def title(self) -> str | None:
        """Its name among those of others, if that is another one."""
        return None if self.name == self.own_name else self.name


@define(eq=False)
class Place:
    """A wallet, and the outcomes of what spends from it."""

    account: str | None
    checks: list[KeyCheck] = field(factory=list)
    credits: Credits | None = None
    keys: list[Key] = field(factory=list)
    names: tuple[str, ...] = ()
    """The names of the keys, each once."""
    name: str | None = None
    """The name of its first key, if the account is not known."""


def asked(checks: Iterable[KeyCheck]) -> tuple[bool, bool]:
    """Tell whether keys were asked for, and whether wallets were; both, if nothing was read that shows it."""
    statuses = [check.status for check in checks if check.status is not None]
    if not statuses:
        return True, True
    of_keys = any(status.key is not None or status.problems for status in statuses)
    of_wallets = any(
        status.credits is not None or len(status.problems) > len(unread(status.key)) for status in statuses
    )
    return of_keys, of_wallets


def unread(key: KeyInfo | None) -> Sequence[str]:
    """List what could not be read of a key's answer; problems of its wallet come behind these."""
    return () if key is None else key.unread


def is_of_workspace(check: KeyCheck) -> bool:
    """Tell whether an outcome stands for a workspace, or for an entry of its list: see `Account.check()`.

    A refusal never does: all of the check fails by it.
    """
    is_nameless = check.label is None and check.status is None
    return is_nameless and not isinstance(check.error, AuthenticationError | ConfigurationError)


def _is_of_key(check: KeyCheck, *, asks_key: bool) -> bool:
    """Tell whether an outcome says something of a key that can spend, or why it was not read."""
    status, error = check.status, check.error
    if status is None:
        if is_of_workspace(check) or (error is not None and error.is_of_management_key):
            return False
        return asks_key or check.level() == Level.INVALID
    if status.key is None:
        return bool(status.problems)  # the wallet was read: they are about the key
    return not status.key.is_management_key or status.spendable.bound_by == "expired"


def places_of(report: CheckReport) -> Iterable[Place]:
    """Gather the keys of each wallet; an account of one name is one wallet."""
    asks_key, _ = asked(report.checks)
    places: dict[object, Place] = {}
    labels: _Labels = {}
    for number, wallet in enumerate(report.wallets()):
        account = _account_of(wallet)
        place = places.setdefault(number if account is None else account, Place(account))
        place.checks += wallet.checks
        place.credits = place.credits or wallet.credits
        for check in wallet.checks:
            if not is_of_workspace(check):
                labels.setdefault(_namesakes(check, account), set()).add(_label_of(check))
    for place in places.values():
        names: dict[str, None] = {}
        for check in place.checks:
            if _is_of_key(check, asks_key=asks_key):
                place.keys.append(_key(check, place, labels))
                names[place.keys[-1].name] = None
            elif check.name is not None and _is_of_wallet_alone(check):
                names[_own_name(check, place.account, labels)] = None
        place.names = tuple(names)
        if place.account is None:
            place.name = _own_name(place.checks[0], None, labels)
    return places.values()


def _account_of(wallet: Wallet) -> str | None:
    """Return the account of a wallet; `None` if it is not known, or only because `/key` could be read.

    A list of keys may have a management key in it: its account is known by its mask, unless `/key` fails.
    """
    account = (wallet.account or "").strip()
    if account in ("", _HIDDEN) or all(_is_manager_itself(check, account) for check in wallet.checks):
        return None
    return scrub(account)


def _is_manager_itself(check: KeyCheck, account: str) -> bool:
    """Tell whether an outcome is of the management key that its account is named by, as one of the keys."""
    if check.label != account or check.managed_key is not None:
        return False
    return check.name is not None or not _is_of_wallet_alone(check)


def _is_of_wallet_alone(check: KeyCheck) -> bool:
    """Tell whether an outcome without a name stands for a wallet: see `Account.check()`."""
    if check.status is None:
        return check.error is not None and check.error.is_of_management_key
    return check.status.key is None and not check.status.problems


def _key(check: KeyCheck, place: Place, labels: _Labels) -> Key:
    name = _own_name(check, place.account, labels)
    if check.managed_key is not None:
        return Key(check, Subject("key", place.account, name_of(check), hash=_label_of(check)), name)
    if check.wallet_id is not None and check.wallet_id < 0 and place.keys:  # it is the same key again
        return Key(check, place.keys[0].subject, name_of(check))
    return Key(check, Subject("key", place.account, name), name)


def _label_of(check: KeyCheck) -> str | None:
    return check.label if check.managed_key is None else check.managed_key.hash


def _namesakes(check: KeyCheck, account: str | None) -> tuple[str | None, str, bool]:
    return account, name_of(check), check.managed_key is not None


def _own_name(check: KeyCheck, account: str | None, labels: _Labels) -> str:
    """Name a key, with its mask if another key of its account has the same name."""
    name = name_of(check)
    if check.label in (None, name) or len(labels[_namesakes(check, account)]) < 2:
        return name
    return f"{name} ({check.label})"


def name_of(check: KeyCheck) -> str:
    """Return the name of a key, or else its mask, or else its place; no part of it looks like a key."""
    if check.name and not check.name.isspace():
        return scrub(check.name)
    label = check.label or _HIDDEN
    return f"#{check.index + 1}" if label == _HIDDEN else label
