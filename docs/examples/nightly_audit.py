"""Check all keys of a key file: a report, the worst first, and an exit code.

python nightly_audit.py keys.toml
"""

import asyncio
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from openrouter_credits import (
    CheckReport,
    CreditsClient,
    KeyCheck,
    KeySpec,
    Level,
    format_usd,
)

EXIT_CODES = {  # the worst first
    Level.INVALID: 2,
    Level.DEPLETED: 2,
    Level.CRITICAL: 2,
    Level.UNKNOWN: 3,
    Level.LOW: 1,
    Level.OK: 0,
}


def read_keys(path: Path) -> Iterator[KeySpec]:
    """Read a key file, the format of `openrouter-credits check`."""

    def text(key: str | dict[str, str] | None) -> str | None:
        return os.environ.get(key["env"]) if isinstance(key, dict) else key

    document = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, key in document.get("keys", {}).items():
        yield KeySpec(text(key), name)
    for account, settings in document.get("accounts", {}).items():
        manager = text(settings.get("management_key"))
        for name, key in settings.get("keys", {}).items():
            yield KeySpec(text(key), name, account, manager)


def urgency(check: KeyCheck) -> int:
    """Place a key in the report."""
    return list(EXIT_CODES).index(check.level())


def lines(report: CheckReport) -> Iterator[str]:
    """Write a line for each key, then one for each wallet, however many share it."""
    for check in sorted(report.checks, key=urgency):
        says = str(check.error) if check.status is None else check.status.explain()
        yield f"{check.level():8} {check.name}: {says}"
    for wallet in report.wallets():
        if wallet.account is not None:
            left = wallet.credits and format_usd(wallet.credits.remaining)
            what = f"Wallet of {wallet.account}, {len(wallet.checks)} keys"
            yield f"{what}: {left or 'unknown'}"


async def main(path: Path) -> int:
    """Check them within ten minutes; a key not reached by then is UNKNOWN, not OK."""
    async with CreditsClient() as client:
        report = await client.check_all(read_keys(path), rate=20, deadline=600)
    print("\n".join(lines(report)))
    worst = min(report.checks, key=urgency, default=None)
    return 3 if worst is None else EXIT_CODES[worst.level()]


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
