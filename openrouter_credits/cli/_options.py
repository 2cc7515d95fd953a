"""The options of the commands as values: how to read keys, and how to show the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from openrouter_credits.cli._exits import CommandError

if TYPE_CHECKING:
    from decimal import Decimal

    from openrouter_credits import KeyCheck, KeyStatus, Level


@frozen
class Reading:
    """The endpoints to read, and how. All times are in seconds."""

    read: tuple[Literal["credits", "key"], ...] = ("credits", "key")
    """`("key",)` judges a key by its own limits."""
    timeout: float = 10.0
    """For each try."""
    deadline: float | None = None
    """For the whole command; `None` for 30 seconds for one key, and for no limit for many."""
    concurrency: int = 32
    """Keys under way at once."""
    rate: float | None = None
    """Requests a second at most."""
    all_keys: bool = False
    """Whether disabled and expired keys of a whole account are checked, too."""


@frozen
class Form:
    """The thresholds of the levels, in US dollars, and the output format."""

    warn: Decimal
    critical: Decimal
    style: Literal["text", "json", "jsonl", "oneline"] = "text"

    def level(self, outcome: KeyCheck | KeyStatus) -> Level:
        """Return the level of a key."""
        return outcome.level(self.warn, self.critical)


def make_form(warn: Decimal, critical: Decimal | None, **styles: bool) -> Form:
    """Make a form of the options; `critical` is half of `warn` unless it is given.

    Raises:
        CommandError: two styles, or thresholds that contradict each other.
    """
    wanted = [style for style, is_wanted in styles.items() if is_wanted]
    if len(wanted) > 1:
        raise CommandError(f"--{wanted[0]} and --{wanted[1]} exclude each other.")
    style: Any = wanted[0] if wanted else "text"
    if critical is None:
        return Form(warn, warn / 2, style)
    if warn < critical:
        raise CommandError(f"--warn {warn} is below --critical {critical}: give both.")
    return Form(warn, critical, style)
