"""The exchange of a code for a key (OAuth with PKCE)."""

from __future__ import annotations

from openrouter_credits.testing._call import Call, Refused
from openrouter_credits.testing._codes import CHALLENGE_METHODS
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._faults import Reply


def exchange_code(call: Call, directory: Directory) -> Reply:
    """Answer `POST /auth/keys`, which needs no key: a code is good for one key."""
    document = call.document()
    text, verifier = document.get("code"), document.get("code_verifier")
    method = document.get("code_challenge_method")
    if not isinstance(text, str):
        raise Refused(400, "code is a text")
    if not isinstance(verifier, str | None):
        raise Refused(400, "code_verifier is a text")
    code = directory.codes.get(text)
    accepted = CHALLENGE_METHODS if code is None or code.challenge is None else (code.method,)
    if method is not None and method not in accepted:
        raise Refused(400, "Invalid code_challenge_method")
    if code is None or not code.accepts(verifier):
        raise Refused(403, "Invalid code or code_verifier")
    del directory.codes[text]
    key = directory.make_key(code.account, code.workspace, code.settings)
    return Reply(200, {"key": key.api_key.reveal(), "user_id": key.creator_user_id})
