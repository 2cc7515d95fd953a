"""What the clients are called, and which of them take part."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sizes import Sizes

BARE = "bare aiohttp"
THREE_TRIES = "bare, three tries"
OURS = "openrouter_credits"
STREAMS = "asyncio streams"
PYTHON_OPEN_ROUTER = "python-open-router"
OPENAI = "openai"
OFFICIAL = "openrouter"
UVLOOP = ", uvloop"
KEYS = "`account.keys()`"
CHECK = "`account.check()`"
CHECK_ALL = "`check_all`"
LIST = "openrouter, `list_async`"

MODULES = {
    PYTHON_OPEN_ROUTER: "python_open_router",
    OPENAI: "openai",
    OFFICIAL: "openrouter",
    LIST: "openrouter",
    UVLOOP: "uvloop",
}


def is_there(name: str, sizes: Sizes) -> bool:
    """Tell whether a client takes part; a peer does if its package is installed."""
    return name not in MODULES or (sizes.has_peers and find_spec(MODULES[name]) is not None)
