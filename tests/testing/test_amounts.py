"""Amounts are exact, and so is the JSON that holds them."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal, localcontext
from enum import Enum, StrEnum
from typing import Any

import pytest

from openrouter_credits.testing import FakeOpenRouter
from openrouter_credits.testing._amounts import to_json
from tests.testing.conftest import Caller


class Named(StrEnum):
    """A class of texts, as members of an enumeration are."""

    B = "b"


class Numbered(int, Enum):
    """A class of whole numbers whose text is not the number: `Numbered.ONE`."""

    ONE = 1


@pytest.mark.parametrize("amount", [3.17, True, None])
def test_an_amount_is_never_a_float(amount: Any) -> None:
    """Amounts that are not a str, an int or a Decimal, such as floats, raise TypeError."""
    with pytest.raises(TypeError, match=r"write '3\.17'"):
        FakeOpenRouter().add_account(credits=amount)


@pytest.mark.parametrize("amount", ["", "1,5", "NaN", Decimal("Infinity")])
def test_an_amount_is_a_finite_number(amount: Any) -> None:
    """Amounts that are not a finite number raise ValueError."""
    with pytest.raises(ValueError, match="is not an amount"):
        FakeOpenRouter().add_account(usage=amount)


async def test_spending_does_not_depend_on_the_process_decimal_context(call: Caller) -> None:
    """spend() adds exactly, although the process's decimal context rounds to three digits."""
    account = call.fake.add_account(credits="100.3")
    boss, key = account.add_key(management=True), account.add_key(limit="100.3")

    with localcontext(prec=3):
        call.fake.spend(key, "56.671895004")
        call.fake.spend(key, "0.000000001")

    assert Decimal("56.671895005") == (await call.data("/credits", boss))["total_usage"]
    assert Decimal("43.628104995") == (await call.data("/key", key))["limit_remaining"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1E+2"), "100"),
        (Decimal("-0.00"), "0"),
        (Decimal("0E-9"), "0"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("-2.750"), "-2.75"),
        (OrderedDict(a=(Decimal("0.10"), Named.B, Numbered.ONE)), '{"a":[0.1,"b",1]}'),
        ({"a": [True, False, None], "ü": ("\n", 1, 0.5)}, '{"a":[true,false,null],"ü":["\\n",1,0.5]}'),
    ],
)
def test_json_says_numbers_exactly(value: object, expected: str) -> None:
    """to_json() writes decimals exactly, without exponents, trailing zeros or a negative zero."""
    assert expected == to_json(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), float("inf")])
def test_json_has_no_nan(value: object) -> None:
    """to_json() raises ValueError for NaN and infinity, which JSON does not have."""
    with pytest.raises(ValueError, match=r".+"):
        to_json(value)
