"""Everything that a management key may do: list, make, change, delete and check the keys of its account."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import UTC, date, datetime
from types import EllipsisType
from typing import Any, Literal

from openrouter_credits._arguments import Dollars
from openrouter_credits._batch.listed import check_account
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._call.activity import choose_range, read_activity
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.keycalls import NewKey, call_about_key, create, delete
from openrouter_credits._call.keyrequests import create_request, key_request
from openrouter_credits._call.selection import Selection, Which
from openrouter_credits._call.streaming import stream_keys, stream_workspaces
from openrouter_credits._models import ManagedKey, Workspace
from openrouter_credits._models.activity import Activity
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey


class Account:
    """The account of a management key, and the calls that only such a key may make: `client.account`.

    Amounts are US dollars, times are aware datetimes in UTC. Wrong arguments are a `TypeError` or a
    `ValueError` before anything is sent. Each call raises `MissingKeyError` if the client has no key,
    `ManagementKeyRequiredError` if its key is an ordinary one, and `OpenRouterError` for any other fault.

    A change is sent once, unless the connection was refused or the answer was 429. If it fails after it was
    sent, the error is an `AmbiguousWriteError`, whose text says how to look whether it took place.
    """

    def __init__(self, caller: Caller, key: Callable[[], ApiKey]) -> None:
        self._caller = caller
        self._key = key

    def workspaces(self) -> AsyncGenerator[Workspace, None]:
        """Yield the workspaces of the account (`GET /workspaces`, 100 a request), in OpenRouter's order.

        Raises:
            PermissionDeniedError: 403: this key may not list workspaces.
            InvalidResponseError: an entry is not as documented, or the list does not end. It is raised when
                all that could be read was yielded; further errors are in its `problems`.
        """
        return stream_workspaces(self._caller, self._key)

    def keys(
        self, *, include_disabled: bool = True, include_expired: bool = False, workspaces: Which = "all"
    ) -> AsyncGenerator[ManagedKey, None]:
        """Yield the keys of the account, workspace by workspace, newest first in each.

        1,000 keys take 12 requests: `GET /workspaces`, then `GET /keys` for each hundred. Keys may be made
        and deleted meanwhile: no other key is lost or comes twice. At most two pages are in memory. No
        request is under way while your code runs, so the loop may be left at any time. Management keys are
        not listed.

        Args:
            include_disabled: whether to yield keys that are switched off.
            include_expired: whether to yield keys that have expired.
            workspaces: `"all"`, `"default"`, or ids of workspaces (`Workspace.id`). Where the key may not
                list workspaces (403), or there are none (404), `"all"` means the default one.

        Raises:
            AuthenticationError: 401: the key was refused; at once.
            ClientClosedError: the client was closed; at once.
            APIConnectionError: there was no answer: at once for the workspaces, at the end for keys. After
                two workspaces in a row without an answer no other is asked for.
            InvalidResponseError: a key is not as documented (the text has its path, such as
                `$.data[3].limit`), or a list does not end; at the end.
            OpenRouterError: any other fault, such as a workspace that is forbidden. It is raised at the end,
                when all that could be read was yielded; further errors are in its `problems`.
        """
        selection = Selection.of(
            workspaces, include_disabled=include_disabled, include_expired=include_expired
        )
        return stream_keys(self._caller, self._key, selection)

    # Plain functions that return a coroutine: no frame holds a key that is passed by mistake.
    def key(self, hash: str) -> Coroutine[Any, Any, ManagedKey]:  # noqa: A002 - the API's own name
        """Read one key (`GET /keys/{hash}`).

        Args:
            hash: `ManagedKey.hash`.

        Raises:
            NotFoundError: the account has no such key.
        """
        return call_about_key(self._caller, self._key, key_request("GET", hash))

    def create_key(
        self,
        name: str,
        *,
        limit: Dollars | None = None,
        limit_reset: str | None = None,
        expires_at: datetime | None = None,
        include_byok_in_limit: bool | None = None,
        workspace_id: str | None = None,
    ) -> Coroutine[Any, Any, NewKey]:
        """Make a key (`POST /keys`). Its secret is in the answer, and never shown again.

        Args:
            name: the name that people see; it need not be unique.
            limit: the amount that each window allows, from 0; `None` for no limit.
            limit_reset: the window: `daily`, `weekly` or `monthly`; `None` for one that never ends.
            expires_at: when the key expires, an aware datetime; `None` for never.
            include_byok_in_limit: whether spending with your own providers' keys counts towards the limit;
                `None` for OpenRouter's default.
            workspace_id: the workspace, such as `Workspace.id`; `None` for the default one.

        Raises:
            AmbiguousWriteError: the key may be there, but its secret is lost, such as when the answer was cut
                or cannot be read.
            NotFoundError: the account has no such workspace.
        """
        settings = {
            "limit": limit,
            "limit_reset": limit_reset,
            "expires_at": expires_at,
            "include_byok_in_limit": include_byok_in_limit,
            "workspace_id": workspace_id,
        }
        return create(self._caller, self._key, create_request(name, settings))

    def update_key(
        self,
        hash: str,  # noqa: A002 - the API's own name
        *,
        name: str | EllipsisType = ...,
        disabled: bool | EllipsisType = ...,
        limit: Dollars | EllipsisType | None = ...,
        limit_reset: str | EllipsisType | None = ...,
        include_byok_in_limit: bool | EllipsisType = ...,
        workspace_id: str | EllipsisType = ...,
    ) -> Coroutine[Any, Any, ManagedKey]:
        """Change a key (`PATCH /keys/{hash}`), and return it as it is now; `...` leaves a setting as it is.

        Args:
            hash: `ManagedKey.hash`.
            name: the name that people see.
            disabled: whether OpenRouter refuses the key.
            limit: the amount that each window allows, from 0; `None` removes the limit.
            limit_reset: the window, as for `create_key`; `None` for one that never ends.
            include_byok_in_limit: whether spending with your own providers' keys counts towards the limit.
            workspace_id: the workspace that the key moves to.

        Raises:
            NotFoundError: the account has no such key, or no such workspace.
            AmbiguousWriteError: it may or may not have been changed.
        """
        changes = {
            "name": name,
            "disabled": disabled,
            "limit": limit,
            "limit_reset": limit_reset,
            "include_byok_in_limit": include_byok_in_limit,
            "workspace_id": workspace_id,
        }
        return call_about_key(self._caller, self._key, key_request("PATCH", hash, changes))

    def delete_key(self, hash: str) -> Coroutine[Any, Any, None]:  # noqa: A002 - the API's own name
        """Delete a key for ever (`DELETE /keys/{hash}`).

        Args:
            hash: `ManagedKey.hash`.

        Raises:
            NotFoundError: the account has no such key.
            AmbiguousWriteError: it may or may not have been deleted.
        """
        return delete(self._caller, self._key, key_request("DELETE", hash))

    def activity(
        self,
        start: date | None = None,
        end: date | None = None,
        *,
        by: Literal["workspace"] | None = None,
    ) -> Coroutine[Any, Any, Activity]:
        """Read what the account used, by UTC day and model (`GET /activity`).

        OpenRouter has the last 30 completed UTC days. Of a range that has other days, the rest is read, and
        `is_cut` is true. A range of one day, or one too large for one answer, takes a request for each day.

        Args:
            start: the first day, a date or an aware datetime; `None` for the first of those 30.
            end: the last day, included; `None` for yesterday.
            by: `"workspace"` divides the entries by workspace.
        """
        wanted = choose_range(start, end, by, datetime.now(UTC).date())
        return read_activity(self._caller, self._key, wanted)

    def check(
        self,
        *,
        include_disabled: bool = True,
        include_expired: bool = False,
        workspaces: Which = "all",
    ) -> Coroutine[Any, Any, CheckReport]:
        """Check all keys of the account from the list of its keys: 1,000 keys take 14 requests.

        It reads the wallet, and of each workspace the keys and the budgets that they share; a wallet of 0/0
        takes one request more. Each `KeyCheck` has its `managed_key`, and is named as that is; all have the
        masked management key as `account`, and one wallet. A key that is disabled or has expired is INVALID.

        Amounts are upper bounds (`at_most`): OpenRouter does not list the guardrails of members and keys, nor
        the spending of a workspace's budget. The spending of the listed keys is subtracted from the budget,
        but keys that were deleted may have spent as well. The level is judged by the amount all the same,
        because nobody can ask for more.

        A workspace that cannot be read, or a single entry of its list, is an UNKNOWN outcome with the name of
        the workspace. So is the list of workspaces, with the name `workspaces`. If the report has no
        key, it has an outcome of the management key, for its wallet.

        Args:
            include_disabled: whether the report has keys that are disabled.
            include_expired: whether the report has keys that have expired.
            workspaces: `"all"`, `"default"` or ids, as of `keys`.

        Raises:
            AuthenticationError: 401: the management key was refused.
            ManagementKeyRequiredError: 403: it is an ordinary key.
            OpenRouterError: neither a key nor the wallet could be read; further errors are in its `problems`.
        """
        selection = Selection.of(
            workspaces, include_disabled=include_disabled, include_expired=include_expired
        )
        return self._check(selection)

    async def _check(self, selection: Selection | TypeError | ValueError) -> CheckReport:
        if isinstance(selection, Exception):
            raise selection
        return await check_account(self._caller, self._key(), selection)


public(Account)
