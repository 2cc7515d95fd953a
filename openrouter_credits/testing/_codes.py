"""Codes of OAuth with PKCE, which are exchanged for keys."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal, TypeAlias

from attrs import field, frozen

from openrouter_credits.testing._keys import Account
from openrouter_credits.testing._settings import KeySettings
from openrouter_credits.testing._workspaces import FakeWorkspace

ChallengeMethod: TypeAlias = Literal["S256", "plain"]
CHALLENGE_METHODS: tuple[ChallengeMethod, ...] = ("S256", "plain")


@frozen
class Code:
    """The permission of a user: a key with these settings, for the app that knows the verifier."""

    account: Account = field(repr=False)
    workspace: FakeWorkspace
    settings: KeySettings
    challenge: str | None = field(repr=False)
    """The text that the verifier has to give; `None` if the app sent no challenge."""
    method: ChallengeMethod

    def accepts(self, verifier: str | None) -> bool:
        """Tell whether a verifier fits; without a challenge, any does."""
        if self.challenge is None:
            return True
        return verifier is not None and to_challenge(verifier, self.method) == self.challenge


def to_challenge(verifier: str, method: ChallengeMethod) -> str:
    """Make the challenge of a verifier, as RFC 7636 says."""
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode(errors="surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
