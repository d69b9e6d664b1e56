"""Calls of ours that no function steers: people who are called and joined, and what is told in the end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Literal, TypeVar

from onhook.app.inbox import Inbox, Told
from onhook.client import AsyncClient, OnhookError, Refused, SessionEnded
from onhook.client.notifications import (
    CallNotification,
    ConferenceNotification,
    DialNotification,
    Notification,
)

log = logging.getLogger("onhook.app")

_OF_OURS: Final = (DialNotification, CallNotification, ConferenceNotification)
"""What is told of calls that we place."""

Reply = TypeVar("Reply")


async def replied(asking: Awaitable[Reply]) -> tuple[Reply, bool]:
    """The reply to a request that places calls, and whether it was given up meanwhile: only the reply says
    what has to be hung up then. Raises what the request does; CancelledError where it was given up, and
    nothing was placed."""
    request = asyncio.ensure_future(asking)
    try:
        return await asyncio.shield(request), False
    except asyncio.CancelledError:
        await asyncio.wait((request,))
        if request.cancelled() or request.exception() is not None:
            raise
        return request.result(), True


class Placed:
    """One of them, by its reference."""

    def __init__(self, client: AsyncClient, txn_ref: str, inbox: Inbox) -> None:
        self._client = client
        self._inbox = inbox
        self.txn_ref = txn_ref

    async def over(self, kind: type[Told]) -> Told:
        """Waits for its only notification, which is of this kind."""
        told = await self._inbox.told(self._inbox.expects_the_end())
        if not isinstance(told, kind):
            raise TypeError(f"of {self.txn_ref} was told a {type(told).__name__}")
        return told

    async def leave(self) -> None:
        """Nobody waits for it any more: hangs up, if it goes on. Raises OnhookError."""
        if self._inbox.end is not None:
            return
        try:
            await self._client.voice_hangup(self.txn_ref)
        except SessionEnded:
            return
        except Refused as refused:
            if refused.status != "error_hangup_already_in_progress":
                raise


class Conference:
    """Numbers that are called into a room, each by a call of its own."""

    def __init__(self, client: AsyncClient, room: str, members: Mapping[str, Placed]) -> None:
        self._client = client
        self._members = members
        self.room = room
        """Its name: `await call.transfer(f"room:{conference.room}")` brings a caller into it."""

    @property
    def txn_refs(self) -> dict[str, str]:
        """The reference of each call, by its number as it was given."""
        return {number: member.txn_ref for number, member in self._members.items()}

    async def moderate(self, number: str, action: Literal["kick", "mute", "unmute"]) -> None:
        """Puts one of them out of the room that it is in, or mutes it. KeyError for another number."""
        await self._client.conference_moderate(self._members[number].txn_ref, action)

    async def over(self) -> list[ConferenceNotification]:
        """Waits until each has hung up or was not reached; what was told of them, in the order of the
        numbers: `dial_status`, and the bill."""
        return [await member.over(ConferenceNotification) for member in self._members.values()]


class Outgoing:
    """Calls of ours that were asked for: what is told of them, also before the reply that names them."""

    def __init__(self) -> None:
        self._asked = 0
        self._early: dict[str, list[tuple[int, Notification]]] = {}
        self._inboxes: dict[str, Inbox] = {}

    def inbox(self, txn_ref: str) -> Inbox | None:
        """Of a call that no function steers."""
        return self._inboxes.get(txn_ref)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Meanwhile what is told of calls of ours is kept for `tell_early`."""
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1
            if not self._asked:
                self._early.clear()

    def keeps(self, number: int, told: Notification) -> bool:
        """Whether it may be of a call that was asked for, and is kept."""
        if not self._asked or not isinstance(told, _OF_OURS):
            return False
        name = told.session if isinstance(told, DialNotification) else told.txn_ref
        self._early.setdefault(name, []).append((number, told))
        return True

    def tell_early(self, name: str, inbox: Inbox) -> None:
        """What was kept of a call, which now has an inbox."""
        for number, told in self._early.pop(name, []):
            inbox.tell(number, told)

    @asynccontextmanager
    async def placed(
        self,
        client: AsyncClient,
        ask: Callable[[], Awaitable[Reply]],
        txn_refs: Callable[[Reply], Iterable[str]],
        resting: asyncio.Event | None,
    ) -> AsyncIterator[tuple[Reply, list[Placed]]]:
        """The calls of a request that no function steers, and the reply; at the end they are hung up, also
        where it is given up before the reply is there.
        `resting` is set while the function of an incoming call waits."""
        at_rest = resting or asyncio.Event()
        with self.asked():
            reply, given_up = await replied(ask())
            calls = [self._begun(client, each, at_rest) for each in txn_refs(reply)]
        try:
            if given_up:
                raise asyncio.CancelledError
            yield reply, calls
        finally:
            for call in calls:
                await self._leave(call)
            if resting is None:
                at_rest.set()

    def _begun(self, client: AsyncClient, txn_ref: str, at_rest: asyncio.Event) -> Placed:
        inbox = self._inboxes[txn_ref] = Inbox(txn_ref, at_rest)
        self.tell_early(txn_ref, inbox)
        return Placed(client, txn_ref, inbox)

    async def _leave(self, call: Placed) -> None:
        try:
            await call.leave()
        except OnhookError:
            log.exception("call %s cannot be hung up", call.txn_ref)
        finally:
            self._inboxes.pop(call.txn_ref, None)
