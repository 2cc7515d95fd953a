"""What an alarm remembers, and how it is written as plain data: an entry a subject, and one for the whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from attrs import define, field
from cattrs import Converter

from openrouter_credits._arguments import require_dollars
from openrouter_credits.history import OPENROUTER, Reading, Subject
from openrouter_credits.watch._ahead import Expiry, Outlook
from openrouter_credits.watch._counts import Clock
from openrouter_credits.watch._rules import DAY
from openrouter_credits.watch._sight import Sight
from openrouter_credits.watch._standing import Standing

VERSION = 1
"""Of the entries; entries of another version are taken for none."""
_WHOLE = "alarm"
_KINDS = ("wallet", "budget", "key", OPENROUTER.kind)
_LAST_YEAR = 9000
"""No sum of moments and spans runs over."""
_TICK = timedelta(microseconds=1)
_T = TypeVar("_T")


@define
class State:
    """What is remembered of one subject."""

    standing: Standing = field(factory=Standing)
    sight: Sight = field(factory=Sight)
    outlook: Outlook = field(factory=Outlook)
    expiry: Expiry = field(factory=Expiry)
    last_since: datetime | None = None
    """`Event.since` of its last event: the next one's is later, so that no id occurs twice."""
    is_known: bool = False
    """Whether it was ever read."""
    is_hidden: bool = False
    """Whether it may not be read, and never was: it is out of sight, not stale."""
    gone_at: datetime | None = None
    """When it was found to be missing from a complete report."""
    remaining: Decimal | None = None
    """The amount that was read last; `None` for no limit."""
    is_limitless: bool = False
    """Whether it is a key without a limit of its own."""
    bound_by: str = "wallet"
    keys: tuple[str, ...] = ()
    under: tuple[Subject, ...] = ()

    @property
    def is_watched(self) -> bool:
        """Whether it may be read, and is still there."""
        return not self.is_hidden and self.gone_at is None

    def later(self, moment: datetime) -> datetime:
        """Return a moment, or if it is not later than the last event's, the next one after that."""
        return moment if self.last_since is None else max(moment, self.last_since + _TICK)

    def note(self, reading: Reading) -> None:
        """Remember what a reading tells; of what it does not tell, keep what was known before."""
        self.bound_by = reading.bound_by
        self.keys = reading.keys or self.keys
        self.under = reading.under or self.under
        if reading.is_read:
            self.is_known, self.is_hidden = True, False
        if reading.is_read and reading.stop is None:
            self.remaining, self.is_limitless = reading.remaining, reading.remaining is None
            self.under = reading.under


@define
class Memory:
    """All that an alarm remembers."""

    clock: Clock | None = None
    """`None` before the first look."""
    states: dict[Subject, State] = field(factory=dict)

    @property
    def host(self) -> State:
        """The state of all subjects together."""
        return self.state(OPENROUTER)

    def state(self, subject: Subject) -> State:
        """Return the state of a subject that a look is at."""
        state = self.states.get(subject) or State()
        self.states[subject] = state
        state.gone_at = None
        return state

    def watched(self) -> dict[Subject, State]:
        """Return the states of all that is watched: wallets, budgets and keys."""
        return {
            subject: state
            for subject, state in self.states.items()
            if state.is_watched and subject != OPENROUTER
        }

    def names(self) -> tuple[str, ...]:
        """List the names of all keys, each once."""
        return tuple(dict.fromkeys([name for state in self.watched().values() for name in state.keys]))

    def sharing(self) -> dict[Subject, set[Subject]]:
        """Return the keys that share each wallet and each budget."""
        keys: dict[Subject, set[Subject]] = {}
        for subject, state in self.watched().items():
            for shared in state.under:
                keys.setdefault(shared, set()).add(subject)
        return keys

    def is_covered(self, state: State) -> bool:
        """Tell whether a key has no limit of its own, or shares what has no more left than its limit."""
        if state.is_limitless:
            return True
        own = state.remaining
        others = [self.states[shared].remaining for shared in state.under if shared in self.states]
        return own is not None and any(other is not None and other <= own for other in others)

    def lose(self, subject: Subject, now: datetime) -> None:
        """Take in that a subject is gone: forget how it stood a day later.

        Watchers of different keys may share one history; each finds the subjects of the other to be gone.
        """
        state = self.states[subject]
        state.sight = Sight()
        state.gone_at = state.gone_at or now
        if now - state.gone_at >= DAY:
            del self.states[subject]

    def write(self) -> dict[str, Any]:
        """Return all of it as plain data, which JSON takes and gives back."""
        entries = {} if self.clock is None else {_WHOLE: _entry(self.clock)}
        return entries | {_name(subject): _entry(state) for subject, state in self.states.items()}

    @classmethod
    def read(cls, entries: object) -> Memory:
        """Return what plain data stands for; damaged entries, and those of another version, are left out."""
        if not isinstance(entries, Mapping):
            return cls()
        found = {_read(Subject, name): _read(State, entry) for name, entry in entries.items()}
        states = {subject: state for subject, state in found.items() if subject and state}
        return cls(_read(Clock, entries.get(_WHOLE)), states)


def _name(subject: Subject) -> str:
    """Name an entry; the text of a subject alone does not tell keys of one name apart."""
    return json.dumps([subject.kind, subject.account, subject.name, subject.hash])


def _entry(value: object) -> dict[str, Any]:
    return {"version": VERSION, **_converter.unstructure(value)}


def _read(kind: type[_T], entry: object) -> _T | None:
    if isinstance(entry, Mapping):
        if entry.get("version") != VERSION:
            return None
        entry = {name: value for name, value in entry.items() if name != "version"}
    try:
        return _converter.structure(entry, kind)
    except Exception:  # noqa: BLE001 - what was damaged may raise anything
        return None


def _read_moment(text: Any, _: object) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.year > _LAST_YEAR:
        raise ValueError("no moment of an alarm")
    return moment.astimezone(UTC)


def _read_subject(text: Any, _: object) -> Subject:
    kind, account, name, hash_ = json.loads(text)
    if kind not in _KINDS or not all(isinstance(part, str | None) for part in (account, name, hash_)):
        raise TypeError("no name of a subject")
    return Subject(kind, account, name, hash=hash_)


def _made() -> Converter:
    """Make a converter that leaves out defaults, and takes no fields that it does not know."""
    made = Converter(
        omit_if_default=True,
        forbid_extra_keys=True,
        detailed_validation=False,
        unstruct_collection_overrides={tuple: list},
    )
    made.register_unstructure_hook(datetime, datetime.isoformat)
    made.register_unstructure_hook(Decimal, str)
    made.register_unstructure_hook(Subject, _name)
    made.register_structure_hook(datetime, _read_moment)
    made.register_structure_hook(Decimal, lambda text, _: require_dollars(text))
    made.register_structure_hook(Subject, _read_subject)
    return made


_converter = _made()
