"""Write what the reference takes from the code.

Run `python docs/reference/make.py` from the top of the repository. It writes the page of the command line,
and in the page of errors what stands between the comments `begin` and `end`.
"""

from __future__ import annotations

from pathlib import Path

import openrouter_credits
from openrouter_credits import (
    APIStatusError,
    InsufficientCreditsError,
    OpenRouterError,
    UnknownCreditsError,
)
from openrouter_credits.cli._help import HELP

HERE = Path(__file__).parent

CLI = """\
# Command line

The extra `cli` brings the command: `pip install "openrouter-credits[cli]"`. \
`python -m openrouter_credits` is the same.
This page is what `--help` prints.
"""

STATUSES = {
    "BadRequestError": 400,
    "AuthenticationError": 401,
    "PaymentRequiredError": 402,
    "PermissionDeniedError": 403,
    "ManagementKeyRequiredError": 403,
    "KeyLimitExceededError": 403,
    "BudgetExceededError": 403,
    "AddressNotAllowedError": 403,
    "EdgeRefusedError": 403,
    "NotFoundError": 404,
    "RedirectError": 302,
    "RateLimitError": 429,
    "ServerError": 503,
}
FAMILIES = {302: "3xx", 503: "5xx"}


def cli_page() -> str:
    """Show the help of each command."""
    parts = [CLI]
    for command, text in HELP.items():
        words = f"openrouter-credits {command}".rstrip()
        parts.append(f"\n## {words}\n\n```console\n$ {words} --help\n{text.rstrip()}\n```\n")
    return "".join(parts)


def error_classes() -> list[type[OpenRouterError]]:
    """List all public errors, each after the one that it is a kind of."""

    def walk(error: type[OpenRouterError]) -> list[type[OpenRouterError]]:
        kinds = [kind for kind in order if error in kind.__bases__]
        return [error, *(found for kind in kinds for found in walk(kind))]

    # in the order they were written; a user's own subclass is not among them
    home = vars(openrouter_credits._errors)  # noqa: SLF001 - nothing public has the order
    of_guard = (InsufficientCreditsError, UnknownCreditsError)  # which are made of a status
    order = [item for item in (*home.values(), *of_guard) if isinstance(item, type)]
    return walk(OpenRouterError)


def error_tree() -> str:
    """Draw who is a kind of whom."""

    def walk(error: type[OpenRouterError], indent: str) -> list[str]:
        kinds = [kind for kind in error_classes() if error in kind.__bases__]
        lines = []
        for kind in kinds:
            is_last = kind is kinds[-1]
            lines += [
                f"{indent}{'└' if is_last else '├'}── {kind.__name__}",
                *walk(kind, indent + ("    " if is_last else "│   ")),
            ]
        return lines

    return "\n".join(["```", OpenRouterError.__name__, *walk(OpenRouterError, ""), "```"])


def tried_again(error: type[OpenRouterError]) -> str:
    """Say whether a call is tried again after an error that has no status of its own."""
    if error.__name__ == "InvalidResponseError":
        return "if the body was cut"
    if error.__name__ == "ProxyError":
        return "408, 429, 500, 502-504"
    return "yes" if error.is_retryable else "no"


def error_table() -> str:
    """Set status, class and remedy side by side."""
    rows = ["| Status | Class | Tried again | What to do |", "| --- | --- | --- | --- |"]
    for error in error_classes():
        status = STATUSES.get(error.__name__)
        if issubclass(error, APIStatusError) and status is not None:
            made: OpenRouterError = error(status=status)
            again = {"ServerError": "500, 502-504, 520-524, 529"}.get(
                error.__name__, "yes" if made.is_retryable else "no"
            )
            rows.append(f"| {FAMILIES.get(status, status)} | `{error.__name__}` | {again} | {error.remedy} |")
        elif not issubclass(error, APIStatusError) and error is not OpenRouterError:
            rows.append(f"| - | `{error.__name__}` | {tried_again(error)} | {error.remedy} |")
    return "\n".join(rows)


def pages() -> dict[str, str]:
    """Give each page's text as it should be."""
    errors = (HERE / "errors.md").read_text(encoding="utf-8")
    for name, text in (("tree", error_tree()), ("table", error_table())):
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = errors.partition(begin)
        errors = f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}"
    return {"cli.md": cli_page(), "errors.md": errors}


if __name__ == "__main__":
    for page, written in pages().items():
        (HERE / page).write_text(written, encoding="utf-8")
