"""The keys of an account that a caller wants: of which workspaces, and of which kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, cast

from attrs import frozen

from openrouter_credits._arguments import checked, require_flag
from openrouter_credits._masking import scrub
from openrouter_credits._models import ManagedKey

Which = Literal["all", "default"] | Iterable[str]
"""The workspaces to read, as callers say: all, the default one, or those of these ids."""
Workspaces = Literal["all", "default"] | tuple[str, ...]
"""The same, checked."""
WORKSPACE_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~:-]{1,200}")


@frozen
class Selection:
    """The keys to list, as `Account.keys` and `Account.check` document them."""

    workspaces: Workspaces
    include_disabled: bool
    include_expired: bool

    @classmethod
    def of(
        cls, workspaces: Which, *, include_disabled: bool, include_expired: bool
    ) -> Selection | TypeError | ValueError:
        """Check the arguments of a caller; an error is returned, since one of them may be a key."""
        for name, value in (("include_disabled", include_disabled), ("include_expired", include_expired)):
            flag = checked(require_flag, name, value)
            if isinstance(flag, Exception):
                return flag
        which = require_workspaces(workspaces)
        return which if isinstance(which, Exception) else cls(which, include_disabled, include_expired)

    def has(self, key: ManagedKey, now: datetime) -> bool:
        """Tell whether a key of a wanted workspace is itself wanted; `now` is the time (aware)."""
        return (self.include_disabled or not key.disabled) and (
            self.include_expired or not key.is_expired(now)
        )


def require_workspaces(which: object) -> Workspaces | TypeError | ValueError:
    """Check which workspaces to read, and leave out doubles; an error is returned: a key may be there."""
    if isinstance(which, str):
        if which in ("all", "default"):
            return cast("Workspaces", which)
        return ValueError('workspaces is "all", "default" or a list of ids, also for one workspace')
    if not isinstance(which, Iterable):
        return TypeError(f'workspaces is "all", "default" or a list of ids, not {type(which).__name__}')
    ids: list[str] = []
    for each in which:
        if not isinstance(each, str):
            return TypeError(f"the id of a workspace is a str, not {type(each).__name__}")
        if not WORKSPACE_ID.fullmatch(each) or scrub(each) != each:
            return ValueError("the id of a workspace is Workspace.id, without blanks, / and ?")
        ids.append(each)
    return tuple(dict.fromkeys(ids))
