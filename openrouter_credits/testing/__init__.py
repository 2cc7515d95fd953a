"""A server on this machine that behaves like OpenRouter's account API, with faults on demand.

`FakeOpenRouter` speaks real HTTP, so that the code under test runs as it does in production: sockets, time-outs, retries and all.
For pytest, `openrouter_credits.testing.pytest` has the fixture `fake_openrouter`.
"""

from openrouter_credits.testing._accounts import FakeAccount
from openrouter_credits.testing._faults import CutBody, Disconnect, Drip, Hang, Reply
from openrouter_credits.testing._keys import FakeBudget
from openrouter_credits.testing._requests import ReceivedRequest
from openrouter_credits.testing._server import FakeOpenRouter

__all__ = [
    "CutBody",
    "Disconnect",
    "Drip",
    "FakeAccount",
    "FakeBudget",
    "FakeOpenRouter",
    "Hang",
    "ReceivedRequest",
    "Reply",
]
