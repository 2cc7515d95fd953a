"""Calls that read, make, change or delete one key of an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from openrouter_credits._call.bodies import MOST_ELEMENTS
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.request import Request
from openrouter_credits._documents import Value
from openrouter_credits._errors import AmbiguousWriteError, NotFoundError
from openrouter_credits._models import ManagedKey
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey

_T = TypeVar("_T")

_NO_SUCH_KEY = (
    "Look for the hash of the key (its name does not do) with client.account.keys(include_expired=True): the "
    "key may be deleted, or of another account. If it is there, check base_url, and the workspace_id if you "
    "gave one."
)
_NO_SUCH_WORKSPACE = (
    "Check base_url, and the workspace_id if you gave one: client.account.workspaces() yields all there are."
)
_LOOK_FOR_ITS_NAME = (
    "Look for its name with client.account.keys() or openrouter-credits keys before you make another: if it "
    "is there, its secret is lost, so delete it first."
)
_READ_THE_KEY = "Read the key with client.account.key(hash) before you send it again."
_READ_WHETHER_IT_IS_DELETED = (
    "Read the key with client.account.key(hash): after a NotFoundError it is deleted, else delete it again."
)


@frozen
class NewKey(Value):
    """A key that was just made, and its secret, which OpenRouter shows this once.

    It cannot be pickled, and its JSON has the secret masked: hand over `secret.reveal()` yourself.
    """

    info: ManagedKey
    """The key, as `Account.keys()` lists it."""
    secret: ApiKey
    """The key itself."""

    def _layout(self) -> dict[str, Any]:
        return {"info": self.info, "secret": str(self.secret)}


@frozen
class _Created:
    data: ManagedKey
    key: ApiKey


def _is_true(_: object, __: object, value: bool) -> None:  # noqa: FBT001 - attrs hands it over so
    if not value:
        raise ValueError("the key is not deleted")


@frozen
class _Deleted:
    deleted: bool = field(validator=_is_true)


async def call_about_key(
    caller: Caller, manager: Callable[[], ApiKey], request: Request | Exception
) -> ManagedKey:
    """Read or change a key."""
    return await _call(caller, manager, request, ManagedKey, if_absent=_NO_SUCH_KEY, if_unsure=_READ_THE_KEY)


async def create(caller: Caller, manager: Callable[[], ApiKey], request: Request | Exception) -> NewKey:
    """Make a key.

    An answer with a secret, but with no key that can be read, is an error: the remedy says how to find the
    key and delete it. A key without `info` would be one that nobody can name, limit or delete.
    """
    created = await _call(
        caller,
        manager,
        request,
        _Created,
        if_absent=_NO_SUCH_WORKSPACE,
        if_unsure=_LOOK_FOR_ITS_NAME,
        whole=True,
    )
    return NewKey(created.data, created.key)


async def delete(caller: Caller, manager: Callable[[], ApiKey], request: Request | Exception) -> None:
    """Delete a key."""
    await _call(
        caller,
        manager,
        request,
        _Deleted,
        if_absent=_NO_SUCH_KEY,
        if_unsure=_READ_WHETHER_IT_IS_DELETED,
        whole=True,
    )


async def _call(
    caller: Caller,
    manager: Callable[[], ApiKey],
    request: Request | Exception,
    into: type[_T],
    *,
    if_absent: str,
    if_unsure: str,
    whole: bool = False,
) -> _T:
    """Send a request.

    Args:
        caller: makes the call.
        manager: returns the management key, or raises.
        request: the request, so far without the key; an error is raised.
        into: the class of the answer.
        if_absent: the remedy of a 404.
        if_unsure: the remedy of a write that may or may not have taken place.
        whole: whether the answer is the whole body, or its `data`.
    """
    if isinstance(request, Exception):
        raise request
    request = evolve(request, key=manager())
    try:
        return await caller.call(request, into, whole=whole, most=MOST_ELEMENTS)
    except NotFoundError as error:
        error.remedy = if_absent
        raise
    except AmbiguousWriteError as error:
        error.remedy = if_unsure
        raise


public(NewKey)
