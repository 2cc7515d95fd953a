"""The server answers any request: its own code never fails."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits.testing import FakeOpenRouter
from openrouter_credits.testing._api import answer
from openrouter_credits.testing._call import Call

NAMES = """
    code code_challenge_method code_verifier creator_user_id disabled expires_at external
    include_byok_in_limit limit limit_reset messages model name stream user workspace_id
""".split()  # noqa: SIM905 - the names are read more easily so
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=4)  # halves of surrogate pairs too
    | st.sampled_from(["daily", "S256", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "m:free"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=4,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES).map(json.dumps).map(str.encode) | st.binary(
    max_size=9
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            ["offset", "limit", "date", "group_by", "api_key_hash", "workspace_id", "id", "include_expired"]
        ),
        st.sampled_from(["", "0", "-1", "true", "workspace", "2026-10-19", "%ff", "%00"]) | st.text("0٣%=&+"),
    ),
    max_size=3,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@given(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    st.sampled_from(["/keys", "/keys/{hash}", "/chat/completions", "/auth/keys", "/activity", "/workspaces"])
    | st.sampled_from(["/generation", "/workspaces/default", "/workspaces/%ff/budgets", "/key", "/credits"]),
    QUERIES,
    BODIES,
    st.booleans(),
)
def test_any_request_gets_an_answer(method: str, path: str, query: str, body: bytes, managed: Any) -> None:
    """Any path, query and body get a reply that UTF-8 can carry, and no exception."""
    fake = FakeOpenRouter()
    acme = fake.add_account(credits=5)
    key = acme.add_key()
    manager = acme.add_key(management=True)
    path = path.format(hash=next(iter(acme.books.keys)))
    token = (manager if managed else key).reveal()

    reply = answer(Call(method, path, query, token, body), fake._directory)

    assert 200 <= reply.status < 500
    assert reply.content.decode()
