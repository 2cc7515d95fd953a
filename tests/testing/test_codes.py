"""OAuth with PKCE: codes are exchanged for keys, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.testing import FakeAccount
from openrouter_credits.testing._codes import to_challenge
from tests.testing.conftest import Caller

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636, appendix B."""
PATH = "/auth/keys"
REFUSED = (403, "Invalid code or code_verifier")


def sent(code: str, **fields: Any) -> dict[str, Any]:
    """Write the arguments of an exchange."""
    return {"method": "POST", "body": json.dumps({"code": code, **fields})}


async def test_a_code_becomes_a_key_once(call: Caller) -> None:
    """POST /auth/keys needs no key, and gives a new key of the account with the settings of the code."""
    account = call.fake.add_account(user_id="user_1")
    code = account.add_code(VERIFIER, name="app", limit=5, limit_reset="monthly")

    status, body = await call(PATH, **sent(code, code_verifier=VERIFIER, code_challenge_method="S256"))
    again = await call.message(PATH, **sent(code, code_verifier=VERIFIER))

    answer = json.loads(body)
    info = await call.data("/key", ApiKey(answer["key"]))
    assert 200 == status
    assert {"key", "user_id"} == answer.keys()
    assert ("user_1", 5, "monthly") == (answer["user_id"], info["limit"], info["limit_reset"])
    assert REFUSED == again
    assert code != account.add_code()


@pytest.mark.parametrize(
    ("made", "exchange"),
    [
        ((), {}),
        ((), {"code_verifier": "any", "code_challenge_method": "plain"}),
        ((VERIFIER,), {"code_verifier": VERIFIER}),
        ((VERIFIER, "plain"), {"code_verifier": VERIFIER, "code_challenge_method": "plain"}),
        ((VERIFIER, "plain"), {"code_verifier": VERIFIER}),
    ],
)
async def test_the_verifier_of_a_code_is_accepted(
    call: Caller, acme: FakeAccount, made: tuple[Any, ...], exchange: dict[str, Any]
) -> None:
    """A code is exchanged with its verifier; one that was made without a verifier, with any."""
    code = acme.add_code(*made[:1], **({"code_challenge_method": made[1]} if made[1:] else {}))

    status, body = await call(PATH, **sent(code, **exchange))

    assert 200 == status, body


@pytest.mark.parametrize(
    ("exchange", "refusal"),
    [
        ({"code": "another"}, REFUSED),
        ({"code_verifier": None}, REFUSED),
        ({"code_verifier": "wrong"}, REFUSED),
        ({"code_verifier": "\ud800"}, REFUSED),
        ({"code_verifier": CHALLENGE}, REFUSED),
        ({"code_challenge_method": "plain"}, (400, "Invalid code_challenge_method")),
        ({"code_challenge_method": ["S256"]}, (400, "Invalid code_challenge_method")),
        ({"code": None}, (400, "code is a text")),
        ({"code_verifier": 7}, (400, "code_verifier is a text")),
    ],
)
async def test_a_wrong_exchange_is_refused_and_leaves_the_code(
    call: Caller, acme: FakeAccount, exchange: dict[str, Any], refusal: tuple[int, str]
) -> None:
    """A wrong code, verifier or method is 400 or 403; the code can still be exchanged."""
    code = acme.add_code(VERIFIER)

    refused = await call.message(PATH, **sent(**{"code": code, "code_verifier": VERIFIER, **exchange}))
    status, _ = await call(PATH, **sent(code, code_verifier=VERIFIER))

    assert refusal == refused
    assert 200 == status


def test_the_challenge_is_that_of_the_rfc() -> None:
    """S256 makes the challenge that RFC 7636 gives for its verifier; plain makes the verifier itself."""
    assert CHALLENGE == to_challenge(VERIFIER, "S256")
    assert VERIFIER == to_challenge(VERIFIER, "plain")
