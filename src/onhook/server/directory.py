"""Who may ask, and which number is whose: a short memory in front of the store.

Applications and numbers are made by another process (the ``onhook`` command) while this one runs, so
what was found is believed for a second only, and what was not found is not remembered at all.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from onhook.blocks import Refused
from onhook.server import clock
from onhook.store import Application, Keyring, Number, Store
from onhook.store.keyring import token_hash

_BELIEVED_S = 1.0
_REMEMBERED = 10_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What an application's notifications are signed with."""

    access_token: str
    webhook_secret: str


class _Memory(Generic[Value]):
    """Values by key, each believed for a second."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, Value]] = {}

    def get(self, key: str) -> Value | None:
        found = self._values.get(key)
        return found[1] if found and clock.now_s() - found[0] < _BELIEVED_S else None

    def put(self, key: str, value: Value) -> None:
        if len(self._values) >= _REMEMBERED:
            self._values.clear()
        self._values[key] = (clock.now_s(), value)


class Directory:
    """Applications and numbers."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._by_token: _Memory[Application] = _Memory()
        self._numbers: _Memory[Number] = _Memory()
        self._secrets: _Memory[Secrets] = _Memory()

    async def authenticate(self, given: Mapping[str, str]) -> Application:
        """The application that ``app_id`` and ``access_token`` name together, or :class:`Refused`."""
        digest = token_hash(given["access_token"])
        application = self._by_token.get(digest)
        if application is None:
            application = await self._store.application_by_token(digest)
            if application is None or not hmac.compare_digest(application.token_hash, digest):
                raise Refused("error_invalid_access_token")
            self._by_token.put(digest, application)
        if application.app_id != given["app_id"]:
            known = await self._store.application(given["app_id"])
            raise Refused("error_invalid_access_token" if known else "error_invalid_app_id")
        return application

    async def number(self, number: str) -> Number | None:
        """The number, in E.164, if it is configured."""
        found = self._numbers.get(number)
        if found is None:
            found = await self._store.number(number)
            if found is not None:
                self._numbers.put(number, found)
        return found

    async def secrets(self, app_id: str) -> Secrets:
        """What signs the notifications of an application. Raises LookupError if it is gone."""
        found = self._secrets.get(app_id)
        if found is None:
            application = await self._store.application(app_id)
            if application is None:
                raise LookupError(f"no application {app_id}")
            found = Secrets(
                self._keyring.decrypt(application.token_encrypted),
                self._keyring.decrypt(application.webhook_secret_encrypted),
            )
            self._secrets.put(app_id, found)
        return found
