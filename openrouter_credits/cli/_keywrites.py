"""`openrouter-credits keys disable, enable, limit, delete`: each shows what it would do, and asks."""

from __future__ import annotations

from functools import partial
from types import EllipsisType
from typing import TYPE_CHECKING

from attrs import frozen

from openrouter_credits._words import exact_usd, one_line
from openrouter_credits.cli._account import ask
from openrouter_credits.cli._consent import decline, tell
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._judge import NEVER
from openrouter_credits.cli._keyname import find_key, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from decimal import Decimal
    from typing import Any

    from openrouter_credits import Account, ManagedKey
    from openrouter_credits.cli._consent import Way


@frozen
class _Change:
    """A change of a key: in words, and as a call."""

    plan: str
    """Such as `limit $10.00 → $20.00, monthly`."""
    done: str
    """Such as `disabled`."""
    write: Callable[[Account], Coroutine[Any, Any, object]]
    is_needed: bool = True


def switch_key(word: str, way: Way, *, disabled: bool) -> int:
    """Switch a key off or on, and return the exit code.

    Raises:
        CommandError: there is not one key of this name or hash, or nobody can be asked.
        OpenRouterError: nothing was changed; `AmbiguousWriteError`: perhaps it was.
    """

    def plan(key: ManagedKey) -> _Change:
        before, after = ("enabled", "disabled") if disabled else ("disabled", "enabled")
        return _Change(
            f"{before} → {after}",
            after,
            lambda account: account.update_key(key.hash, disabled=disabled),
            is_needed=key.disabled is not disabled,
        )

    return _change(word, way, plan)


def limit_key(word: str, way: Way, limit: Decimal | None, reset: str | EllipsisType | None = ...) -> int:
    """Set or remove the limit of a key, and return the exit code.

    Args:
        word: the key's name or hash.
        way: how to write.
        limit: in US dollars; `None` removes it.
        reset: its interval; `None` for never, `...` leaves it as it is.

    Raises:
        CommandError: as for `switch_key`, or an interval is given for no limit.
        OpenRouterError: as for `switch_key`.
    """
    if limit is None and reset is not ...:
        raise CommandError("--reset is the interval of a limit, and there is to be none. Leave it out.")

    def plan(key: ManagedKey) -> _Change:
        interval = key.limit_reset if isinstance(reset, EllipsisType) else reset
        return _Change(
            _limit_plan(key, limit, interval),
            limit_in_words(limit, interval),
            lambda account: account.update_key(key.hash, limit=limit, limit_reset=reset),
            is_needed=limit != key.limit or (limit is not None and interval != key.limit_reset),
        )

    return _change(word, way, plan)


def delete_key(word: str, way: Way) -> int:
    """Delete a key, and return the exit code.

    Raises:
        CommandError: as for `switch_key`.
        OpenRouterError: as for `switch_key`.
    """

    def plan(key: ManagedKey) -> _Change:
        words = "delete it for ever; requests with it are refused from then on"
        return _Change(words, "deleted", lambda account: account.delete_key(key.hash))

    return _change(word, way, plan)


def _change(word: str, way: Way, plan: Callable[[ManagedKey], _Change]) -> int:
    way.require_consent()
    key = ask(partial(find_key, word=word), way.timeout)
    name, change = name_of(key), plan(key)
    if change.is_needed:
        if not way.is_agreed(f"{name} ({one_line(key.label)}): {change.plan}"):
            return decline()
        way.send(change.write)
    tell(f"{name}: {change.done}." if change.is_needed else f"{name}: {change.done} already.")
    return 0


def _limit_plan(key: ManagedKey, limit: Decimal | None, reset: str | None) -> str:
    """Describe a change of a limit; its interval is named once, unless it changes."""
    if limit is None:
        after = "none"
    elif key.limit is None or key.limit_reset == reset:
        after = _amount(limit, reset)
    else:
        return f"limit {_amount(key.limit, key.limit_reset or NEVER)} → {_amount(limit, reset or NEVER)}"
    before = "none" if key.limit is None else exact_usd(key.limit)
    return f"limit {before} → {after}"


def limit_in_words(limit: Decimal | None, reset: str | None) -> str:
    """Describe a limit: `limit $20.00, monthly`, or `no limit`."""
    return "no limit" if limit is None else f"limit {_amount(limit, reset)}"


def _amount(limit: Decimal, reset: str | None) -> str:
    if reset is None:
        return exact_usd(limit)
    return f"{exact_usd(limit)}, {'never reset' if reset == NEVER else one_line(reset)}"
