"""The picture of a watch: the subjects, the worst first, the last events, and why it is silent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen
from rich.console import Group
from rich.constrain import Constrain
from rich.text import Text

from openrouter_credits import Level
from openrouter_credits._words import limit_in_table, one_line
from openrouter_credits.cli._exits import ATTENTION
from openrouter_credits.cli._judge import UNKNOWN, usd
from openrouter_credits.cli._screen import STYLES, coloured, make_table
from openrouter_credits.cli._seen import Sight, sparkline
from openrouter_credits.cli._spans import lasts, span
from openrouter_credits.cli._table import GREY, NARROW, fold
from openrouter_credits.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rich.console import Console, RenderableType

    from openrouter_credits import Runway
    from openrouter_credits.cli._seen import Seen
    from openrouter_credits.cli._table import Sheet
    from openrouter_credits.history import Reading, Subject
    from openrouter_credits.watch import Alarm, Event

_KINDS = ("openrouter", "wallet", "budget", "key")
_LINE, _GAP = 16, 2
"""Columns of a sparkline, and before it."""
_OF_ID = 8
"""Characters of a budget's id, which is a long number."""
_Row = tuple["Subject", Level, Sight, "Runway | None"]

_OF_CTRL_C = 2
"""Columns for the `^C` that a terminal shows, which would break a longer line."""
_OF_EVENTS = 3
"""Events get this part of the screen's height, and more if the table leaves it to them."""


@frozen
class View:
    """How all is after a look."""

    levels: Mapping[Subject, Level]
    """Of the subjects that are watched."""
    runways: Mapping[Subject, Runway]
    next_at: datetime | None
    """When the next look begins; `None` if there is none."""

    @staticmethod
    def of(source: Watch | Alarm) -> View:
        """Take it from a watch, or from the alarm of a single look."""
        unwatched = {reading.subject for reading in source.unwatched}
        levels = {
            subject: Level(level) for subject, level in source.levels.items() if subject not in unwatched
        }
        if isinstance(source, Watch):
            return View(levels, source.runways, source.next_at)
        return View(levels, {}, None)


def draw_frame(
    console: Console, view: View, seen: Seen, events: Sequence[Event], now: datetime, height: int
) -> RenderableType:
    """Draw all subjects and the last events, in so many lines at most if possible."""
    silence = list(fold(Text(explain_silence(view, seen, now)), console.width - _OF_CTRL_C))
    told = [list(fold(event_line(event), console.width)) for event in events]
    room = height - len(silence) - 1
    least = min(sum(map(len, told)), room // _OF_EVENTS)
    table, rows = _table(console, view, seen, now, room - least - bool(least))
    lines = _last(told, room - rows - 1)
    return Group(table, *([Text(), *lines] if lines else []), Text(), *silence)


def _last(told: Sequence[list[Text]], room: int) -> list[Text]:
    """Return the lines of as many events as there is room for, newest last."""
    lines: list[Text] = []
    for event in reversed(told):
        if len(lines) + len(event) > room:
            break
        lines = [*event, *lines]
    return lines


def explain_silence(view: View, seen: Seen, now: datetime) -> str:
    """Say in one line how all is, and when the next look is."""
    text = f"{_clock(seen.looked_at or now)} UTC {_in_all(view.levels, seen, now)}"
    if view.next_at is None:
        return f"{text}."
    if view.next_at <= now:
        return f"{text}; looking again."
    return f"{text}; the next look is at {_clock(view.next_at)}."


def event_line(event: Event) -> Text:
    """Write an event with its time, in the colour of its level."""
    return Text.assemble((f"{_clock(event.at)} ", GREY), coloured(one_line(event), event.level))


def _in_all(levels: Mapping[Subject, Level], seen: Seen, now: datetime) -> str:
    if seen.error is not None:
        reason = one_line(getattr(seen.error, "summary", "") or type(seen.error).__name__).rstrip(".")
        read = [sight.read_at for sight in seen.sights.values() if sight.read_at is not None]
        last = f"; the last answer is {span((now - max(read)).total_seconds())} old" if read else ""
        return f"nothing was read: {reason}{last}"
    if not levels:
        return "there is nothing to watch"
    wallets = [subject for subject in levels if subject.kind == "wallet"]
    subject = wallets[0] if len(wallets) == 1 else next(iter(levels))
    level = max(levels.values())
    if (len(levels) == 1 or wallets == [subject]) and (levels[subject] == level):
        return f"{_name_of(subject)} {level}{_amount_of(subject, seen)}"
    return _counted(levels.values())


def _name_of(subject: Subject) -> str:
    return one_line("/".join(filter(None, (subject.account, subject.name))) or f"the {subject.kind}")


def _amount_of(subject: Subject, seen: Seen) -> str:
    sight = seen.sights.get(subject, Sight())
    if sight.reading is None or sight.reading.remaining is None:
        return ""
    keys = len(sight.reading.keys)
    shared = "" if subject.kind == "key" or not keys else f" for {keys} {'key' if keys == 1 else 'keys'}"
    return f", {usd(sight.reading.remaining)}{shared}"


def _table(console: Console, view: View, seen: Seen, now: datetime, room: int) -> tuple[RenderableType, int]:
    """Draw as many subjects as there is room for, and count the others; return the height, too."""
    levels = view.levels
    subjects = sorted(levels, key=lambda subject: _attention(subject, levels[subject], seen))
    shown = min(len(subjects), max(room - 1, 1))  # a table has a line of heads
    while True:
        rows = [
            (each, levels[each], seen.sights.get(each, Sight()), view.runways.get(each))
            for each in subjects[:shown]
        ]
        sheet = _sheet(rows, now)
        if console.width >= sheet.whole_width() + _GAP + _LINE and not console.options.ascii_only:
            sheet = _sheet(rows, now, _LINE)
        drawn: RenderableType = sheet
        if console.width <= NARROW and console.width < sheet.whole_width():
            drawn = Constrain(sheet, NARROW - 1)  # lines: a table so narrow would fold most names
        others = [levels[subject] for subject in subjects[shown:]]
        more = list(fold(Text(_more(others)), console.width)) if others else []
        height = len(console.render_lines(drawn, pad=False)) + len(more)
        if height <= room or shown <= 1:
            return Group(drawn, *more), height
        shown = min(shown - 1, max(shown * room // height, 1))


def _sheet(rows: Iterable[_Row], now: datetime, line: int = 0) -> Sheet:
    """Make the table; `line` is the width of the sparklines."""
    sheet = make_table("Level", "Watched", ">Left", ">A day", "Lasts", ">Age", heads=2)
    for subject, level, sight, runway in rows:
        bar = Text(sparkline(sight.amounts, line), STYLES[level]) if line else None
        sheet.add_row(coloured(level, level), *_cells(subject, sight, runway, now), bar=bar)
    return sheet


def _more(levels: Sequence[Level]) -> str:
    """Count the subjects that are not shown."""
    told = f"all {levels[0]}" if len(set(levels)) == 1 else _counted(levels)
    return f"and {len(levels):,} more, {told}"


def _counted(levels: Iterable[Level]) -> str:
    counts = Counter(levels)
    return ", ".join(f"{counts[level]:,} {level}" for level in sorted(counts, key=ATTENTION.__getitem__))


def _attention(subject: Subject, level: Level, seen: Seen) -> tuple[int, int, Decimal, str]:
    """Return the sort key: its level, then its kind, then the amount left."""
    reading = seen.sights.get(subject, Sight()).reading
    amount = None if reading is None else reading.remaining
    return (
        ATTENTION[level],
        _KINDS.index(subject.kind),
        Decimal("inf") if amount is None else amount,
        str(subject),
    )


def _cells(
    subject: Subject, sight: Sight, runway: Runway | None, now: datetime
) -> tuple[str, str, str, str, str]:
    """Format what is watched, the amount left, the burn, the runway, and the age of what was read."""
    reading, name = sight.reading, title(subject, sight.reading)
    if reading is None or sight.read_at is None:
        return name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN
    age = span((now - sight.read_at).total_seconds())
    if reading.remaining is None:  # no limit
        return name, "", "", "", age
    burn = UNKNOWN if runway is None else usd(runway.per_day)
    until = lasts(runway, now) if reading.remaining > 0 else ""
    return name, usd(reading.remaining), burn, until, age


def title(subject: Subject, reading: Reading | None) -> str:
    """Name a subject: `wallet acme`, `key acme/bot`, `workspace budget acme 0191d2c7`."""
    if subject.kind == "budget" and reading is not None:
        name = (subject.name or "")[:_OF_ID]
        return one_line(" ".join(filter(None, (limit_in_table(reading.bound_by), subject.account, name))))
    place = "/".join(filter(None, (subject.account, subject.name)))
    return one_line(f"{subject.kind} {place}").rstrip()


def _clock(when: datetime) -> str:
    return f"{when.astimezone(UTC):%H:%M}"
