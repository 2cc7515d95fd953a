"""JSON becomes collections and callers' own classes; an error names its path, and is the first found."""

from __future__ import annotations

import json
from collections import ChainMap, Counter, OrderedDict, abc, defaultdict, deque
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypedDict, TypeVar

import pytest
from attrs import frozen

from openrouter_credits import ApiKey, InvalidResponseError, KeyInfo
from openrouter_credits._call.protocol import Reply, decode
from tests.kit.values import MASK, made_up


def read(into: Any, text: str | bytes) -> Any:
    """Structure a whole JSON text."""
    return decode(Reply(200, {}, text.encode() if isinstance(text, str) else text), into, whole=True)


@frozen
class Row:
    """A class of the caller's own."""

    date: str
    requests: int
    usage: Decimal
    note: str | None = None


class Colour(StrEnum):
    """An enumeration of the caller's own."""

    RED = "red"


class Typed(TypedDict):
    """A typed dictionary of the caller's own."""

    data: list[Row]


K = TypeVar("K")
V = TypeVar("V")


class Named(dict[K, V]):
    """A dictionary of the caller's own."""


class Pair(TypedDict, Generic[K, V]):
    """A typed dictionary of the caller's own, with types for its two fields."""

    one: K
    two: V


def test_a_user_s_classes_are_structured() -> None:
    """JSON becomes a caller's own attrs class and typed dictionary, with exact amounts."""
    text = '{"data": [{"date": "2026-10-20", "requests": 3.0, "usage": 1.10, "new": 1}]}'

    assert read(Typed, text) == {"data": [Row("2026-10-20", 3, Decimal("1.1"))]}


def test_a_user_s_enum_stays_an_enum() -> None:
    """A text becomes a member of a caller's StrEnum, and a text that names no member is an error."""
    assert read(Colour, '"red"') is Colour.RED
    with pytest.raises(InvalidResponseError, match="blue"):
        read(Colour, '"blue"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"data": [{"date": "x", "requests": 1.5, "usage": 1}]}',
            "$.data[0].requests: a whole number is needed, not such a number",
        ),
        (
            '{"data": [{"date": "x", "requests": 1, "usage": null}]}',
            "$.data[0].usage: an amount is needed, not null",
        ),
        ('{"data": [{"date": "x", "requests": 1}]}', "$.data[0].usage: required, but missing"),
        (
            '{"data": [{"date": false, "requests": 1, "usage": 1}]}',
            "$.data[0].date: a text is needed, not false",
        ),
        ('{"data": "abc"}', "$.data: a list is needed, not a text"),
        ('{"data": [[]]}', "$.data[0].date: "),
        ("{}", "$.data: required, but missing"),
        ("[]", "$: expected a mapping, not list"),
    ],
)
def test_an_error_names_the_path(text: str, words: str) -> None:
    """The error names the path of the wrong value, what is needed there, and what the body has instead."""
    with pytest.raises(InvalidResponseError) as caught:
        read(Typed, text)

    assert words in caught.value.summary


# the first wrong element ends it


@pytest.mark.parametrize(
    ("into", "text", "expected"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (tuple[int, ...], "[1, 2]", (1, 2)),
        (set[int], "[1, 2, 2]", {1, 2}),
        (frozenset[int], "[1]", frozenset({1})),
        (deque[int], "[1]", deque([1])),
        (abc.MutableSequence[int], "[1]", [1]),
        (abc.MutableSet[int], "[1]", {1}),
        (abc.Mapping[str, int], '{"a": 1.0}', {"a": 1}),
        (dict[str, list[Decimal]], '{"a": [1.10]}', {"a": [Decimal("1.1")]}),
        (dict[Any, Any], '{"a": [1]}', {"a": [1]}),
        (abc.MutableMapping[str, Decimal], '{"a": 1.10}', {"a": Decimal("1.1")}),
        (OrderedDict[str, Decimal], '{"a": 1.10}', OrderedDict(a=Decimal("1.1"))),
        (ChainMap[str, int], '{"a": 1.0}', ChainMap({"a": 1})),
        (Counter[str], '{"a": 1.0}', Counter(a=1)),
        (Named[str, int], '{"a": 1.0}', Named(a=1)),
        (Pair[int, str], '{"one": 1, "two": "b"}', {"one": 1, "two": "b"}),
        (list[Any], "[1, null]", [1, None]),
        (list[Row | None], "[null]", [None]),
    ],
)
def test_a_collection_is_made_of_its_elements(into: Any, text: str, expected: object) -> None:
    """A JSON list becomes the collection asked for, and an object becomes a dictionary."""
    value = read(into, text)

    assert value == expected
    assert type(value) is type(expected)


def test_a_defaultdict_knows_its_default() -> None:
    """A defaultdict makes a missing value of the type of its values."""
    value = read(defaultdict[str, int], '{"a": 1}')

    assert (type(value), value["a"], value["b"]) == (defaultdict, 1, 0)


@frozen
class Tree:
    """A class that holds itself."""

    name: str
    parts: list[Tree]
    named: dict[str, Tree] | None = None


def test_a_class_may_hold_itself() -> None:
    """A class whose lists and dictionaries hold the class itself is structured, and its errors have paths."""
    leaf = '{"name": "leaf", "parts": []}'

    assert read(Tree, f'{{"name": "a", "parts": [{leaf}], "named": {{"b": {leaf}}}}}') == Tree(
        "a", [Tree("leaf", [])], {"b": Tree("leaf", [])}
    )
    with pytest.raises(
        InvalidResponseError, match=r"\$\.parts\[1\]\.name: a text is needed, not such a number"
    ):
        read(Tree, f'{{"name": "a", "parts": [{leaf}, {{"name": 7, "parts": []}}]}}')


class Counted(StrEnum):
    """An enumeration that counts how often it was asked for a member."""

    KNOWN = "known"

    @classmethod
    def _missing_(cls, value: object) -> None:
        ASKED.append(value)


ASKED: list[object] = []


@pytest.mark.parametrize(
    ("into", "text", "path"),
    [
        (list[Counted], '["a", "b", "c"]', r"\$\[0\]"),
        (tuple[Counted, ...], '["a", "b", "c"]', r"\$\[0\]"),
        (set[Counted], '["a", "b", "c"]', r"\$\[0\]"),
        (dict[str, Counted], '{"a": "a", "b": "b"}', r"\$\['a'\]"),
        (abc.Mapping[str, Counted], '{"a": "a", "b": "b"}', r"\$\['a'\]"),
        (OrderedDict[str, Counted], '{"a": "a", "b": "b"}', r"\$\['a'\]"),
        (defaultdict[str, Counted], '{"a": "a", "b": "b"}', r"\$\['a'\]"),
        (ChainMap[str, Counted], '{"a": "a", "b": "b"}', r"\$\['a'\]"),
        (Named[str, Counted], '{"a": "a", "b": "b"}', r"\$\['a'\]"),
        (Counter[Counted], '{"a": 1, "b": 1}', r"\$\['a'\]"),
        (dict[str, list[Counted]], '{"x": ["a", "b"], "y": ["c"]}', r"\$\['x'\]\[0\]"),
    ],
)
def test_nothing_is_read_behind_an_element_that_is_wrong(into: Any, text: str, path: str) -> None:
    """The first wrong element of a list or an object ends the reading, and the error names its path."""
    ASKED.clear()

    with pytest.raises(InvalidResponseError, match=f"200, but {path}: 'a' is not"):
        read(into, text)

    assert ASKED == ["a"]


@pytest.mark.parametrize(
    ("into", "element"),
    [
        (list[str], "1,"),
        (tuple[str, ...], "1,"),
        (set[str], "1,"),
        (list[list[str]], "[1],"),
        (list[Row], "{},"),
        (list[dict[str, int]], "[],"),
    ],
)
def test_a_large_body_that_is_wrong_has_a_short_error(into: Any, element: str) -> None:
    """A body of 100,000 wrong elements is an error of one line, with the path of the first."""
    with pytest.raises(InvalidResponseError) as caught:
        read(into, f"[{element * 99_999}{element[:-1]}]")

    assert caught.value.summary.startswith("200, but $[0]")
    assert len(caught.value.summary) < 250


def test_a_value_that_is_quoted_is_cut() -> None:
    """An error that quotes a text of 100,000 characters is cut to 200."""
    with pytest.raises(InvalidResponseError) as caught:
        read(Colour, f'"{"x" * 100_000}"')

    assert len(caught.value.summary) < 250


# keys that a server echoes

OWN = ApiKey("nobodys.own-token/of+many~characters=")
ANOTHER = made_up("another")


@pytest.mark.parametrize(
    "text",
    [
        ANOTHER,
        f"key {ANOTHER}!",
        "\\u0073" + ANOTHER[1:],
        OWN.reveal(),
        OWN.reveal().replace("/", "\\/"),
        f"Bearer {OWN.reveal()}",
    ],
    ids=["alone", "in words", "escaped", "own", "own, escaped", "own, as a bearer"],
)
@pytest.mark.parametrize(
    "field", ["label", "limit_reset", "creator_user_id", "workspace_id", "new", "is_free_tier", "budgets"]
)
def test_a_key_that_the_server_echoes_is_masked(field: str, text: str) -> None:
    """A key in any field of our own classes, known or not, is masked where the value is made."""
    fields = {"label": '"k"', "usage": "1", "limit": "null", field: f'"{text}"'}
    if field == "budgets":
        fields[field] = f'[{{"scope": "{text}", "remaining_usd": 1, "{text}": ["{text}"]}}]'
    body = ", ".join(f'"{name}": {item}' for name, item in fields.items())

    key = decode(Reply(200, {}, f'{{"data": {{{body}}}}}'.encode()), KeyInfo, key=OWN)

    shown = f"{key!r} {key.extra} {[budget.extra for budget in key.budgets or ()]}"
    assert "***" in shown or str(OWN) in shown
    assert OWN.reveal() not in shown
    assert ANOTHER not in shown
    assert key.usage == 1


@pytest.mark.parametrize("text", [MASK, "nobody", "task-runner-production-eu-west-1-and-more"])
def test_a_text_that_is_no_key_stays(text: str) -> None:
    """A label that is a proper mask, or any other text, stays as it is."""
    body = json.dumps({"data": {"label": text, "usage": 1, "limit": None, "other": "sk-or-v1-0e6...1c96"}})

    assert decode(Reply(200, {}, body.encode()), KeyInfo, key=ApiKey("nobody")).label == text


def test_a_callers_own_class_receives_a_new_key() -> None:
    """A key in the body of `request()` is not masked: it may be a new one, which is shown only once."""
    body = json.dumps({"key": ANOTHER}).encode()

    assert decode(Reply(200, {}, body), dict[str, str], key=OWN, whole=True) == {"key": ANOTHER}
