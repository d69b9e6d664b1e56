"""A call as the function that steers it sees it: each block is a method that returns when it is over."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, TypeVar

from onhook.app.errors import HungUp, NotAnswered, Outcome
from onhook.app.inbox import Awaited, Inbox, Told
from onhook.client import AsyncClient, OnhookError, Refused, SessionEnded
from onhook.client.notifications import (
    DialNotification,
    GatherNotification,
    HangupNotification,
    MonitorNotification,
    Notification,
    PlayNotification,
    RecordNotification,
    SendDigitsNotification,
    TransferNotification,
    UnholdNotification,
)

T = TypeVar("T")


class Call:
    """One call. Methods raise `HungUp` once it is over, `Refused` and `NoReply` as their requests do.

    Only one of its blocks can be in progress at a time, but for `hangup(force=True)`.
    """

    def __init__(
        self,
        client: AsyncClient,
        notify_url: str,
        session: str,
        txn_ref: str,
        inbox: Inbox,
    ) -> None:
        self._client = client
        self._notify_url = notify_url
        self.session = session
        """Its name in the API."""
        self.txn_ref = txn_ref
        """The reference by which it is found later: `client.voice_query_status(call.txn_ref)`."""
        self.inbox = inbox
        """For `App`."""

    @property
    def first(self) -> Notification | None:
        """Its first notification: of an incoming call an `AnswerNotification`, with `sip_headers`."""
        return self.inbox.first

    @property
    def end(self) -> Notification | None:
        """Its last one, with the bill; None while it goes on."""
        return self.inbox.end

    @property
    def caller(self) -> str:
        """Who calls, in E.164; empty where the number is withheld, and of a call of ours."""
        return getattr(self.first, "from_", None) or ""

    @property
    def number(self) -> str:
        """The number that was called."""
        return getattr(self.first, "to", None) or getattr(self.first, "dest", None) or ""

    # Blocks -------------------------------------------------------------------------------------------

    async def play(self, msg: str, *, tag: str | None = None) -> None:
        """Answers, if it still rings, and returns when msg was heard to its end."""
        await self._goes_on(
            PlayNotification,
            lambda: self._client.play(self.session, msg, tag=tag, notify_url=self._notify_url),
        )

    async def gather(
        self,
        msg: str | None = None,
        *,
        max_digits: int | None = None,
        timeout: int | None = None,
        attempts: int | None = None,
        tag: str | None = None,
    ) -> str:
        """Plays msg, and returns what was typed, which may be nothing. A key interrupts msg; `#` ends what is
        typed, and so do `max_digits`. `timeout` (15 s) is that of each of the `attempts` (1)."""
        told = await self._goes_on(
            GatherNotification,
            lambda: self._client.gather(
                self.session,
                notify_url=self._notify_url,
                msg=msg,
                max_digits=max_digits,
                timeout=timeout,
                attempts=attempts,
                tag=tag,
            ),
        )
        return told.digits

    async def record(
        self, msg: str | None = None, *, max_duration: int | None = None, tag: str | None = None
    ) -> str:
        """Plays msg and a beep, records until `#` or for `max_duration` (120 s), and returns the URL of the
        recording. Also when the caller ended it by hanging up, as many do: then what is asked for next
        raises `HungUp`. It raises at once where nothing was recorded."""
        told = await self._asked(
            RecordNotification,
            lambda: self._client.record(
                self.session,
                notify_url=self._notify_url,
                msg=msg,
                max_duration=max_duration,
                tag=tag,
            ),
        )
        if told.record_url is None:
            raise HungUp(told)
        return told.record_url

    async def send_digits(
        self, digits: str, msg: str | None = None, *, tag: str | None = None
    ) -> None:
        """Plays msg, presses keys to the other side (a comma is a second), and returns after the last."""
        await self._goes_on(
            SendDigitsNotification,
            lambda: self._client.send_digits(
                self.session, digits, msg=msg, tag=tag, notify_url=self._notify_url
            ),
        )

    async def monitor(self, msg: str | None = None, *, tag: str | None = None) -> None:
        """Begins to record the whole call, and returns when msg was heard; `monitor_url` has the link."""
        await self._goes_on(
            MonitorNotification,
            lambda: self._client.monitor(
                self.session, notify_url=self._notify_url, msg=msg, tag=tag
            ),
        )

    async def monitor_url(self) -> str:
        """The recording of a call that was monitored, once that is over; waits until it is."""
        recording = self.inbox.recording
        await self.inbox.rests_until(asyncio.shield(recording))
        return recording.result()

    async def hold(self, msg: str | None = None) -> None:
        """Plays msg, or music, again and again until `unhold`. Returns at once: wait for what you wait for
        by `meanwhile`."""
        await self._accepted(lambda: self._client.hold(self.session, msg=msg))

    async def unhold(self, *, tag: str | None = None) -> None:
        """Takes it off hold."""
        await self._goes_on(
            UnholdNotification,
            lambda: self._client.unhold(self.session, tag=tag, notify_url=self._notify_url),
        )

    async def transfer(
        self,
        dest: str,
        msg: str | None = None,
        *,
        caller_id: str | None = None,
        on_failure: Literal["hangup", "continue"] | None = None,
        ring_time: int | None = None,
        tag: str | None = None,
        media: bool = False,
        sip_headers: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Joins it to a number or to a room (`room:ID`), and returns what became of that. After "answered" it
        is over; after anything else too, unless `on_failure` is "continue" and the caller is still there."""
        told = await self._asked(
            TransferNotification,
            lambda: self._client.transfer(
                self.session,
                dest,
                msg=msg,
                caller_id=caller_id,
                on_failure=on_failure,
                ring_time=ring_time,
                tag=tag,
                notify_url=self._notify_url,
                media=media,
                sip_headers=sip_headers,
            ),
        )
        return told.transfer_status

    async def moderate(self, action: Literal["kick", "mute", "unmute"]) -> None:
        """Puts it out of the room that it is in, or mutes it; from another task than that of the transfer."""
        await self._accepted(lambda: self._client.conference_moderate(self.txn_ref, action))

    async def hangup(
        self,
        msg: str | None = None,
        *,
        force: bool = False,
        reject: str | int | None = None,
        tag: str | None = None,
        media: bool = False,
        sip_headers: Mapping[str, str] | None = None,
    ) -> Notification:
        """Plays msg, hangs up, and returns the bill. A call that still rings is rejected (`reject`) where
        there is no msg; `force` interrupts whatever is in progress. If the caller was quicker it is over as
        well: then this is how that was told."""
        try:
            return await self._asked(
                HangupNotification,
                lambda: self._client.hangup(
                    self.session,
                    msg=msg,
                    force=force,
                    reject=reject,
                    tag=tag,
                    notify_url=self._notify_url,
                    media=media,
                    sip_headers=sip_headers,
                ),
            )
        except HungUp as over:
            if over.end is None:
                raise
            return over.end

    async def meanwhile(self, work: Awaitable[T]) -> T:
        """Waits for something else than this call, and raises `HungUp` if that is over before; what is waited
        for is cancelled then, and has ended."""
        ours, over = asyncio.ensure_future(work), self.inbox.expects_the_end()
        try:
            either = asyncio.wait((ours, over.told), return_when=asyncio.FIRST_COMPLETED)
            await self.inbox.rests_until(asyncio.ensure_future(either))
            if over.told.done():
                raise HungUp(self.end)
            return ours.result()
        finally:
            self.inbox.forget(over)
            ours.cancel()
            await asyncio.wait((ours,))

    # For App ------------------------------------------------------------------------------------------

    async def answered(self, awaited: Awaited[DialNotification]) -> None:
        """Waits until a call of ours is, and its message was heard. Raises NotAnswered and HungUp."""
        told = await self.inbox.told(awaited)
        if not isinstance(told, DialNotification):
            raise HungUp(told)
        if told.dial_status != "answered":
            raise NotAnswered(told)
        if told.call_state == "ended":
            raise HungUp(told)

    async def leave(self, msg: str | None = None) -> None:
        """Nobody steers it any more: hangs up, if it goes on. Raises OnhookError."""
        if self.end is not None:
            return
        try:
            await self._client.hangup(self.session, msg=msg)
        except SessionEnded:
            return
        except Refused as refused:
            if refused.status == "error_hangup_already_in_progress":
                return
            # Something is in progress: a wait for it was given up, or it is on hold.
            await self._client.hangup(self.session, force=True)

    # --------------------------------------------------------------------------------------------------

    async def _goes_on(self, kind: type[Told], ask: Callable[[], Awaitable[object]]) -> Told:
        """A block after which the call goes on."""
        told = await self._asked(kind, ask)
        if told.call_state == "ended":
            raise HungUp(told)
        return told

    async def _asked(self, kind: type[Told], ask: Callable[[], Awaitable[object]]) -> Told:
        """A block, and the notification of it."""
        self.inbox.raise_if_over()
        awaited = self.inbox.expects(kind)  # before: what is told at once is not missed
        try:
            await self._accepted(ask)
        except OnhookError:
            self.inbox.forget(awaited)
            raise
        told = await self.inbox.told(awaited)
        if not isinstance(told, kind):
            raise HungUp(told)
        return told

    async def _accepted(self, ask: Callable[[], Awaitable[object]]) -> None:
        self.inbox.raise_if_over()
        try:
            await ask()
        except SessionEnded:
            await self.inbox.is_told_over()
            raise HungUp(self.end) from None
