"""Which keys of a batch spend from one wallet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attrs import define, evolve, field

from openrouter_credits._batch.check import KeyCheck, wallet_number
from openrouter_credits._batch.spec import KeySpec
from openrouter_credits._errors import ConfigurationError
from openrouter_credits._secrets import ApiKey, is_mask
from openrouter_credits._status.status import KeyStatus

_Name = str | ApiKey | tuple[int, int] | bytes
"""The name of a wallet: an account, a management key, the place of a report and its number there, or the
hash of a key that is listed for it."""
_HIDDEN = "***"
"""The mask of a short key, which tells no two of them apart."""
_HASH = re.compile("[0-9A-Fa-f]{64}")
"""A hash of OpenRouter, which is of one key alone; another server may number its keys."""


@define(eq=False)  # faster to make than a frozen one
class Job:
    """A key of a batch, and its wallet, as far as it is known before the key is read."""

    index: int
    spec: KeySpec
    account: str | None
    management_key: ApiKey | ConfigurationError | None
    wallet_names: tuple[_Name, ...]
    """The names that its wallet has in `Accounts`."""
    wallet_id: int | None

    def leave_wallet(self) -> None:
        """Note that the key spends from another wallet than its management key, and nobody knows which."""
        self.account, self.wallet_names, self.wallet_id = None, (), None


@define(eq=False)
class Accounts:
    """Numbers wallets: an account's name and each management key of it stand for the same number.

    That two numbers are one wallet may be learnt late: `current` tells which number stays.
    """

    _management_keys: dict[str, ApiKey] = field(init=False, factory=dict)
    _numbers: dict[_Name, int] = field(init=False, factory=dict)
    _names: dict[int, str] = field(init=False, factory=dict)
    """The account's name of each wallet that has one."""
    joined: dict[int, int] = field(init=False, factory=dict)
    """Numbers that are no longer used, and the number that stands for the same wallet."""
    _read: dict[int, tuple[ApiKey, tuple[_Name, ...]]] = field(init=False, factory=dict)
    """Keys that a later spec may name as management keys, by their index, and the names of their wallets."""

    def job(self, index: int, spec: KeySpec) -> Job:
        """Take a key into the batch.

        Raises:
            ValueError: its account has two management keys.
        """
        account, management_key = spec.account, spec.management_key
        if account is not None and not isinstance(management_key, ConfigurationError):
            management_key = self._management_key(account, management_key)
        names: tuple[_Name, ...] = () if account is None else (account,)
        if isinstance(management_key, ApiKey):
            account = account or str(management_key)
            names = (*names, management_key)
            if spec.management_key is None and management_key == spec.api_key:
                # Whether another spec names it as management key, and was first, must not change its status.
                management_key = None
        return Job(index, spec, account, management_key, names, self.join(*names))

    def is_known(self, key: ApiKey) -> bool:
        """Tell whether a key is the management key of a wallet."""
        return bool(self._numbers) and key in self._numbers

    def join(self, *names: _Name) -> int | None:
        """Note that these names stand for one wallet, and return its number."""
        if not names:
            return None
        numbers = [self._current(self._numbers.setdefault(name, len(self._numbers))) for name in names]
        first = min(numbers)
        for name, number in zip(names, numbers, strict=True):
            self._numbers[name] = first
            account = name if isinstance(name, str) else self._names.get(number)
            if account:
                self._names.setdefault(first, account)
            if number != first:
                self.joined[number] = first
        return first

    def place(self, job: Job, status: KeyStatus | None, *, for_report: bool) -> tuple[str | None, int | None]:
        """Return the account and the wallet of a job's key, as far as both are known now that it was read.

        Args:
            job: the key.
            status: what was read of it, if anything was.
            for_report: whether `settle` will be called: a later spec may name the key as a management key.
        """
        key, account, wallet_id = job.spec.api_key, job.account, job.wallet_id
        if isinstance(key, ConfigurationError):
            return account, self.current(wallet_id)
        is_manager = status is not None and status.key is not None and status.key.is_management_key
        if is_manager or self.is_known(key):
            return account or str(key), self.join(*job.wallet_names, key)
        if for_report:
            self._read[job.index] = key, job.wallet_names
        return account, self.current(wallet_id)

    def current(self, wallet_id: int | None) -> int | None:
        """Return the number that stands for a wallet now."""
        return None if wallet_id is None else self._current(wallet_id)

    def settle(self, checks: Iterable[KeyCheck]) -> tuple[KeyCheck, ...]:
        """Give all keys of a wallet the same number, and the account's name to those that have none."""
        indices: dict[ApiKey, list[int]] = {}
        for index, (key, _) in self._read.items():
            indices.setdefault(key, []).append(index)
        learnt: dict[int, tuple[int | None, str | None]] = {}
        for key, equal in indices.items():
            names = [name for index in equal for name in self._read[index][1]]
            if self.is_known(key):
                number, account = self.join(*names, key), str(key)
            elif len(equal) > 1 and names:
                number, account = self.join(*names), str(names[0])
            elif len(equal) > 1:
                number, account = -1 - equal[0], None
            else:
                continue
            learnt |= dict.fromkeys(equal, (number, account))
        return tuple([self._settle(check, learnt) for check in checks])

    def _management_key(self, account: str, key: ApiKey | None) -> ApiKey | None:
        """Return an account's management key: the one given, or else the one that another spec gave."""
        known = self._management_keys.get(account)
        if key is None:
            return known
        if known is not None and known != key:
            raise ValueError(f"account {account!r} has two management keys")
        self._management_keys[account] = key
        return key

    def _current(self, number: int) -> int:
        last = number
        while last in self.joined:
            last = self.joined[last]
        while number != last:  # make the way short for the next time
            self.joined[number], number = last, self.joined[number]
        return last

    def _settle(self, check: KeyCheck, learnt: Mapping[int, tuple[int | None, str | None]]) -> KeyCheck:
        number, account = check.wallet_id, check.account
        if number is None:
            number, account = learnt.get(check.index, (None, account))
        if number is None:
            return check
        wallet_id = self._current(number)
        if is_mask(account):
            account = self._names.get(wallet_id, account)
        if (wallet_id, account) == (check.wallet_id, check.account):
            return check
        return evolve(check, wallet_id=wallet_id, account=account)


def _names_told(check: KeyCheck) -> Iterable[_Name]:
    """Yield the names by which a wallet is known again in another report."""
    if check.account not in (None, _HIDDEN):
        yield check.account
    if check.managed_key is not None and _HASH.fullmatch(check.managed_key.hash):
        yield bytes.fromhex(check.managed_key.hash)


def united(reports: Iterable[Iterable[KeyCheck]]) -> tuple[KeyCheck, ...]:
    """Put the outcomes of reports together, numbered anew.

    Wallets are one if their accounts have one name, or if the same key was listed for both.
    """
    accounts = Accounts()
    found: list[tuple[KeyCheck, int, int | None]] = []
    for place, report in enumerate(reports):
        for check in report:
            number = wallet_number(check)
            found.append((check, place, number))
            if number is not None:
                accounts.join((place, number), *_names_told(check))
    numbers: dict[int | None, int] = {}
    checks = []
    for index, (check, place, number) in enumerate(found):
        wallet_id = None
        if number is not None:
            wallet_id = numbers.setdefault(accounts.join((place, number)), len(numbers))
            # `KeyCheck.wallet_id`: a negative number is the wallet of equal keys whose account nobody knows
            wallet_id = wallet_id if number >= 0 else -1 - wallet_id
        checks.append(evolve(check, index=index, wallet_id=wallet_id, joined={}))
    return tuple(checks)
