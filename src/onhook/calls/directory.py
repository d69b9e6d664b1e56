"""Who may ask, which number is whose, and which trunks there are: a short memory in front of the store.

Applications, numbers and trunks are made by another process (the ``onhook`` command) while this one runs, so
what was found is believed for a second only, or for as long as nobody has written anything, and what was not
found is not remembered at all.
"""

import asyncio
import hmac
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Generic, TypeVar

import structlog

from onhook.blocks import Refused
from onhook.calls import clock
from onhook.calls.trunks import Unusable, WayOut, way_out
from onhook.flights import Flights
from onhook.store import Account, Application, Keyring, Number, Store
from onhook.store.keyring import token_hash
from onhook.store.marks import Mark, mark
from onhook.store.numbers import numbers_of
from onhook.store.trunks import all_trunks

log = structlog.get_logger()

_BELIEVED_S = 1.0
_REMEMBERED = 10_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What an application's notifications are signed with."""

    access_token: str
    webhook_secret: str


class _Believed(Generic[Value]):
    """Values by key. Those of one key are looked up once, however many wait for them. A value that is asked
    for in the second half of its time is looked up anew beside that, one key at a time: under load
    few have to wait. Who asks for one that has expired waits. While ``mark`` says that nothing was written,
    none expires."""

    def __init__(
        self,
        look_up: Callable[[str], Coroutine[Any, Any, Value | None]],
        mark: Callable[[], Mark | None] = lambda: None,
    ) -> None:
        self._look_up = look_up
        self._mark = mark
        self._values: dict[str, tuple[float, Mark | None, Value]] = {}
        self._flights: Flights[Value | None] = Flights()
        self._refreshing: set[asyncio.Task[Value | None]] = set()

    async def get(self, key: str) -> Value | None:
        """The value; None if there is none. Raises what the look-up raises."""
        found = self._values.get(key)
        if found is None:
            return await self._flights.join(key, lambda: self._fetch(key))
        since_s, mark, value = found
        age_s = clock.now_s() - since_s
        if age_s < _BELIEVED_S / 2:
            return value
        if mark is not None and mark == self._mark():
            self._keep(key, mark, value)
            return value
        if age_s >= _BELIEVED_S:
            return await self._flights.join(key, lambda: self._fetch(key))
        if not self._refreshing:
            task = asyncio.create_task(self._flights.join(key, lambda: self._fetch(key)))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshed)
        return value

    def learn(self, key: str, value: Value, since_s: float, mark: Mark | None) -> None:
        """The value was seen elsewhere, by somebody who asked at ``since_s``, with this mark taken before."""
        found = self._values.get(key)
        if found is None or found[0] <= since_s:
            self._keep(key, mark, value, since_s)

    def forget(self, key: str) -> None:
        """The value is known to have changed."""
        self._values.pop(key, None)

    async def _fetch(self, key: str) -> Value | None:
        asked_s, mark = clock.now_s(), self._mark()
        value = await self._look_up(key)
        self._values.pop(key, None)
        if value is not None:
            self._keep(key, mark, value, asked_s)
        return value

    def _keep(
        self, key: str, mark: Mark | None, value: Value, since_s: float | None = None
    ) -> None:
        self._values.pop(key, None)
        self._values[key] = clock.now_s() if since_s is None else since_s, mark, value
        if len(self._values) > _REMEMBERED:
            del self._values[next(iter(self._values))]  # the one that was looked up the longest ago

    def _refreshed(self, task: "asyncio.Task[Value | None]") -> None:
        self._refreshing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("refresh_failed", error=type(task.exception()).__name__)


@dataclass(frozen=True, slots=True)
class Telling:
    """How a call is told: the ``format``, ``json`` or empty for a form; and whether the end says ``why``."""

    format: str = ""
    why: bool = False


AS_EVER: Final = Telling()
"""As a form, without a reason."""


class Directory:
    """Applications, numbers and trunks."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        written = partial(mark, store.database)
        self._by_token = _Believed(store.application_by_token, written)
        self._numbers = _Believed(store.number, written)
        self._accounts = _Believed(store.money.account_of, written)
        self._applications = _Believed(self._read_application, written)
        self._written = written
        self._decrypted = lru_cache(maxsize=_REMEMBERED)(keyring.decrypt)
        self._unusable: set[Unusable] = set()
        self._ways_out = _Believed(self._read_ways_out, written)
        self._numbers_of = _Believed(self._read_numbers_of, written)

    async def authenticate(self, given: Mapping[str, str]) -> Application:
        """The application that ``app_id`` and ``access_token`` name together, or :class:`Refused`."""
        digest = token_hash(given["access_token"])
        application = await self._by_token.get(digest)
        if application is None or not hmac.compare_digest(application.token_hash, digest):
            raise Refused("error_invalid_access_token")
        if application.app_id != given["app_id"]:
            known = await self._store.application(given["app_id"])
            raise Refused("error_invalid_access_token" if known else "error_invalid_app_id")
        return application

    async def number(self, number: str) -> Number | None:
        """The number, in E.164, if it is configured."""
        return await self._numbers.get(number)

    def forget_number(self, number: str) -> None:
        """The number was changed by this process: the next call is to see it as it is now."""
        self._numbers.forget(number)

    async def account_of(self, app_id: str) -> Account:
        """Who pays for an application; its balance is not of now. Raises LookupError."""
        return _found(await self._accounts.get(app_id), app_id)

    async def ways_out(self, *, anew: bool = False) -> tuple[WayOut, ...]:
        """Every trunk, in the order of trial; with ``anew``, what was found before is not believed: nothing
        fitted. Raises StoreError."""
        if anew:
            self._ways_out.forget("")
        return await self._ways_out.get("") or ()

    async def numbers_of(self, account_id: str) -> tuple[str, ...]:
        """The numbers of an account, in E.164 and in order. Raises StoreError."""
        return await self._numbers_of.get(account_id) or ()

    async def secrets(self, app_id: str) -> Secrets:
        """What signs the notifications of an application. Raises LookupError if it is gone."""
        application = _found(await self._applications.get(app_id), app_id)
        return Secrets(
            self._decrypted(application.token_encrypted),
            self._decrypted(application.webhook_secret_encrypted),
        )

    async def telling(self, app_id: str, number: Number | None = None) -> Telling:
        """How calls of an application, or of one of its numbers, are told. Raises StoreError, LookupError."""
        own_format, own_detail = (number.format, number.detail) if number else ("", "")
        if not (own_format and own_detail):
            application = _found(await self._applications.get(app_id), app_id)
            own_format = own_format or application.format
            own_detail = own_detail or application.detail
        return Telling("" if own_format == "form" else own_format, own_detail == "why")

    async def _read_application(self, app_id: str) -> Application | None:
        """Whoever is told of a call, or is to sign, mostly asks something next: it is known by then."""
        asked_s, mark = clock.now_s(), self._written()
        application = await self._store.application(app_id)
        if application is not None and application.removed_ms is None:
            self._by_token.learn(application.token_hash, application, asked_s, mark)
        return application

    async def _read_ways_out(self, _: str) -> tuple[WayOut, ...]:
        found = [way_out(record, self._keyring) for record in await all_trunks(self._store)]
        unusable = {one for one in found if isinstance(one, Unusable)}
        for one in unusable - self._unusable:  # once, not whenever they are read
            log.error("trunk_unusable", trunk=one.name, reason=one.reason)
        self._unusable = unusable
        return tuple(one for one in found if isinstance(one, WayOut))

    async def _read_numbers_of(self, account_id: str) -> tuple[str, ...]:
        return tuple(one.number for one in await numbers_of(self._store, account_id))


def _found(value: Value | None, app_id: str) -> Value:
    if value is None:
        raise LookupError(f"no application {app_id}")
    return value
