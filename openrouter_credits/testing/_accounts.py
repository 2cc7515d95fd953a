"""Accounts, as a test sets them up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from attrs import define, field

from openrouter_credits import ApiKey
from openrouter_credits._public import public
from openrouter_credits.testing._activity import MODEL, PROVIDER, Counts, Origin
from openrouter_credits.testing._amounts import Amount, not_negative
from openrouter_credits.testing._arguments import one_of, parse_key, require_text, to_day, to_texts
from openrouter_credits.testing._codes import CHALLENGE_METHODS, ChallengeMethod, Code, to_challenge
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._keys import Account, Key, hash_of
from openrouter_credits.testing._settings import CreditsReply, FakeBudget, KeySettings, Shape, to_limit
from openrouter_credits.testing._spending import Interval, Spending
from openrouter_credits.testing._workspaces import FakeWorkspace


@define(eq=False)
class FakeAccount(Account):
    """An account with a wallet and keys, made by `FakeOpenRouter.add_account`. Amounts are in US dollars."""

    _directory: Directory = field(alias="directory", repr=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Make the default workspace, which every account has."""
        self.add_workspace("Default")

    @property
    def workspace(self) -> FakeWorkspace:
        """The default workspace, which has the keys that are added without another one."""
        return self.books.workspaces[0]

    @property
    def workspace_id(self) -> str:
        """The id of the default workspace."""
        return self.workspace.id

    def add_workspace(self, name: str, *, slug: str | None = None) -> FakeWorkspace:
        """Add a workspace to the account and return it.

        Args:
            name: its name.
            slug: its name in paths; by default made of the name.

        Raises:
            ValueError: the account already has a workspace with this slug, or a text is empty.
        """
        require_text("name", name)
        if slug is not None:
            require_text("slug", slug)
        workspace = self._directory.make_workspace(name, slug, self.user_id)
        with self._directory.lock:
            if any(other.slug == workspace.slug for other in self.books.workspaces):
                raise ValueError(f"slug: the account already has a workspace {workspace.slug!r}")
            self.books.workspaces.append(workspace)
        return workspace

    def add_key(
        self,
        *,
        management: bool = False,
        name: str = "key",
        limit: Amount | None = None,
        limit_reset: Interval | None = None,
        usage: Amount = 0,
        budgets: Iterable[FakeBudget] = (),
        expires_at: datetime | None = None,
        disabled: bool = False,
        credits_reply: CreditsReply = "forbidden",
        shape: Shape = "2026-10",
        api_key: str | ApiKey | None = None,
        workspace: FakeWorkspace | None = None,
        regions: Iterable[str] = ("global",),
        creator_user_id: str | None = None,
    ) -> ApiKey:
        """Add a key to the account and return it.

        Args:
            management: whether it is a management key, which can read the wallet and manage the keys.
            name: the key's name in the list of keys.
            limit: the key's own limit, which `/key` also lists as a budget; `None` for no limit.
            limit_reset: the interval after which the limit's window starts again; `None` for never.
            usage: the amount spent so far. It counts in the current windows, but not in the account's usage.
            budgets: further limits on this key alone.
            expires_at: the time from which requests with the key get 401; needs a time zone.
            disabled: whether requests with the key get 401.
            credits_reply: the reply of `/credits` to a key that is not a management key. OpenRouter has sent
                each of the three: a 403 (`forbidden`), a 200 in which both figures are 0 (`zeros`), or the
                `real` figures.
            shape: the version of the reply of `/key`: that of October 2026, August 2026 or 2025.
            api_key: the key's text; by default a new one, the same in every run.
            workspace: the workspace whose budgets the key shares; by default that of the account.
            regions: the key's `allowed_data_regions`; with none, `/chat/completions` refuses the key.
            creator_user_id: the user who made the key; by default the account's `user_id`.

        Raises:
            ValueError: a value is impossible, or the server already has the `api_key`.
            TypeError: an argument has a wrong type, such as a float for an amount.
            InvalidKeyError: the `api_key` cannot be a key.
        """
        checked = parse_key(self._directory.new_key() if api_key is None else api_key)
        del api_key  # no frame of ours holds a key's text while it raises
        if isinstance(checked, Exception):
            raise checked
        now, cap = self._directory.now(), to_limit(limit)
        key = Key(
            api_key=checked,
            account=self,
            workspace=self._own(workspace),
            settings=KeySettings(
                name, cap, limit_reset, expires_at, disabled, creator_user_id=creator_user_id
            ),
            created_at=now,
            spending=Spending(not_negative(usage, "usage"), now),
            management=management,
            credits_reply=credits_reply,
            shape=shape,
            regions=to_texts("regions", regions),
        )
        key.set_budgets(budgets)
        self._directory.add(key)
        return checked

    def add_activity(
        self,
        date: date | str,
        *,
        key: ApiKey | str | None = None,
        workspace: FakeWorkspace | None = None,
        model: str = MODEL,
        provider_name: str = PROVIDER,
        usage: Amount = 0,
        byok_usage_inference: Amount = 0,
        requests: int = 1,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
        reasoning_tokens: int = 0,
        cached_tokens: int = 0,
    ) -> None:
        """Add history to `/activity`, which has the last 30 completed UTC days.

        It changes neither the wallet nor the usage of a key. Usage of one day, key and model is added up.

        Args:
            date: the UTC day, as a `date` or as a text such as `2026-10-19`.
            key: the key of the account that was used; by default a key that is gone.
            workspace: where it was used, if no `key` is given; by default the default workspace.
            model: the model.
            provider_name: the provider of the model.
            usage: the amount spent.
            byok_usage_inference: the amount paid to the provider with a key of one's own.
            requests: the number of requests; the tokens are counted likewise.
            prompt_tokens: tokens of the prompts, of which `cached_tokens` were cached.
            completion_tokens: tokens of the answers, of which `reasoning_tokens` were for reasoning.
            reasoning_tokens: see `completion_tokens`.
            cached_tokens: see `prompt_tokens`.

        Raises:
            LookupError: the account does not have the key.
            ValueError: a value is impossible, such as a negative number.
            TypeError: an argument has a wrong type.
        """
        user = None if key is None else parse_key(key)
        del key  # no frame of ours holds a key's text while it raises
        if isinstance(user, Exception):
            raise user
        used = None if user is None else self.books.keys.get(hash_of(user.reveal()))
        if user is not None and used is None:
            raise LookupError(f"the account has no key {user}")
        require_text("model", model)
        require_text("provider_name", provider_name)
        tokens = prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens
        amounts = (
            not_negative(usage, "usage"),
            not_negative(byok_usage_inference, "byok_usage_inference"),
        )
        counts = Counts(*amounts, requests, *tokens)
        where = self._own(workspace) if used is None else used.workspace
        origin = Origin(
            to_day("date", date),
            None if used is None else used.hash,
            None if used is None else used.creator_user_id,
            where.id,
            model,
            provider_name,
        )
        with self._directory.lock:
            self.books.activity.note(origin, counts)

    def add_code(
        self,
        code_verifier: str | None = None,
        *,
        code_challenge_method: ChallengeMethod = "S256",
        name: str = "key",
        limit: Amount | None = None,
        limit_reset: Interval | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """Return a code that `POST /auth/keys` exchanges, once, for a new key (OAuth with PKCE).

        Args:
            code_verifier: the secret that the exchange has to name; `None` if any exchange is accepted.
            code_challenge_method: `S256` or `plain`; if the exchange names a method, it has to be this one.
            name: the name of the new key; `limit`, `limit_reset` and `expires_at` are as in `add_key`.
            limit: see `name`.
            limit_reset: see `name`.
            expires_at: see `name`.

        Raises:
            ValueError: a value is impossible.
            TypeError: an argument has a wrong type.
        """
        settings = KeySettings(name, to_limit(limit), limit_reset, expires_at)
        one_of(CHALLENGE_METHODS)("code_challenge_method", code_challenge_method)
        challenge = None
        if code_verifier is not None:
            require_text("code_verifier", code_verifier)
            challenge = to_challenge(code_verifier, code_challenge_method)
        return self._directory.add_code(
            Code(self, self.workspace, settings, challenge, code_challenge_method)
        )

    def _own(self, workspace: FakeWorkspace | None) -> FakeWorkspace:
        if workspace is None:
            return self.workspace
        if not any(workspace is own for own in self.books.workspaces):
            raise ValueError("workspace is one of this account: use what its `add_workspace` returned")
        return workspace


public(FakeAccount, door="openrouter_credits.testing")
