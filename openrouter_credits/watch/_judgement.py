"""One look, judged: what is new of each subject. Pure decisions on plain data, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import define, evolve, field

from openrouter_credits import AuthenticationError, Level
from openrouter_credits.history import OPENROUTER, Reading, Readings, Subject
from openrouter_credits.watch._rules import Rules
from openrouter_credits.watch._speaker import Speaker
from openrouter_credits.watch._states import Memory, State

_ORDER = {"wallet": 0, "budget": 1, "key": 2}
"""What keys share comes before the keys that it covers."""


@define(eq=False)
class Judgement:
    """One look, judged subject by subject."""

    memory: Memory
    rules: Rules
    speaker: Speaker
    now: datetime
    """The time of the look, by the alarm's own clock."""
    is_partial: bool
    """Whether the look was at some subjects alone."""
    error: Exception | None = None
    """Why the look failed as a whole, or why keys are missing from its report."""
    levels: dict[Subject, Level] = field(factory=dict)
    """The level of each subject that the look was at."""
    missed: dict[Subject, Reading] = field(factory=dict)
    """The subjects that the look was at, and did not read."""
    refused: set[Subject] = field(factory=set)
    """The keys that were refused: their own events say why what they share was not read."""
    is_held: bool = False
    """Whether all keys are refused together: none of them speaks for itself."""
    hidden: dict[Subject, Reading] = field(factory=dict)
    """Those of which nothing is said, since they may not be read."""

    def take_nothing(self, readings: Sequence[Reading]) -> None:
        """Take in a look that read nothing: the host failed, and it alone speaks."""
        for reading in map(self._with_all_keys, readings):
            self._miss(reading)
        if self.hidden and not self.missed:
            return  # all of it is out of sight
        if not self.is_partial:
            self._miss_others(readings, None)
        host = self.memory.host
        host.sight.miss(self.now, self.rules)
        errors = [self.error, *[reading.error for reading in readings]]
        why = next((each for each in errors if each is not None), None)
        together = Reading(OPENROUTER, is_read=False, keys=self.memory.names())
        self._say_if_stale(host, together, Level.OK, why)

    def take(self, found: Readings) -> None:
        """Take in a look that read something."""
        self._see(self.memory.host, Reading(OPENROUTER, keys=self.memory.names()), Level.OK)
        self.refused = {reading.subject for reading in found.readings if reading.stop == "refused"}
        self.is_held = self._judge_all(found)
        for reading in map(
            self._with_all_keys, sorted(found.readings, key=lambda each: _place(each.subject))
        ):
            if not reading.is_read:
                self._miss(reading)
            elif self.is_held and reading.subject in self.refused:
                self._hold(reading)
            else:
                self._judge(reading)
        if not self.is_partial:
            self._miss_others(found.readings, found)
        if self.missed:
            self._speak_of_the_unseen()

    def _with_all_keys(self, reading: Reading) -> Reading:
        """Name all keys that share a subject; a look at some subjects alone knows a part of them."""
        known = self.memory.states.get(reading.subject) if self.is_partial else None
        return evolve(reading, keys=known.keys or reading.keys) if known is not None else reading

    def _judge_all(self, found: Readings) -> bool:
        """Judge all keys together; tell whether they are refused together, and none speaks for itself."""
        keys = [reading for reading in found.readings if reading.subject.kind == "key"]
        host, now = self.memory.host, self.memory.host.later(self.now)
        if found.are_all_refused and self._are_all([reading.subject for reading in keys]):
            names = tuple(dict.fromkeys([name for reading in keys for name in reading.keys]))
            together = Reading(OPENROUTER, stop="refused", error=keys[0].error, keys=names)
            news = host.standing.stop(together, now, self.rules, is_first=False)
            self.speaker.level(host, together, news)
            return True
        if any(reading.is_read and reading.stop != "refused" for reading in keys):
            together = Reading(OPENROUTER, keys=self.memory.names())
            news = host.standing.judge(together, now, self.rules, is_covered=False)
            self.speaker.level(host, together, news)
        return host.standing.level is Level.INVALID

    def _are_all(self, keys: Sequence[Subject]) -> bool:
        """Tell whether these are all keys; a look at some subjects alone may have been at a part of them."""
        watched = self.memory.watched() if self.is_partial else ()
        return {subject for subject in watched if subject.kind == "key"} <= set(keys)

    def _hold(self, reading: Reading) -> None:
        """Take in one key of all that are refused together."""
        state = self.memory.state(reading.subject)
        state.note(reading)
        state.standing.refuse(self.now, self.rules)
        is_told = Level.INVALID in (self.memory.host.standing.level, state.standing.level)
        self.levels[reading.subject] = Level.INVALID if is_told else Level.UNKNOWN
        if is_told:
            state.sight.hit(self.now)

    def _judge(self, reading: Reading) -> None:
        """Judge what was read of a subject, and say what is new."""
        state, rules = self.memory.state(reading.subject), self.rules
        is_first = not state.is_known
        state.note(reading)
        standing, is_covered = state.standing, self.memory.is_covered(state)
        if reading.stop is not None:
            self._stop(state, reading, is_first=is_first)
            return
        found = Level.OK if reading.remaining is None else rules.level(reading.remaining)
        self._see(state, reading, found)
        news = standing.judge(reading, state.later(self.now), rules, is_covered=is_covered)
        self.speaker.level(state, reading, news)
        level = found if is_covered or standing.level is None else standing.level
        self.levels[reading.subject] = level
        if not is_covered:
            self._say_if_it_runs_out(state, reading, level)
        if reading.expires_at is not None:
            self._say_if_it_expires(state, reading, reading.expires_at, level)

    def _stop(self, state: State, reading: Reading, *, is_first: bool) -> None:
        """Judge a key that cannot spend at all."""
        if reading.stop != "refused":
            self._see(state, reading, Level.INVALID)
        news = state.standing.stop(reading, state.later(self.now), self.rules, is_first=is_first)
        self.speaker.level(state, reading, news)
        self.levels[reading.subject] = Level.UNKNOWN
        if state.standing.level is Level.INVALID:
            state.sight.hit(self.now)  # `invalid` says all: no `fresh` for a key that is refused
            self.levels[reading.subject] = Level.INVALID

    def _say_if_it_runs_out(self, state: State, reading: Reading, level: Level) -> None:
        runway, amount = self.speaker.runways.get(reading.subject), reading.remaining
        if runway is None or amount is None:
            return
        if state.outlook.judge(amount, reading, runway, self.speaker.time, self.now, self.rules):
            self.speaker.running_out(state, reading, level, self.now)

    def _say_if_it_expires(self, state: State, reading: Reading, expires_at: datetime, level: Level) -> None:
        days = state.expiry.judge(expires_at, self.speaker.time, self.rules.expiring)
        if days is not None:
            self.speaker.expiring(reading, expires_at, level, days)

    def _see(self, state: State, reading: Reading, level: Level) -> None:
        """Take in that a subject was read; that is said before anything else of it."""
        lasted = state.sight.hit(self.now)
        if lasted is not None:
            self.speaker.fresh(state, reading, state.standing.level or level, self.now, lasted)

    def _miss(self, reading: Reading) -> None:
        """Take in that a subject was not read; one that may not be read, and never was, is out of sight."""
        state = self.memory.state(reading.subject)
        state.is_hidden = state.is_hidden or (reading.is_hidden and not state.is_known)
        if state.is_hidden:
            self.hidden[reading.subject] = reading
            return
        state.note(reading)
        self.levels[reading.subject] = Level.UNKNOWN
        if reading.is_refused or (self.is_held and isinstance(reading.error, AuthenticationError)):
            state.sight.excuse()
            return
        state.sight.miss(self.now, self.rules)
        self.missed[reading.subject] = reading

    def _miss_others(self, readings: Sequence[Reading], found: Readings | None) -> None:
        """Take in what is not among the readings: gone, if the report is complete; else not read."""
        listed = {OPENROUTER, *[reading.subject for reading in readings]}
        others = [each for each in self.memory.states.items() if each[0] not in listed]
        for subject, state in others:
            if found is not None and found.is_gone(subject):
                self.memory.lose(subject, self.now)
            elif state.is_watched:
                self._miss(Reading(subject, bound_by=state.bound_by, is_read=False))

    def _speak_of_the_unseen(self) -> None:
        """Say once what could not be read: of a wallet or a budget, instead of the keys that share it."""
        watched = self.memory.watched()
        sharing = self.memory.sharing()
        named = set(self.refused)
        for subject in sorted(watched, key=_place):
            state = watched[subject]
            if not state.sight.failed.number:
                continue
            keys = {subject} if subject.kind == "key" else sharing.get(subject, set())
            is_named = subject.kind != "wallet" and keys <= named
            named |= keys
            is_silent = subject.kind == "key" and (self.is_held or self.memory.is_covered(state))
            if subject in self.missed and not is_named and not is_silent:
                reading = evolve(self.missed[subject], remaining=state.remaining, keys=state.keys)
                self._say_if_stale(state, reading, Level.UNKNOWN, reading.error or self.error)

    def _say_if_stale(self, state: State, reading: Reading, level: Level, error: Exception | None) -> None:
        lasted = state.sight.report(self.now, self.rules)
        if lasted is not None:
            self.speaker.stale(state, reading, state.standing.level or level, lasted, error)


def _place(subject: Subject) -> int:
    return _ORDER[subject.kind]
