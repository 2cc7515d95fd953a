"""Show every failure to one error reporter, set up as its users do; print what it makes of them, as JSON."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable

import loguru
import rich.console
import rich.traceback
import sentry_sdk
import sentry_sdk.envelope
import sentry_sdk.transport
import structlog
from structlog.tracebacks import ExceptionDictTransformer

from .cases import CASES, Case, clients

Report = Callable[[], str]
"""Reports the exception that is handled at the moment, and returns all that the reporter shows of it."""


def with_sentry() -> Report:
    """Keep what sentry-sdk would send, with its defaults."""
    sent: list[str] = []

    class Kept(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: sentry_sdk.envelope.Envelope) -> None:
            sent.append(envelope.serialize().decode())

    sentry_sdk.init(dsn="http://x@127.0.0.1/1", transport=Kept)

    def report() -> str:
        sent.clear()
        sentry_sdk.capture_exception()
        return "\n".join(sent)

    return report


def with_rich() -> Report:
    """Render rich's traceback with locals, and cut nothing of it."""

    def report() -> str:
        console = rich.console.Console(file=io.StringIO(), width=100_000)
        shown = rich.traceback.Traceback(
            show_locals=True, locals_max_length=1000, locals_max_string=100_000, max_frames=0
        )
        with console.capture() as captured:
            console.print(shown)
        return captured.get()

    return report


def with_structlog() -> Report:
    """Log with structlog: its `dict_tracebacks` as it comes, and another that cuts nothing."""
    whole = ExceptionDictTransformer(locals_max_length=1000, locals_max_string=100_000, max_frames=1000)
    renderers = (structlog.processors.dict_tracebacks, structlog.processors.ExceptionRenderer(whole))

    def report() -> str:
        written = io.StringIO()
        for renderer in renderers:
            structlog.configure(
                processors=[renderer, structlog.processors.JSONRenderer()],
                logger_factory=structlog.PrintLoggerFactory(file=written),
            )
            structlog.get_logger().exception("it failed")
        return written.getvalue()

    return report


def with_loguru() -> Report:
    """Log with loguru, which shows the value of each name in the lines of a traceback."""
    written: list[str] = []
    loguru.logger.remove()
    loguru.logger.add(written.append, backtrace=True, diagnose=True)

    def report() -> str:
        written.clear()
        loguru.logger.exception("it failed")
        return "".join(written)

    return report


def with_logging() -> Report:
    """Log with the standard library."""
    written = io.StringIO()
    logger = logging.getLogger("of the user")
    logger.addHandler(logging.StreamHandler(written))
    logger.propagate = False

    def report() -> str:
        written.seek(0)
        written.truncate()
        logger.exception("it failed")  # noqa: LOG004 - the caller handles the exception
        return written.getvalue()

    return report


def with_traceback() -> Report:
    """Format the traceback with locals, by the standard library."""

    def report() -> str:
        error = sys.exception()
        assert error is not None
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    return report


REPORTERS: dict[str, Callable[[], Report]] = {
    "sentry": with_sentry,
    "rich": with_rich,
    "structlog": with_structlog,
    "loguru": with_loguru,
    "logging": with_logging,
    "traceback": with_traceback,
}


async def shown_of(case: Case, report: Report) -> str:
    """Let something fail, and return all that a reporter and the log show of it."""
    shown: list[str] = []

    class Reported(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(f"{record.getMessage()} {vars(record)}")
            if record.exc_info and record.exc_info[1] is not None:
                try:
                    raise record.exc_info[1]  # noqa: TRY301 - a handler is where reporters look
                except BaseException:  # noqa: BLE001 - whatever asyncio reports
                    shown.append(report())

    handler = Reported()
    logging.getLogger("asyncio").addHandler(handler)
    try:
        async with clients() as both:
            await case(both)
    except BaseException:  # noqa: BLE001 - whatever the case raises is what is reported
        shown.append(report())
    finally:
        logging.getLogger("asyncio").removeHandler(handler)
    return "\n".join(shown)


def main(reporter: str) -> None:
    """Print what a reporter shows of each failure, by the failure's name."""
    report = REPORTERS[reporter]()
    is_debugging = reporter == "logging"  # asyncio then tells more in its own reports
    shown = {name: asyncio.run(shown_of(case, report), debug=is_debugging) for name, case in CASES.items()}
    sys.stdout.write(json.dumps(shown))


if __name__ == "__main__":
    main(sys.argv[1])
