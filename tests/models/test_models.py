"""Values of the API are frozen and keep unknown fields, and are told from the classes of callers."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import attrs
import pytest

from openrouter_credits import Bound, Budget, Credits, FreeModelQuota, Generation, KeyInfo, _models
from openrouter_credits._models import is_model
from tests.kit.values import WALLET, budget, key

VALUES = [
    WALLET,
    budget("workspace", "1"),
    FreeModelQuota(1, 2, 3),
    key(usage_daily=Decimal(2)),
    Generation("gen-1", Decimal("0.01"), model="m"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen(value: Any) -> None:
    """No field of a value can be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, None)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_extra_is_carried_along_and_nothing_else(value: Any) -> None:
    """`extra` takes no part in ==, hash and repr; pickling and copying keep it."""
    fuller = attrs.evolve(value, extra={"new": [1]})

    assert fuller == value
    assert hash(fuller) == hash(value)
    assert "new" not in repr(fuller)
    assert pickle.loads(pickle.dumps(fuller)).extra == copy.deepcopy(fuller).extra == {"new": [1]}
    assert pickle.loads(pickle.dumps(fuller)) == fuller


@pytest.mark.parametrize("model", [Budget, Credits, FreeModelQuota, Generation, KeyInfo])
def test_a_value_of_the_api_is_a_model(model: type) -> None:
    """Each class of the API's values is a model, whose unknown fields go to `extra`."""
    assert is_model(model)


Namesake = attrs.make_class("Credits", {"total_credits": attrs.field(), "extra": attrs.field(factory=dict)})


NO_MODELS = {
    "a namesake": Namesake,
    "another value of the package": Bound,
    "a plain class": dict,
    "an alias": dict[str, Any],
    "a union": Credits | None,
    "an amount": Decimal,
    "a name": "Credits",
    "a value": WALLET,
    "None": None,
    "a function": is_model,
    "a module": attrs,
}


@pytest.mark.parametrize("wanted", NO_MODELS.values(), ids=NO_MODELS)
def test_anything_else_is_no_model(wanted: object) -> None:
    """A caller's class, even one named like a model, is no model, and neither is what is not a class."""
    assert not is_model(wanted)


def test_the_door_shows_the_models() -> None:
    """Each name that the folder of models exports is a model, but for the function that recognizes them."""
    assert {name for name in _models.__all__ if not is_model(getattr(_models, name))} == {"is_model"}
