"""A server on this machine that behaves like OpenRouter's account API, with faults on demand.

`FakeOpenRouter` speaks real HTTP: the code under test runs as in production, with sockets, time-outs and
retries. For pytest, `openrouter_credits.testing.pytest` provides the fixture `fake_openrouter`.
"""

from openrouter_credits.testing._accounts import FakeAccount
from openrouter_credits.testing._faults import CutBody, Disconnect, Drip, Hang, Reply
from openrouter_credits.testing._requests import ReceivedRequest
from openrouter_credits.testing._server import FakeOpenRouter
from openrouter_credits.testing._settings import FakeBudget
from openrouter_credits.testing._workspaces import FakeWorkspace, FakeWorkspaceBudget

__all__ = [
    "CutBody",
    "Disconnect",
    "Drip",
    "FakeAccount",
    "FakeBudget",
    "FakeOpenRouter",
    "FakeWorkspace",
    "FakeWorkspaceBudget",
    "Hang",
    "ReceivedRequest",
    "Reply",
]
