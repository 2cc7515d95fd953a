"""`openrouter-credits keys create`: makes a key, and hands over its secret."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from openrouter_credits._words import one_line
from openrouter_credits.cli._account import ask
from openrouter_credits.cli._consent import decline, tell
from openrouter_credits.cli._exits import NO_VERDICT, CommandError, fail
from openrouter_credits.cli._judge import moment
from openrouter_credits.cli._keyname import find_workspace, name_of
from openrouter_credits.cli._keywrites import limit_in_words
from openrouter_credits.cli._newsecret import SecretFile, require_place

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path
    from typing import Any

    from openrouter_credits import Account, NewKey
    from openrouter_credits.cli._consent import Way

_LOOK = (
    "Look with openrouter-credits keys --all: if the key is there, delete it, since its secret is lost, "
    "and make another one."
)
_ONLY_ONCE = "Keep this secret now: OpenRouter shows it only once."


@frozen
class NewKeySettings:
    """The settings of a key to be made; `None` leaves one out."""

    name: str
    limit: Decimal | None = None
    """In US dollars."""
    reset: str | None = None
    """The interval of the limit."""
    expires_at: datetime | None = None
    workspace: str | None = None
    """Its name, slug or id."""


def create_key(settings: NewKeySettings, write_to: Path | None, way: Way) -> int:
    """Make a key, hand over its secret, and return the exit code.

    Raises:
        CommandError: there is no place for the secret, or a setting is not accepted.
        OpenRouterError: the key was not made; `AmbiguousWriteError`: perhaps it was.
    """
    require_place(write_to)
    way.require_consent()
    if settings.reset is not None and settings.limit is None:
        raise CommandError("--reset is the interval of a limit. Add --limit USD.")
    workspace = None
    where = ""
    if settings.workspace is not None:
        workspace = ask(partial(find_workspace, word=settings.workspace), way.timeout)
        where = f"; workspace {one_line(workspace.name or workspace.id)}"
    until = "never expires"
    if settings.expires_at is not None:
        until = f"expires {moment(settings.expires_at)}"
    plan = f"{limit_in_words(settings.limit, settings.reset)}; {until}{where}"
    if not way.is_agreed(f"New key {one_line(settings.name)}: {plan}"):
        return decline()
    file = None if write_to is None else SecretFile(write_to)

    def write(account: Account) -> Coroutine[Any, Any, NewKey]:
        return account.create_key(
            settings.name,
            limit=settings.limit,
            limit_reset=settings.reset,
            expires_at=settings.expires_at,
            workspace_id=None if workspace is None else workspace.id,
        )

    try:
        made = way.send(write, _LOOK)
    except BaseException:  # whatever it is: there is no secret to write
        if file is not None:
            file.remove()
        raise
    _hand_over(made, f"Made {name_of(made.info)}: {plan}; hash {one_line(made.info.hash)}.", file)
    return 0


def _hand_over(made: NewKey, text: str, file: SecretFile | None) -> None:
    """Write the secret to the file if there is one, else show it on the terminal: never both.

    Raises:
        CommandError: it could not be written.
        KeyboardInterrupt: Ctrl-C came first; what is lost was said.
    """
    try:
        if file is None:
            print(text, made.secret.reveal(), _ONLY_ONCE, sep="\n", flush=True)
        else:
            file.write(made.secret)
    except KeyboardInterrupt:
        fail(_lost(made, file, "interrupted"), NO_VERDICT)
        raise
    except OSError as error:
        fault = CommandError(_lost(made, file, error.strerror))
    else:
        if file is not None:
            tell(f"{text}\nIts secret is in {one_line(file.path)}.")
        return
    raise fault


def _lost(made: NewKey, file: SecretFile | None, reason: str | None) -> str:
    place = "shown" if file is None else f"written to {one_line(file.path)}"
    return (
        f"The key {name_of(made.info)} was made, but its secret could not be {place}: {reason}. "
        "It cannot be read again. Delete the key, and make another one: "
        f"openrouter-credits keys delete {made.info.hash}"
    )
