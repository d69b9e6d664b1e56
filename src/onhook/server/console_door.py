"""Where the console is, if there is an operator; it is loaded when somebody asks for it then.

Most switches are never asked, and templates and pages would take some MB of each.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from onhook.calls.recordings.store import RecordingStore
from onhook.calls.register import CallRegister
from onhook.server.health import Failing
from onhook.store import CallRecord, Keyring, Store, StoreError
from onhook.store.applications import all_applications
from onhook.store.following import live_calls
from onhook.store.operators import is_any
from onhook.store.reports import Wanted

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from onhook.console.console import Console
    from onhook.server.settings import Settings

PATH: Final = "/console"
_BELIEVED_S: Final = 1.0
_MOST_ELSEWHERE: Final = 1000


class ConsoleDoor:
    """The ASGI application of everything below ``/console``."""

    def __init__(self, store: Store, make: "Callable[[], Console]") -> None:
        self._store = store
        self._make = make
        self._console: Console | None = None
        self._making = asyncio.Lock()
        self._is_open = False
        self._looked_s = -_BELIEVED_S

    def leads_to(self, path: str) -> bool:
        """Whether a path is the console's."""
        return path == PATH or path.startswith(f"{PATH}/")

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """ASGI: as if there were no console, while there is no operator."""
        if not await self._open():
            from starlette.responses import (
                PlainTextResponse,
            )  # by now somebody has asked for a page

            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        console = self._console or await self._made()
        await console(scope, receive, send)

    def end_streams(self) -> None:
        """What goes on for as long as a browser looks ends now."""
        if self._console is not None:
            self._console.feed.close()

    async def _open(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._looked_s >= _BELIEVED_S:
            with contextlib.suppress(StoreError):  # what was so is so; a page says what is wrong
                self._is_open, self._looked_s = await is_any(self._store), now_s
        return self._is_open

    async def _made(self) -> "Console":
        async with self._making:
            if self._console is None:
                self._console = await asyncio.to_thread(self._make)
            return self._console


def console_door(
    settings: "Settings",
    store: Store,
    keyring: Keyring,
    register: CallRegister,
    recordings: RecordingStore,
    state: Callable[[], Awaitable[tuple[str, Sequence[Failing]]]],
) -> ConsoleDoor:
    """The door of a switch."""

    def make() -> "Console":
        from onhook import __version__
        from onhook.console.console import Console
        from onhook.console.live_feed import LiveFeed
        from onhook.console.services import ServerState, Services

        async def state_now() -> ServerState:
            word, failing = await state()
            return ServerState(word, [f"{one.part}: {one.detail}" for one in failing])

        async def elsewhere() -> Sequence[CallRecord]:
            found = await live_calls(store, Wanted(limit=_MOST_ELSEWHERE))
            return [one for one in found if one.owner != settings.worker]

        async def names() -> Mapping[str, str]:
            return {one.app_id: one.name for one in await all_applications(store)}

        return Console(
            Services(
                store=store,
                keyring=keyring,
                register=register,
                recordings=recordings,
                data=Path(settings.data),
                worker=settings.worker,
                version=__version__,
                public_url=settings.public_url,
                trusted_proxies=settings.trusted_proxies,
                state=state_now,
                currency=settings.currency,
                limits=_limits(settings),
            ),
            LiveFeed(register.records, elsewhere if store.database.shared else None, names),
        )

    return ConsoleDoor(store, make)


def _limits(settings: "Settings") -> Sequence[tuple[str, str]]:
    """What bounds applications and callers, in words; 0 is no limit."""
    bounds = {
        "Calls of an account at the same time": settings.max_calls,
        "Block requests a minute of an application": settings.rate_limit,
        "Other requests a minute, at each endpoint": settings.status_rate_limit,
        "New calls a second from one address": settings.invites_per_s,
    }
    return (
        *((label, str(bound) if bound else "no limit") for label, bound in bounds.items()),
        ("The longest call", f"{settings.session_s:g} s"),
        ("A minute where the table has no rate", str(settings.rate)),
    )
