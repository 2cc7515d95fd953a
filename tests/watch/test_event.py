"""Events: plain values with an id that everybody makes alike."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from openrouter_credits import Level, Runway
from openrouter_credits.history import Subject
from openrouter_credits.watch import Event
from openrouter_credits.watch._event import event_id
from tests.kit.values import NOW

ACME = Subject("wallet", "acme")
BOT = Subject("key", "acme", "bot", hash="8f14e45f")
LOW = Event(
    event_id(ACME, "low", NOW),
    "low",
    ACME,
    Level.LOW,
    Level.OK,
    Decimal("9.9"),
    Decimal(10),
    "wallet",
    None,
    Runway("runs_out", Decimal("26.4"), NOW + timedelta(hours=9), NOW + timedelta(hours=5), None, "history"),
    ("bot", "ci"),
    NOW,
    NOW,
    "acme has $9.90 left.",
)


@pytest.mark.parametrize(
    ("subject", "kind", "since", "ordinal", "expected"),
    [
        (ACME, "low", NOW, 0, "fb322cb7-98c2-55db-976e-90f95cb69602"),
        (ACME, "depleted", NOW, 3, "12f6f05a-d7f3-581c-96fd-0674664fb156"),
        (BOT, "expiring", NOW, 7, "e8e0d8e2-6ee8-5fa8-b2b5-e20b3c35c9d6"),
        (
            Subject("openrouter"),
            "stale",
            NOW + timedelta(microseconds=1),
            0,
            "65429cd1-b214-519e-b19e-608d0fed0480",
        ),
    ],
)
def test_the_id_of_an_event_never_changes(
    subject: Subject, kind: str, since: datetime, ordinal: int, expected: str
) -> None:
    """These ids are in histories already: whoever receives an event twice knows it by its id."""
    assert event_id(subject, kind, since, ordinal) == expected


def test_ids_differ_if_anything_differs() -> None:
    """Subject, hash, kind, since and ordinal make the id; parts that look alike joined do not collide."""
    ids = [
        event_id(subject, kind, since, ordinal)
        for subject in (ACME, BOT, Subject("key", "acme", "bot"), Subject("wallet", None, "acme"))
        for kind in ("low", "critical")
        for since in (NOW, NOW + timedelta(microseconds=1))
        for ordinal in (0, 1, 10)
    ]

    assert len(set(ids)) == 48


def test_the_id_is_the_same_in_every_time_zone() -> None:
    """The moment counts, not how it is written."""
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert event_id(ACME, "low", there) == event_id(ACME, "low", NOW)


def test_half_of_a_surrogate_pair_in_a_name_has_an_id() -> None:
    """Any name that Python can hold has an id."""
    assert len(event_id(Subject("key", "acme", "\ud800"), "low", NOW)) == 36


def test_an_event_is_its_sentence() -> None:
    """str() is the text; repr() is short, with kind, subject, level, amount, time and text."""
    assert str(LOW) == LOW.text
    assert repr(LOW) == (
        "Event(kind='low', subject=wallet:acme, level=<Level.LOW: 'LOW'>, amount=Decimal('9.9'), "
        "at=2026-10-21 13:05:00+00:00, text='acme has $9.90 left.')"
    )


def test_an_event_is_written_as_json() -> None:
    """Its document has all fields, exact amounts, and times in UTC."""
    document = json.loads(LOW.to_json(), parse_float=Decimal)

    assert document == {
        "schema_version": 2,
        "id": LOW.id,
        "kind": "low",
        "subject": {"kind": "wallet", "account": "acme", "name": None, "hash": None},
        "level": "LOW",
        "previous": "OK",
        "amount": Decimal("9.9"),
        "threshold": 10,
        "bound_by": "wallet",
        "resets_at": None,
        "runway": {
            "verdict": "runs_out",
            "per_day": Decimal("26.4"),
            "runs_out_at": "2026-10-21T22:05:00Z",
            "earliest": "2026-10-21T18:05:00Z",
            "resets_at": None,
            "basis": "history",
        },
        "keys": ["bot", "ci"],
        "at": "2026-10-21T13:05:00Z",
        "since": "2026-10-21T13:05:00Z",
        "text": "acme has $9.90 left.",
    }


def test_an_event_is_pickled_and_copied() -> None:
    """Copies and pickles are equal to it, and name the room that it is from."""
    assert [pickle.loads(pickle.dumps(LOW)), copy.copy(LOW), copy.deepcopy(LOW)] == [LOW] * 3
    assert Event.__module__ == "openrouter_credits.watch"
    assert len({LOW, pickle.loads(pickle.dumps(LOW))}) == 1
