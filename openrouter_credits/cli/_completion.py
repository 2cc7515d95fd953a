"""`openrouter-credits completion` and `--install-completion`: the scripts for shells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from openrouter_credits.cli._exits import CommandError, allow_closed_pipe

if TYPE_CHECKING:
    from pathlib import Path

    from cyclopts import App

Shell = Literal["bash", "zsh", "fish", "powershell"]

_PRINT_IT = "print the script: openrouter-credits completion bash."


def print_script(app: App, shell: Shell | None) -> int:
    """Print the script for a shell, or for the one in use, and return the exit code.

    Raises:
        CommandError: no script is known for the shell.
    """
    from cyclopts.completion import ShellDetectionError  # noqa: PLC0415 - only two commands need it

    try:
        script = app.generate_completion(shell=shell)
    except (ShellDetectionError, ValueError):  # `ValueError` names a shell that this version cannot serve
        text = "No script is known for this shell. Name another: openrouter-credits completion bash."
    else:
        with allow_closed_pipe():
            print(script)
        return 0
    raise CommandError(text)


def install_script(app: App, shell: Shell | None, output: Path | None) -> int:
    """Write the script where the shell looks for such, or to a file, and return the exit code.

    Raises:
        CommandError: the shell or its folder is not known, or the script cannot be written.
    """
    from cyclopts.completion import ShellDetectionError  # noqa: PLC0415 - only two commands need it

    try:
        path = app.install_completion(shell=shell, output=output)
    except ShellDetectionError:
        remedy = "Name it: openrouter-credits --install-completion --shell bash."
        raise CommandError(f"The shell in use cannot be told. {remedy}") from None
    except RuntimeError:  # of `Path.home`
        raise CommandError(f"The home directory is not known. Set HOME, or {_PRINT_IT}") from None
    except OSError as error:
        text = f"Cannot write {error.filename}: {error.strerror}. Correct this, or {_PRINT_IT}"
        raise CommandError(text) from None
    print(f"Wrote {path}. Start a new shell to use it.")
    if path.name.startswith("_"):  # the name of such a script of zsh
        print("If nothing is completed then, add this line to ~/.zshrc: autoload -Uz compinit && compinit")
    return 0
