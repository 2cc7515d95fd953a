"""The commands and their options for cyclopts, and the exit code for each error."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from openrouter_credits import MissingKeyError, OpenRouterError
from openrouter_credits.cli._completion import Shell, install_script, print_script
from openrouter_credits.cli._exits import NO_VERDICT, WITHOUT_A_KEY, CommandError, allow_closed_pipe, fail
from openrouter_credits.cli._historyapp import history
from openrouter_credits.cli._keysapp import keys
from openrouter_credits.cli._numbers import Count, Delay, Dollars, DollarsAbove0, Port, Rate, Seconds
from openrouter_credits.cli._options import Reading, make_form
from openrouter_credits.cli._source import File, read_entries, require_source
from openrouter_credits.cli._usage import explain, refuse_keys
from openrouter_credits.cli._watchapp import watch

_ANSWERED = ("--help", "-h", "--version", "-V")


class _App(App):
    def generate_completion(self, **options: Any) -> str:
        """Return a script in which zsh reads the options after a command as those of the command.

        Without `-A`, it takes those that `status` has, too, away from `check`, and then completes no file.
        """
        return super().generate_completion(**options).replace("_arguments -C ", '_arguments -C -A "-*" ')


app = _App(
    name="openrouter-credits",
    # `cli.main` answers both before it imports the parser, which needs them for the scripts of shells
    help_flags=_ANSWERED[:2],
    version_flags=_ANSWERED[2:],
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.default
@app.command
def status(
    *,
    key_only: bool = False,
    json: bool = False,
    oneline: bool = False,
    warn: Dollars = Decimal(10),
    critical: Dollars | None = None,
    timeout: Seconds = 10,
    deadline: Seconds | None = None,
) -> int:
    """Show one key."""
    from openrouter_credits.cli._status import show_status  # noqa: PLC0415 - usage errors need no rich

    form = make_form(warn, critical, json=json, oneline=oneline)
    return show_status(form, Reading(_read(key_only=key_only), timeout, deadline))


@app.command
def check(
    file: File | None = None,
    /,
    *,
    key_only: bool = False,
    json: bool = False,
    jsonl: bool = False,
    warn: Dollars = Decimal(10),
    critical: Dollars | None = None,
    timeout: Seconds = 10,
    deadline: Seconds | None = None,
    concurrency: Count = 32,
    rate: Rate | None = None,
    account: bool = False,
    all_keys: Annotated[bool, Parameter(name="--all")] = False,
) -> int:
    """Check many keys."""
    from openrouter_credits.cli._check import show_check  # noqa: PLC0415 - usage errors need no rich

    form = make_form(warn, critical, json=json, jsonl=jsonl)
    require_source(file, account=account, all_keys=all_keys)
    reading = Reading(_read(key_only=key_only), timeout, deadline, concurrency, rate, all_keys)
    try:
        return show_check(read_entries(file, account=account), form, reading)
    except CommandError as error:
        if json:
            _show_no_keys(str(error))
        raise


app.command(watch)
app.command(history)
app.command(keys)


@app.command
def require(
    amount: DollarsAbove0,
    /,
    *,
    key_only: bool = False,
    json: bool = False,
    timeout: Seconds = 10,
    deadline: Seconds | None = None,
) -> int:
    """Tell whether an amount can be spent."""
    from openrouter_credits.cli._require import show_require  # noqa: PLC0415 - usage errors need no rich

    return show_require(amount, Reading(_read(key_only=key_only), timeout, deadline), as_json=json)


@app.command
def demo() -> int:
    """Show both commands against a server on this machine."""
    from openrouter_credits.cli._demo import show_demo  # noqa: PLC0415 - only `demo` needs it

    return show_demo()


@app.command
def fake(*, port: Port = 0, latency: Delay = 0) -> int:
    """Serve made-up keys on this machine."""
    from openrouter_credits.cli._fake import show_fake  # noqa: PLC0415 - only `fake` needs it

    return show_fake(port, latency)


@app.command
def completion(shell: Shell | None = None, /) -> int:
    """Print the script that lets a shell complete commands and options."""
    return print_script(app, shell)


@app.command(name="--install-completion")
def install_completion(
    *, shell: Shell | None = None, output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None
) -> int:
    """Let a shell complete commands and options."""
    return install_script(app, shell, output)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; each error becomes one line on standard error.

    Raises:
        OSError: input or output failed.
    """
    if refusal := refuse_keys(arguments):
        return fail(refusal, NO_VERDICT)
    if arguments[:1] == ["help"]:  # of a command that does not exist
        del arguments[0]
    if "-" in arguments and "--" not in arguments:  # the parser would read `-` as an option
        files = [word for word in arguments if word == "-"]
        arguments = [*(word for word in arguments if word != "-"), "--", *files]
    code: int = NO_VERDICT
    try:
        with allow_closed_pipe():
            code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value") or 0
    except CycloptsError as error:
        return fail(explain(error, _options()), NO_VERDICT)
    except CommandError as error:
        return fail(str(error), NO_VERDICT)
    except MissingKeyError:
        return fail(_no_key(), NO_VERDICT)
    except OpenRouterError as error:
        from openrouter_credits.cli._judge import exit_code  # noqa: PLC0415 - only API errors need it

        return fail(str(error), exit_code(error))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug becomes one line too
        return fail(f"{type(error).__name__}: {error}. {OpenRouterError.remedy}", NO_VERDICT)
    return code


def _show_no_keys(reason: str) -> None:
    """Print the JSON document of a check without keys, with the reason."""
    from openrouter_credits.cli._json import no_report_to_json  # noqa: PLC0415 - usage errors need no JSON

    print(no_report_to_json(reason))


def _options() -> dict[str, list[str]]:
    """List the options of each command, without the negative ones, which `app` switches off."""
    commands = {name: app[name] for name in app if name not in _ANSWERED}
    commands |= {f"keys {name}": keys[name] for name in keys if name not in _ANSWERED}
    return {
        name: [
            option
            for argument in command.assemble_argument_collection()
            for option in argument.names
            if not option.startswith("--no-")
        ]
        for name, command in commands.items()
    }


def _no_key() -> str:
    if os.environ.get("OPENROUTER_API_KEYS", "").strip():
        return "There is no single API key. For the keys of OPENROUTER_API_KEYS: openrouter-credits check."
    return (
        "There is no API key. "
        "Set OPENROUTER_API_KEY (or OPENROUTER_KEY, or OPENROUTER_MANAGEMENT_KEY), "
        f"or run {WITHOUT_A_KEY}."
    )


def _read(*, key_only: bool) -> tuple[Literal["credits", "key"], ...]:
    return ("key",) if key_only else ("credits", "key")
