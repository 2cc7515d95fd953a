"""The key, or the workspace, that a word means; a doubt is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import ManagedKey
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._keyname import pick_key
from tests.kit.values import MASK

INSTEAD = "Give the hash instead"
LIST = "For the names of all keys: openrouter-credits keys --all."


def make(name: str | None, hash_: str) -> ManagedKey:
    """Make a key of this name and hash."""
    return ManagedKey(MASK, Decimal(0), None, hash=hash_, name=name)


BOT, WEB = make("bot", "aaaaaa" + "0" * 58), make("Web shop", "aaaaaabb" + "1" * 56)
TWIN, NAMELESS = make("bot", "bb" * 32), make(None, "cc" * 32)
TRAP = make("bbbbbb", "dd" * 32)
BROKEN = make(" a\n\x1b  b\t", "ee" * 32)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Web shop", WEB),
        ("cc" * 32, NAMELESS),
        ("cccccc", NAMELESS),
        ("aaaaaab", WEB),
        ("bbbbbb", TRAP),
        ("bbbbbbb", TWIN),
        (" a\n\x1b  b\t", BROKEN),
    ],
)
def test_a_name_or_the_beginning_of_a_hash(word: str, expected: ManagedKey) -> None:
    """A key is meant by its name, its hash, or the beginning of its hash; a name goes first."""
    assert expected is pick_key([BOT, WEB, TWIN, NAMELESS, TRAP, BROKEN], word)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (
            "bot",
            f"2 keys have this name. {INSTEAD}: {BOT.hash} ({MASK}), {TWIN.hash} ({MASK}).",
        ),
        (
            "aaaaaa",
            f"2 keys have a hash that begins so. {INSTEAD}: {BOT.hash} ({MASK}), {WEB.hash} ({MASK}).",
        ),
        ("web shp", "There is no key 'web shp'. Did you mean Web shop?"),
        ("bott", "There is no key 'bott'. Did you mean bot?"),
        (
            "a ? b",
            f"There is no key 'a ? b'. The name of {BROKEN.hash} ({MASK}) only looks like it: give the hash.",
        ),
        ("", f"There is no key ''. {LIST}"),
        ("aaaaa", f"There is no key 'aaaaa'. {LIST}"),
        (
            "e1" * 16,
            f"There is no key of this name (not shown: it may be a key). {LIST}",
        ),
    ],
)
def test_a_doubt_is_refused(word: str, text: str) -> None:
    """No key, or more than one, is an error with the hashes, or the nearest names; it repeats no secret."""
    with pytest.raises(CommandError) as caught:
        pick_key([BOT, WEB, TWIN, NAMELESS, BROKEN], word)

    assert text == str(caught.value)


def test_many_keys_of_one_name_are_counted() -> None:
    """Of many keys of one name, five hashes are shown, and the rest is counted."""
    with pytest.raises(CommandError, match=r"^8 keys have this name\. .* and 3 more\.$"):
        pick_key([make("bot", f"{number:064x}") for number in range(8)], "bot")


@given(st.lists(st.text("ab", min_size=6, max_size=9), unique=True), st.text("ab", max_size=9))
def test_a_beginning_means_one_key_or_none(hashes: list[str], word: str) -> None:
    """A word that picks a hash is the beginning of that hash, and of no other, for any hashes."""
    keys = [make(None, hash_) for hash_ in hashes]

    try:
        picked = pick_key(keys, word)
    except CommandError:
        assert word not in hashes
    else:
        assert word == picked.hash or [picked.hash] == [each for each in hashes if each.startswith(word)]
