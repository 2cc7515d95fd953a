"""Settings that cannot be are refused in words that name the argument, and show no key."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import InvalidKeyError
from openrouter_credits.testing import FakeAccount, FakeBudget, FakeOpenRouter
from tests.kit.values import KEY, OTHER_KEY

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - a naive time is refused
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))

KEY_CASES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"limit_reset": "hourly"}, ValueError, "limit_reset is one of 'daily', 'weekly', 'monthly'"),
    ({"limit_reset": ["daily"]}, ValueError, "limit_reset is one of 'daily', 'weekly', 'monthly'"),
    ({"credits_reply": "maybe"}, ValueError, "credits_reply is one of 'forbidden', 'zeros', 'real'"),
    ({"shape": "2024"}, ValueError, "shape is one of '2026-10', '2026-08', '2025'"),
    ({"expires_at": NAIVE}, ValueError, "expires_at needs a time zone"),
    ({"expires_at": BEFORE_TIME}, ValueError, "expires_at is not a time of the years 1 to 9999 in UTC"),
    ({"expires_at": "2027-01-01"}, TypeError, "expires_at is a datetime, not str"),
    ({"name": ""}, ValueError, "name is not empty"),
    ({"name": "\ud800"}, ValueError, "name has half a surrogate pair, which JSON cannot carry"),
    ({"name": None}, TypeError, "name is a text, not None"),
    ({"limit": 0.5}, TypeError, "limit is a str, an int or a Decimal, not float: write '3.17', not 3.17"),
    ({"limit": "-1"}, ValueError, "limit is at least 0"),
    ({"limit": "ten"}, ValueError, "limit is not an amount in US dollars, such as '3.17'"),
    ({"limit": Decimal("1e999999")}, ValueError, "limit has more than 40 digits"),
    ({"usage": -1}, ValueError, "usage is at least 0"),
    ({"usage": "1e-99"}, ValueError, "usage has more than 40 digits"),
    ({"management": 1}, TypeError, "management is True or False, not int"),
    ({"disabled": "no"}, TypeError, "disabled is True or False, not str"),
    ({"budgets": [5]}, TypeError, "each of budgets is a FakeBudget, not int"),
    ({"budgets": 5}, TypeError, "budgets are several FakeBudgets, not int"),
    ({"regions": "us"}, TypeError, "regions are several texts, such as ['global'], not str"),
    ({"regions": [""]}, ValueError, "each of regions is not empty"),
    ({"creator_user_id": 7}, TypeError, "creator_user_id is a text, not int"),
    ({"api_key": 7}, TypeError, "an API key is a str or an ApiKey, not int"),
    ({"workspace": "Default"}, ValueError, "workspace is one of this account"),
]


@pytest.mark.parametrize(("options", "kind", "message"), KEY_CASES, ids=str)
def test_a_key_that_cannot_be_is_refused_by_argument(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """add_key() names the argument that is wrong, in one line, and adds no key."""
    account = FakeOpenRouter().add_account()

    with pytest.raises(kind, match=f"^{re.escape(message)}") as caught:
        account.add_key(**options)

    assert "\n" not in str(caught.value)
    assert {} == account.books.keys


CASES: list[tuple[Callable[[FakeOpenRouter, FakeAccount], object], type[Exception], str]] = [
    (lambda fake, _: fake.add_account(credits=-1), ValueError, "credits is at least 0"),
    (lambda fake, _: fake.add_account(usage="-0.01"), ValueError, "usage is at least 0"),
    (lambda fake, _: fake.add_account(free_tier="yes"), TypeError, "free_tier is True or False"),  # type: ignore[arg-type]  # the mistake
    (lambda fake, _: fake.add_account(organization_id=""), ValueError, "organization_id is not empty"),
    (lambda fake, _: fake.add_account(user_id=5), TypeError, "user_id is a text, not int"),  # type: ignore[arg-type]  # the mistake
    (lambda fake, acme: fake.spend(acme.add_key(), "x"), ValueError, "amount is not an amount"),
    (lambda fake, _: fake.spend("sk or", 1), InvalidKeyError, "The API key's character 3 of 5"),
    (lambda _, acme: setattr(acme, "credits", -1), ValueError, "credits is at least 0"),
    (lambda _, acme: setattr(acme, "price", "free"), ValueError, "price is not an amount"),
    (lambda _, acme: setattr(acme, "generation_delay", "1"), TypeError, "generation_delay is a number of"),
    (
        lambda _, acme: setattr(acme, "generation_delay", float("nan")),
        ValueError,
        "generation_delay is a finite number of seconds",
    ),
    (lambda _, __: FakeBudget("", 5), ValueError, "scope is not empty"),
    (lambda _, __: FakeBudget("key_limit", 5), ValueError, "scope is not 'key_limit': pass `limit`"),
    (lambda _, __: FakeBudget("member", 0.5), TypeError, "limit_usd is a str, an int or a Decimal"),  # type: ignore[arg-type]  # the mistake
    (lambda _, __: FakeBudget("member", 5, -1), ValueError, "spend_usd is at least 0"),
    (lambda _, __: FakeBudget("member", 5, reset_interval="yearly"), ValueError, "reset_interval is one of"),  # type: ignore[arg-type]  # the mistake
    (lambda _, __: FakeBudget("member", 5, include_byok=1), TypeError, "include_byok is True or False"),  # type: ignore[arg-type]  # the mistake
    (lambda _, acme: acme.add_workspace(""), ValueError, "name is not empty"),
    (lambda _, acme: acme.add_workspace("x", slug=""), ValueError, "slug is not empty"),
    (lambda _, acme: acme.add_workspace("default"), ValueError, "slug: the account already has a workspace"),
    (lambda _, acme: acme.workspace.add_budget(-1), ValueError, "limit is at least 0"),
    (lambda _, acme: acme.workspace.add_budget(1, "yearly"), ValueError, "interval is one of 'daily', "),  # type: ignore[arg-type]  # the mistake
    (lambda _, acme: acme.workspace.add_budget(1, spend=0.5), TypeError, "spend is a str, an int"),  # type: ignore[arg-type]  # the mistake
    (lambda _, acme: acme.workspace.add_budget(1).spend("x"), ValueError, "amount is not an amount"),
    (lambda _, acme: acme.add_code(""), ValueError, "code_verifier is not empty"),
    (lambda _, acme: acme.add_code(code_challenge_method="S512"), ValueError, "code_challenge_method is one"),  # type: ignore[arg-type]  # the mistake
    (lambda _, acme: acme.add_code(limit=-1), ValueError, "limit is at least 0"),
    (lambda _, acme: acme.add_activity("20261019"), ValueError, "date is a day such as '2026-10-19'"),
    (lambda _, acme: acme.add_activity("soon"), ValueError, "date is a day such as '2026-10-19'"),
    (lambda _, acme: acme.add_activity(datetime.now(UTC)), TypeError, "date is a date or a text such as"),
    (lambda _, acme: acme.add_activity(date.today(), usage=-1), ValueError, "usage is at least 0"),  # noqa: DTZ011 - any day
    (
        lambda _, acme: acme.add_activity("2026-10-19", requests=-1),
        ValueError,
        "requests is a whole number from 0, not -1",
    ),
    (lambda _, acme: acme.add_activity("2026-10-19", requests=1.5), TypeError, "requests is a whole number"),  # type: ignore[arg-type]  # the mistake
    (lambda _, acme: acme.add_activity("2026-10-19", model=""), ValueError, "model is not empty"),
    (lambda _, acme: acme.add_activity("2026-10-19", provider_name=""), ValueError, "provider_name is not"),
]


@pytest.mark.parametrize(("mistake", "kind", "message"), CASES, ids=[case[2] for case in CASES])
def test_a_wrong_argument_is_named(
    mistake: Callable[[FakeOpenRouter, FakeAccount], object], kind: type[Exception], message: str
) -> None:
    """Every method of the kit names the argument that is wrong."""
    fake = FakeOpenRouter()

    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        mistake(fake, fake.add_account())


def test_a_workspace_has_one_budget_for_an_interval() -> None:
    """add_budget() refuses a second budget for an interval; `None` and "lifetime" are the same."""
    workspace = FakeOpenRouter().add_account().workspace
    workspace.add_budget(5)
    workspace.add_budget(5, "daily")

    with pytest.raises(ValueError, match="interval: the workspace already has a lifetime budget"):
        workspace.add_budget(5, "lifetime")
    with pytest.raises(ValueError, match="interval: the workspace already has a daily budget"):
        workspace.add_budget(5, "daily")


def test_a_workspace_is_of_its_account() -> None:
    """add_key() and add_activity() refuse a workspace of another account."""
    fake = FakeOpenRouter()
    mine, other = fake.add_account(), fake.add_account()

    with pytest.raises(ValueError, match="workspace is one of this account"):
        mine.add_key(workspace=other.workspace)
    with pytest.raises(ValueError, match="workspace is one of this account"):
        mine.add_activity("2026-10-19", workspace=other.workspace)


def misuse(number: int) -> None:
    """Make one of the mistakes that involve a key; no local of this frame holds a key."""
    fake = FakeOpenRouter()
    acme = fake.add_account()
    acme.add_key(api_key=KEY)
    mistakes: list[Callable[[], object]] = [
        lambda: acme.add_key(api_key=KEY),
        lambda: acme.add_key(api_key=OTHER_KEY, limit="ten"),
        lambda: acme.add_key(api_key=f"{OTHER_KEY},"),
        lambda: acme.add_key(api_key=OTHER_KEY, workspace=fake.add_account().workspace),
        lambda: fake.spend(OTHER_KEY, 1),
        lambda: fake.spend(KEY, "ten"),
        lambda: fake.spend(f"{KEY},", 1),
        lambda: acme.add_activity("2026-10-19", key=OTHER_KEY),
        lambda: acme.add_activity("soon", key=KEY),
        lambda: acme.add_activity("2026-10-19", key=f"{KEY},"),
    ]
    mistakes[number]()


@pytest.mark.parametrize("number", range(10))
def test_no_error_shows_a_key(number: int) -> None:
    """Neither the text of an error nor a local variable of a frame of the kit shows a key's text."""
    with pytest.raises((ValueError, LookupError, InvalidKeyError)) as caught:
        misuse(number)

    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = str(caught.value) + "".join(
        line
        for frame in whole.stack
        if "openrouter_credits" in frame.filename and frame.locals
        for line in map(str, frame.locals.items())
    )
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert KEY not in shown
    assert OTHER_KEY not in shown
