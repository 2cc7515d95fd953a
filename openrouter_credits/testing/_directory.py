"""The directory of all keys of a server, and of the codes that can become keys."""

from __future__ import annotations

import hashlib
import threading
import uuid
from decimal import Decimal

from openrouter_credits import ApiKey
from openrouter_credits.testing._codes import Code
from openrouter_credits.testing._keys import Account, Key, hash_of
from openrouter_credits.testing._settings import KeySettings
from openrouter_credits.testing._spending import Clock, Spending
from openrouter_credits.testing._workspaces import FakeWorkspace, to_slug


class Directory:
    """Keeps the keys of a server, and finds a key by its text. It makes all texts and ids.

    Every server makes the same ones in the same order, so that documentation can show its output.
    """

    def __init__(self, clock: Clock) -> None:
        self.now = clock
        self.lock = threading.RLock()
        """Held while a request is carried out, which happens in the server's thread, and by each change."""
        self.codes: dict[str, Code] = {}
        self._keys: dict[str, Key] = {}
        self._keys_made = 0
        self._ids_made = 0
        self._codes_made = 0

    def find(self, text: str) -> Key | None:
        """Find the key with this text; `None` if there is none."""
        return self._keys.get(hash_of(text))

    def add(self, key: Key) -> None:
        """Register a key.

        Raises:
            ValueError: the server already has a key with this text.
        """
        with self.lock:
            if key.hash in self._keys:
                raise ValueError(f"api_key: the server has the key {key.api_key} already")
            self._keys[key.hash] = key.account.books.keys[key.hash] = key
            key.account.books.listings.clear()

    def remove(self, key: Key) -> None:
        """Remove a key."""
        del self._keys[key.hash], key.account.books.keys[key.hash]
        key.account.books.listings.clear()

    def make_key(self, account: Account, workspace: FakeWorkspace, settings: KeySettings) -> Key:
        """Make a new key, register it and return it."""
        now = self.now()
        key = Key(self.new_key(), account, workspace, settings, now, Spending(Decimal(0), now))
        self.add(key)
        return key

    def add_code(self, code: Code) -> str:
        """Register a code and return its text."""
        with self.lock:
            self._codes_made += 1
            text = f"auth_code_{self._codes_made}"
            self.codes[text] = code
            return text

    def make_workspace(
        self, name: str, slug: str | None = None, created_by: str | None = None
    ) -> FakeWorkspace:
        """Make a workspace."""
        slug = slug or to_slug(name)
        return FakeWorkspace(self.new_id(), name, slug, self.now(), created_by, self.now, self.lock)

    def new_key(self) -> ApiKey:
        """Make the next key."""
        with self.lock:
            self._keys_made += 1
            number = self._keys_made
        return ApiKey("sk-or-v1-" + hashlib.sha256(f"FakeOpenRouter {number}".encode()).hexdigest())

    def new_id(self) -> str:
        """Make the next id, a UUID."""
        with self.lock:
            self._ids_made += 1
            return str(uuid.UUID(int=self._ids_made, version=4))
