"""Whether somebody is who they say; and how long whoever guesses has to wait, for longer each time."""

import asyncio
import time
from dataclasses import replace
from typing import Final

from onhook.administration import passwords
from onhook.store import Store
from onhook.store.audit import write_audit
from onhook.store.failed_sign_ins import (
    FailedSignIns,
    attempt_succeeded,
    begin_attempt,
    of_address,
    of_name,
)
from onhook.store.noted import AuditEntry
from onhook.store.operators import operator_named

_FREE: Final = {"name": 5, "address": 20}
"""So many attempts are not waited for."""
_FIRST_S: Final = 30
_LONGEST_S: Final = 3600
_FORGOTTEN_S: Final = 24 * 3600
_IN_LINE: Final = 8
"""One password is looked at at a time, each takes a fifth of a second of a core: more do not wait for it."""


class Refused(Exception):
    """They do not come in; the message says what they may be told."""

    def __init__(self, sentence: str, wait_s: int = 0) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class Doorkeeper:
    """Looks at names and passwords."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self._in_line = 0
        self._noting: set[asyncio.Task[None]] = set()

    async def check(self, name: str, password: str, address: str) -> str:
        """The operator's name. Raises :class:`Refused`, after the same work whether there is such a name."""
        if self._in_line >= _IN_LINE:
            raise Refused("Many people sign in just now. Try again in a few seconds.", 5)
        self._in_line += 1
        try:
            async with self._turn:
                return await self._check(name.strip().lower(), password, address)
        finally:
            self._in_line -= 1

    async def fits(self, name: str, password: str) -> bool:
        """Whether it is the password of an operator who is signed in."""
        async with self._turn:
            operator = await operator_named(self._store, name)
            kept = operator.password if operator else None
            return await asyncio.to_thread(passwords.fits, password, kept)

    async def _check(self, name: str, password: str, address: str) -> str:
        now_ms = round(time.time() * 1000)
        locked_ms = await begin_attempt(
            self._store,
            [of_name(name), of_address(address)],
            now_ms,
            now_ms - _FORGOTTEN_S * 1000,
            lambda failed: _once_more(failed, now_ms),
        )
        if locked_ms:
            wait_s = max(1, round((locked_ms - now_ms) / 1000))
            raise Refused(f"Too many attempts. Try again in {_spoken(wait_s)}.", wait_s)
        operator = await operator_named(self._store, name)
        kept = operator.password if operator else None
        if not await asyncio.to_thread(passwords.fits, password, kept) or operator is None:
            if (
                operator is not None
            ):  # beside the reply, which takes as long for a name that nobody has
                self._note(AuditEntry(name, "console", "sign in refused", name, address))
            raise Refused("That name and that password do not belong together.")
        await attempt_succeeded(self._store, name, address)
        return operator.name

    def _note(self, entry: AuditEntry) -> None:
        noting = asyncio.create_task(write_audit(self._store, entry))
        self._noting.add(noting)
        noting.add_done_callback(self._noted)

    def _noted(self, noting: "asyncio.Task[None]") -> None:
        self._noting.discard(noting)
        if not noting.cancelled():
            noting.exception()  # of a database that does not work others tell


def _once_more(failed: FailedSignIns, now_ms: int) -> FailedSignIns:
    """Beyond the free ones each attempt is waited for, twice as long as for the one before."""
    failures = failed.failures + 1
    beyond = failures - _FREE[failed.subject.partition(" ")[0]]
    wait_s = 0 if beyond < 0 else min(_LONGEST_S, _FIRST_S * 2 ** min(beyond, 20))
    return replace(
        failed, failures=failures, locked_until_ms=now_ms + wait_s * 1000 if wait_s else 0
    )


def _spoken(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"
