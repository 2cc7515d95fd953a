"""What is asked and answered when many keys are checked at once. All times are in seconds."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping

from attrs import field, frozen

from openrouter_credits._call.retry import check_count, check_seconds
from openrouter_credits._errors import AuthenticationError, InvalidKeyError, OpenRouterError
from openrouter_credits._models.key import Credits  # noqa: TC001 - for those who resolve the annotations of a public class
from openrouter_credits._secrets import ApiKey, parse_key
from openrouter_credits._status.spendable import Dollars, KeyStatus, Level


def _key_or_fault(text: object) -> ApiKey | InvalidKeyError:
    """Read a key; what cannot be one is kept as the error that this key will have for its outcome."""
    if isinstance(text, InvalidKeyError):
        return text
    if text is None:
        return InvalidKeyError("There is no key (None)")
    key = parse_key(text)
    return InvalidKeyError(str(key)) if isinstance(key, TypeError) else key


def _optional_key_or_fault(text: object) -> ApiKey | InvalidKeyError | None:
    return None if text is None else _key_or_fault(text)


@frozen
class KeySpec:
    """A key to check, and what is known of it; a text that cannot be a key becomes that key's outcome, not an exception here."""

    api_key: ApiKey | InvalidKeyError = field(converter=_key_or_fault)
    """The key, or why the text cannot be one."""
    name: str | None = None
    """What the key is called in results."""
    account: str | None = None
    """Whose wallet it spends from."""
    management_key: ApiKey | InvalidKeyError | None = field(default=None, converter=_optional_key_or_fault)
    """A key that may read that wallet; it is read once in a batch."""


KeySource = (
    Mapping[str, str | ApiKey | KeySpec | None]
    | Iterable[str | ApiKey | KeySpec | None]
    | AsyncIterable[str | ApiKey | KeySpec | None]
)


@frozen
class KeyCheck:
    """What became of one key."""

    index: int
    """Its place in the source, from 0."""
    name: str | None
    """What its `KeySpec`, or the mapping, calls it."""
    label: str | None
    """The key, masked; `None` if there was none."""
    account: str | None
    """Whose wallet it spends from, as far as that is known."""
    status: KeyStatus | None
    """What was read, or `None` if nothing could be."""
    error: OpenRouterError | None
    """Why nothing could be read."""
    elapsed: float
    """Seconds from taking the key to its outcome."""
    wallet_ids: tuple[int, ...] = field(default=(), repr=False, kw_only=True)
    """What is known of the wallet the key spends from: a number for its account, one for its management key. One in common is enough."""

    def level(self, warn: Dollars = 10, critical: Dollars = 5) -> Level:
        """Judge as `KeyStatus.level` does; a key that could not be read is `INVALID` or `UNKNOWN`."""
        if self.status is not None:
            return self.status.level(warn, critical)
        return (
            Level.INVALID if isinstance(self.error, AuthenticationError | InvalidKeyError) else Level.UNKNOWN
        )


@frozen
class Wallet:
    """A wallet, and the keys that spend from it."""

    account: str | None
    """Its name, or the masked management key that read it; `None` for a key of no known account."""
    credits: Credits | None
    """What is in it, or `None` if no key could read it."""
    error: OpenRouterError | None
    """Why it could not be read."""
    checks: tuple[KeyCheck, ...]
    """The outcomes of the keys that spend from it."""


@frozen
class CheckReport:
    """The outcome of a whole batch."""

    checks: tuple[KeyCheck, ...]
    """In the order of the source."""

    def wallets(self) -> tuple[Wallet, ...]:
        """List each wallet once, however many keys share it; a key of no known account has an entry of its own."""
        joined: dict[int, int] = {}

        def wallet_of(number: int) -> int:
            while joined.get(number, number) != number:
                number = joined[number]
            return number

        for check in self.checks:
            if check.wallet_ids:  # account and management key may have been met apart before
                joined[wallet_of(check.wallet_ids[0])] = wallet_of(check.wallet_ids[-1])
        groups: dict[object, list[KeyCheck]] = {}
        for check in self.checks:
            group = wallet_of(check.wallet_ids[0]) if check.wallet_ids else ("alone", check.index)
            groups.setdefault(group, []).append(check)
        return tuple(_wallet(tuple(checks)) for checks in groups.values())


def _wallet(checks: tuple[KeyCheck, ...]) -> Wallet:
    said = next(
        (
            check.status.credits
            for check in checks
            if check.status is not None and check.status.credits is not None
        ),
        None,
    )
    account = max(
        checks, key=lambda check: len(check.wallet_ids)
    ).account  # with two it is a name, and not the mask of a key
    return Wallet(account, said, None if said is not None else _why_unread(checks), checks)


def _why_unread(checks: tuple[KeyCheck, ...]) -> OpenRouterError | None:
    for check in checks:
        if check.status is not None and check.status.problems:
            return check.status.problems[-1]  # the wallet's comes after the key's
    return checks[0].error


@frozen
class Options:
    """What a caller says about a batch; `check_keys` documents it."""

    concurrency: int
    read: frozenset[str]
    rate: float | None
    deadline: float | None

    @staticmethod
    def of(concurrency: int, read: Iterable[str], rate: float | None, deadline: float | None) -> Options:
        """Check them.

        Raises:
            TypeError: one is of a wrong type.
            ValueError: one is out of range.
        """
        check_count("concurrency", concurrency)
        if isinstance(read, str) or not isinstance(read, Iterable):
            raise TypeError(f'read is a tuple such as ("credits",), not {type(read).__name__}')
        wanted = frozenset(read)
        if not wanted or wanted - {"credits", "key"}:
            raise ValueError('read is made of "credits" and "key"')
        if rate is not None:
            check_seconds("rate", rate, unit="requests a second")
        if deadline is not None:
            check_seconds("deadline", deadline)
        return Options(concurrency, wanted, rate, deadline)
