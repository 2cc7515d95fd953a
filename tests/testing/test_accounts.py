"""Accounts make keys, and the texts of keys."""

from __future__ import annotations

import pytest

from openrouter_credits import InvalidKeyError
from openrouter_credits.testing import FakeAccount, FakeOpenRouter
from tests.testing.conftest import Caller


async def test_every_server_makes_the_same_keys() -> None:
    """Each server makes the same keys in the same order, so documentation can show them."""
    accounts = [FakeOpenRouter().add_account() for _ in range(2)]

    first, second = ([account.add_key().reveal() for _ in range(3)] for account in accounts)

    assert first == second
    assert 3 == len(set(first))
    assert all(len(text) == 73 and text.startswith("sk-or-v1-") for text in first)


async def test_a_key_may_have_a_text_of_the_tests_choice(call: Caller, acme: FakeAccount) -> None:
    """add_key() takes a key's text; a text that the server has already, or a blank one, raises ValueError."""
    key = acme.add_key(api_key="sk-or-v1-mine")

    status, _ = await call("/key", "sk-or-v1-mine")

    assert 200 == status
    with pytest.raises(ValueError, match=r"the key \*\*\* already"):
        acme.add_key(api_key=key)
    with pytest.raises(InvalidKeyError):
        acme.add_key(api_key=" ")
