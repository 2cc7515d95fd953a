"""The made-up keys of the demo: one in every state, and a dozen that share wallets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from openrouter_credits import ApiKey, InvalidKeyError, KeySpec
from openrouter_credits.testing import FakeBudget, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openrouter_credits.testing import FakeOpenRouter

_UNKNOWN_KEY = ApiKey("sk-or-v1-" + "0" * 60 + "dead")


@frozen
class Case:
    """A key to read, and the faults of the server during its requests."""

    name: str
    api_key: ApiKey
    faults: tuple[Reply, ...] = ()


def make_cases(fake: FakeOpenRouter) -> Iterator[Case]:
    """Make one key in each state."""
    yield Case(
        "healthy",
        fake.add_account(credits="100.50", usage="25.75").add_key(credits_reply="real", usage="3.17"),
    )
    yield Case(
        "low", fake.add_account(credits=40, usage="32.80").add_key(credits_reply="real", usage="32.80")
    )
    weekly = FakeBudget("workspace", 50, "38.25", reset_interval="weekly")
    acme = fake.add_account(credits="100.50", usage="25.75")
    yield Case(
        "capped",
        acme.add_key(credits_reply="real", usage="3.17", limit=30, limit_reset="monthly", budgets=[weekly]),
    )
    yield Case(
        "depleted", fake.add_account(credits=20, usage="22.75").add_key(credits_reply="real", usage="22.75")
    )
    yield Case("invalid", _UNKNOWN_KEY)
    yield Case(
        "false zero", fake.add_account(credits=80).add_key(credits_reply="zeros", usage="3.17", limit=20)
    )
    shaky = fake.add_account(credits=60, usage=18).add_key(credits_reply="real", usage=18)
    yield Case("failing twice", shaky, (Reply(503), Reply(503)))


def make_dozen(fake: FakeOpenRouter) -> list[KeySpec]:
    """Make a dozen keys: most belong to three accounts, and some have problems."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    globex = fake.add_account(credits=50, usage="41.60")
    initech = fake.add_account(credits=20, usage="22.75")
    keys = {
        "acme": {
            "prod-bot": acme.add_key(usage="3.17", limit=30, limit_reset="monthly"),
            "staging": acme.add_key(usage="8.90", limit=10, limit_reset="daily"),
            "support": acme.add_key(
                usage="1.25", budgets=[FakeBudget("workspace", 50, "38.25", reset_interval="weekly")]
            ),
            "search": acme.add_key(usage="12.43"),
            "intern": acme.add_key(disabled=True),
        },
        "globex": {
            "web": globex.add_key(usage="21.60", limit=100),
            "batch": globex.add_key(usage="20.00", limit="20.50"),
            "[bold red]": globex.add_key(),
        },
        "initech": {"tps-reports": initech.add_key(usage="22.75"), "printer": initech.add_key()},
    }
    managers = {
        name: account.add_key(management=True)
        for name, account in (("acme", acme), ("globex", globex), ("initech", initech))
    }
    shared = [
        KeySpec(key, name, account, managers[account])
        for account, named in keys.items()
        for name, key in named.items()
    ]
    unset = InvalidKeyError("the environment variable BOB_KEY is not set")
    unset.remedy = "Set BOB_KEY, or write the key into the file."
    alone = fake.add_account(credits=80).add_key(credits_reply="zeros", usage="3.17", limit=20)
    return [*shared, KeySpec(alone, "alice"), KeySpec(unset, "bob")]
