"""The commands and their options for cyclopts, and the exit code for each error."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from openrouter_credits import MissingKeyError, OpenRouterError, format_usd
from openrouter_credits.cli._exits import NO_VERDICT, CommandError, allow_closed_pipe, fail
from openrouter_credits.cli._options import Form, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence


def _dollars(_: Any, tokens: Sequence[Any]) -> Decimal:
    try:
        amount = Decimal(tokens[0].value)
        format_usd(amount)  # which must be possible
    except (ArithmeticError, ValueError):
        raise ValueError("not an amount of dollars") from None
    return amount


Dollars = Annotated[Decimal, Parameter(converter=_dollars)]

app = App(
    name="openrouter-credits",
    # `cli.main` answers both options before it imports the parser
    help_flags=[],
    version_flags=[],
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.default
@app.command
def status(
    *,
    json: bool = False,
    oneline: bool = False,
    warn: Dollars = Decimal(10),
    critical: Dollars | None = None,
) -> int:
    """Show one key."""
    from openrouter_credits.cli._status import show_status  # noqa: PLC0415 - usage errors need no rich

    form = _form(warn, critical, json=json, oneline=oneline)
    return show_status(form, Reading())


@app.command
def check(
    file: str | None = None,
    /,
    *,
    json: bool = False,
    jsonl: bool = False,
    warn: Dollars = Decimal(10),
    critical: Dollars | None = None,
    concurrency: int = 32,
    rate: float | None = None,
    deadline: float | None = None,
) -> int:
    """Check many keys."""
    from openrouter_credits.cli._check import show_check  # noqa: PLC0415 - usage errors need no rich
    from openrouter_credits.cli._keyfile import read_keys  # noqa: PLC0415 - only `check` needs it

    form = _form(warn, critical, json=json, jsonl=jsonl)
    return show_check(read_keys(file), form, Reading(deadline=deadline, concurrency=concurrency, rate=rate))


@app.command
def demo() -> int:
    """Show both commands against a server on this machine."""
    from openrouter_credits.cli._demo import show_demo  # noqa: PLC0415 - only `demo` needs it

    return show_demo()


@app.command
def fake(*, port: int = 0, latency: float = 0) -> int:
    """Serve made-up keys on this machine."""
    from openrouter_credits.cli._fake import show_fake  # noqa: PLC0415 - only `fake` needs it

    return show_fake(port, latency)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; each error becomes one line on standard error."""
    if "-" in arguments and "--" not in arguments:  # the parser would read `-` as an option
        arguments = [*(word for word in arguments if word != "-"), "--", "-"]
    code: int = NO_VERDICT
    try:
        with allow_closed_pipe():
            code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return fail(f"{_usage_error(error)} See openrouter-credits --help.", NO_VERDICT)
    except CommandError as error:
        return fail(str(error), NO_VERDICT)
    except MissingKeyError:
        names = "OPENROUTER_API_KEY (or OPENROUTER_KEY, or OPENROUTER_MANAGEMENT_KEY)"
        text = f"There is no API key. Set {names}, or run openrouter-credits demo, which needs none."
        return fail(text, NO_VERDICT)
    except OpenRouterError as error:
        from openrouter_credits.cli._judge import exit_code  # noqa: PLC0415 - only API errors need it

        return fail(str(error), exit_code(error))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        text = f"Input or output failed: {reason}. Check what the command reads and writes."
        return fail(text, NO_VERDICT)
    except Exception as error:  # noqa: BLE001 - a bug becomes one line too
        return fail(f"{type(error).__name__}: {error}. {OpenRouterError.remedy}", NO_VERDICT)
    return code


def _usage_error(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        # show only its beginning: the argument may be a key, which must not get into a log
        return f"There is no command or option for the argument {error.unused_tokens[0][:12]!r}."
    return f"{str(error).rstrip('.')}."


def _form(warn: Decimal, critical: Decimal | None, **styles: bool) -> Form:
    wanted = [style for style, is_wanted in styles.items() if is_wanted]
    if len(wanted) > 1:
        raise CommandError(f"--{wanted[0]} and --{wanted[1]} exclude each other.")
    style: Any = wanted[0] if wanted else "text"
    if critical is None:
        return Form(warn, min(warn, warn / 2), style)
    if warn < critical:
        raise CommandError(f"--warn {warn} is below --critical {critical}: give both.")
    return Form(warn, critical, style)
