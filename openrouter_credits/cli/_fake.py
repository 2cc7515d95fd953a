"""`openrouter-credits fake`: the server of the testing kit, for tests in any language."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from time import sleep
from typing import NoReturn

from openrouter_credits.cli._exits import CommandError
from openrouter_credits.testing import FakeOpenRouter

_DAY = 24 * 60 * 60.0
_KEYS = """\
# A server on this machine that behaves like OpenRouter, until Ctrl-C.
# Its keys are made up. They share one wallet, which has $74.75 left.
OPENROUTER_BASE_URL={url}

# An ordinary key with a limit of $30.00 a month, of which $26.83 is left.
OPENROUTER_API_KEY={limited}

# An ordinary key without a limit of its own.
UNLIMITED_KEY={unlimited}

# A management key: it reads the wallet, and lists and makes keys.
OPENROUTER_MANAGEMENT_KEY={manager}

# A disabled key: every request gets 401.
DISABLED_KEY={disabled}
"""


def show_fake(port: int, latency: float) -> int:
    """Print the server's address and keys as lines of a `.env` file, and serve until SIGTERM or Ctrl-C.

    Args:
        port: the port to listen on; 0 for a free one.
        latency: seconds before each answer.
    """
    with ExitStack() as running:
        try:
            fake = running.enter_context(FakeOpenRouter(latency, port=port))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            remedy = "Choose another one, or leave --port out for a free one."
            raise CommandError(f"Port {port} is not available: {reason}. {remedy}") from None
        before = signal.signal(signal.SIGTERM, _end)
        running.callback(signal.signal, signal.SIGTERM, before)
        try:
            sys.stdout.write(_describe(fake))
            sys.stdout.flush()  # a script reads it through a pipe
            while True:
                sleep(_DAY)
        except SystemExit:
            return 0


def _end(*_: object) -> NoReturn:
    raise SystemExit


def _describe(fake: FakeOpenRouter) -> str:
    """Make the keys, whose texts are the same each time, so that tests may hold them."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    keys = {
        "limited": acme.add_key(
            name="limited",
            limit=30,
            limit_reset="monthly",
            usage="3.17",
            api_key="sk-or-v1-made-up-key-limited",
        ),
        "unlimited": acme.add_key(name="unlimited", usage="22.58", api_key="sk-or-v1-made-up-key-unlimited"),
        "manager": acme.add_key(name="manager", management=True, api_key="sk-or-v1-made-up-key-manager"),
        "disabled": acme.add_key(name="disabled", disabled=True, api_key="sk-or-v1-made-up-key-disabled"),
    }
    return _KEYS.format(url=fake.url, **{name: key.reveal() for name, key in keys.items()})
