"""Write what a key can still spend for Prometheus' textfile collector.

Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then, from cron:
python prometheus_textfile.py /var/lib/node_exporter/textfile/openrouter.prom
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from openrouter_credits import CreditsClient, KeyStatus, OpenRouterError


def metrics(status: KeyStatus) -> Iterator[tuple[str, object]]:
    """Name what is known. What is not is left out: it is never 0."""
    if status.spendable.certainty == "complete":
        yield "openrouter_spendable_usd", status.spendable.amount
    if status.credits is not None:
        yield "openrouter_wallet_usd", status.credits.remaining
    if status.key is not None:
        yield "openrouter_key_usage_usd_total", status.key.usage
        if status.key.limit_remaining is not None:
            yield "openrouter_key_limit_remaining_usd", status.key.limit_remaining


def write(path: Path, samples: list[tuple[str, object]]) -> None:
    """Replace the file in one step: nobody ever reads half of it."""
    new = path.with_name(f"{path.name}.new")  # the collector reads *.prom only
    new.write_text(
        "".join(f"{name} {value}\n" for name, value in samples), encoding="utf-8"
    )
    new.replace(path)


async def main(path: Path) -> int:
    """Read the key that the environment names; give 1 if nothing was readable."""
    async with CreditsClient() as client:
        try:
            status = await client.status()
        except OpenRouterError as error:
            print(error, file=sys.stderr)
            write(path, [("openrouter_up", 0)])
            return 1
    checked_at = ("openrouter_checked_at_seconds", status.checked_at.timestamp())
    write(path, [("openrouter_up", 1), checked_at, *metrics(status)])
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
