"""What a management key may do: list, make, change and delete the keys of its account, and check them all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import date, datetime
from types import EllipsisType
from typing import Any, Literal

from attrs import frozen

from openrouter_credits._arguments import Dollars
from openrouter_credits._batch.listed import check_account
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.keyrequests import create_request, managed_key_request, settings_of
from openrouter_credits._call.listing import Which, require_workspaces
from openrouter_credits._call.request import Request
from openrouter_credits._call.streaming import stream_keys, stream_workspaces
from openrouter_credits._call.structure import converter
from openrouter_credits._documents import Value
from openrouter_credits._models import ManagedKey, Workspace
from openrouter_credits._models.activity import Activity
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey


@frozen
class NewKey(Value):
    """A key that was just made: what is known of it, and its secret, which OpenRouter shows only this once."""

    info: ManagedKey
    """The key, as `Account.keys()` lists it."""
    secret: ApiKey
    """The key itself."""

    def _layout(self) -> dict[str, Any]:
        return {"info": self.info, "secret": str(self.secret)}


@frozen
class _Created:
    data: dict[str, Any]
    key: ApiKey


class Account:
    """What one management key sees and may do: `client.account`. All times are in seconds.

    All amounts are US dollars. Each method raises `MissingKeyError` if the client has no key, and
    `ManagementKeyRequiredError` if its key is an ordinary one.
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
            APIConnectionError: there was no answer: at once for the workspaces, at the end for keys.
            InvalidResponseError: a key is not as documented (the text has its path, such as
                `$.data[3].limit`), or a list does not end; at the end.
            OpenRouterError: any other fault, such as a workspace that is forbidden. It is raised at the end,
                when all that could be read was yielded; further errors are in its `problems`.
        """
        which = require_workspaces(workspaces)
        filters = {"include_disabled": include_disabled, "include_expired": include_expired}
        return stream_keys(self._caller, self._key, which, **filters)

    async def key(self, hash: str) -> ManagedKey:  # noqa: A002 - the API's own name
        """Read one key (`GET /keys/{hash}`)."""
        return await self._call(managed_key_request("GET", hash, self._key()), ManagedKey)

    async def create_key(
        self,
        name: str,
        *,
        limit: Dollars | None = None,
        limit_reset: str | None = None,
        expires_at: datetime | None = None,
        include_byok_in_limit: bool | None = None,
        workspace_id: str | None = None,
    ) -> NewKey:
        """Make a key (`POST /keys`); its secret is in the answer, and nowhere else."""
        given = {
            "limit": limit,
            "limit_reset": limit_reset,
            "expires_at": expires_at,
            "include_byok_in_limit": include_byok_in_limit,
            "workspace_id": workspace_id,
        }
        settings = settings_of(name=name, **{k: v for k, v in given.items() if v is not None})
        created = await self._call(create_request(settings, self._key()), _Created, whole=True)
        return NewKey(converter.structure(created.data, ManagedKey), created.key)

    async def update_key(
        self,
        hash: str,  # noqa: A002 - the API's own name
        *,
        name: str | EllipsisType = ...,
        disabled: bool | EllipsisType = ...,
        limit: Dollars | EllipsisType | None = ...,
        limit_reset: str | EllipsisType | None = ...,
        include_byok_in_limit: bool | EllipsisType = ...,
        workspace_id: str | EllipsisType = ...,
    ) -> ManagedKey:
        """Change a key (`PATCH /keys/{hash}`); `...` leaves a setting as it is, `None` removes a limit."""
        changes = settings_of(
            name=name,
            disabled=disabled,
            limit=limit,
            limit_reset=limit_reset,
            include_byok_in_limit=include_byok_in_limit,
            workspace_id=workspace_id,
        )
        return await self._call(managed_key_request("PATCH", hash, self._key(), changes), ManagedKey)

    async def delete_key(self, hash: str) -> None:  # noqa: A002 - the API's own name
        """Delete a key (`DELETE /keys/{hash}`)."""
        await self._call(managed_key_request("DELETE", hash, self._key()), dict[str, Any], whole=True)

    async def activity(
        self,
        start: date | None = None,
        end: date | None = None,
        *,
        by: Literal["workspace"] | None = None,
    ) -> Activity:
        """Read what the account used in a range of completed UTC days (`GET /activity`)."""
        raise NotImplementedError

    async def check(
        self,
        *,
        include_disabled: bool = True,
        include_expired: bool = False,
        workspaces: Which = "all",
    ) -> CheckReport:
        """Check all keys of the account from the list of its keys: 1,000 keys take 14 requests.

        It reads the wallet, and of each workspace the keys and the budgets that they share; a wallet of 0/0
        takes one request more. Each `KeyCheck` has its `managed_key`, and is named as that is; all have the
        masked management key as `account`, and one wallet. A key that is disabled or has expired is INVALID.

        What is left is an upper limit (`at_most`): budgets of members and guardrails are in no list. Of a
        workspace's budget the list has the limit alone: the spending of the workspace's keys is subtracted,
        but not that of keys that were deleted. As nobody can ask for more, the level is judged by the amount.

        What cannot be read is an outcome of its own, and UNKNOWN: a workspace or an entry of its list, with
        the name of the workspace; the list of workspaces, named `workspaces`. If there is no key to tell of,
        the report has an outcome of the management key, for its wallet.

        Args:
            include_disabled: whether to tell of keys that are disabled.
            include_expired: whether to tell of keys that have expired.
            workspaces: `"all"`, `"default"` or ids, as of `keys`.

        Raises:
            AuthenticationError: 401: the management key was refused.
            ManagementKeyRequiredError: 403: it is an ordinary key.
            MissingKeyError: the client has no key; nothing was sent.
            OpenRouterError: neither a key nor the wallet could be read; further errors are in its `problems`.
            ValueError, TypeError: `workspaces` is not as `keys` takes it; nothing was sent.
        """
        which = require_workspaces(workspaces)
        del workspaces  # perhaps there is a key in it
        if isinstance(which, Exception):
            raise which
        return await check_account(
            self._caller,
            self._key(),
            include_disabled=include_disabled,
            include_expired=include_expired,
            workspaces=which,
        )

    async def _call(self, request: Request | Exception, into: Any, *, whole: bool = False) -> Any:
        if isinstance(request, Exception):
            raise request
        return await self._caller.call(request, into, whole=whole)


public(NewKey, Account)
