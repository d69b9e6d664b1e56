"""The application: which function steers its calls, and who is told of what."""

import asyncio
import logging
import os
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from typing import Any, Final, TypeAlias, TypeVar

from onhook.app import mounting
from onhook.app.call import Call
from onhook.app.errors import HungUp
from onhook.app.inbox import Inbox, Seen
from onhook.app.placed import Conference, Outgoing, replied
from onhook.client import AsyncClient, NoReply, NotSigned, OnhookError, webhooks
from onhook.client.asking import given
from onhook.client.notifications import (
    AnswerNotification,
    CallNotification,
    DialNotification,
    Notification,
)
from onhook.client.transport import AiohttpTransport, AsyncTransport

log = logging.getLogger("onhook.app")

_resting: ContextVar[asyncio.Event | None] = ContextVar("_resting", default=None)
"""Set while the function that runs waits for what a server tells. A call that it dials shares it."""

_HELD_S: Final = 5.0
"""A notification is answered when the function has asked for what follows; at the latest after this."""

Steers: TypeAlias = Callable[[Call], Awaitable[None]]
"""A function that steers a call."""
Function = TypeVar("Function", bound=Steers)


class App:
    """An application of Onhook. What is not given stands in the environment when it is first needed.

    `api`, `app_id` and `access_token` (ONHOOK_API, APP_ID, ACCESS_TOKEN) say whom to ask, and as whom; `url`
    (MY_URL) is where notifications reach this application. With `webhook_secrets` (WEBHOOK_SECRET, several
    with blanks between them) it is their signature that is checked, else that of the access token. `sorry` is
    what a caller hears whose function has raised; without it, the call is just hung up.

    The function of a call lives in the process that was told of the call: run one process, with any number
    of threads.
    """

    def __init__(
        self,
        *,
        api: str | None = None,
        app_id: str | None = None,
        access_token: str | None = None,
        url: str | None = None,
        webhook_secrets: tuple[str, ...] = (),
        sorry: str | None = None,
        transport: AsyncTransport | None = None,
    ) -> None:
        self._access = (api, app_id, access_token)
        self._url = url
        self._webhook_secrets = webhook_secrets
        self.sorry = sorry
        self._transport = transport or AiohttpTransport()
        self._steers: Steers | None = None
        self.calls: dict[str, Call] = {}
        """Those that go on, by session."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen = Seen()
        self._outgoing = Outgoing()
        self._home = mounting.Home()

    @cached_property
    def client(self) -> AsyncClient:
        """For all that is not about a call: `await app.client.user_get_balance()`. Raises ValueError."""
        return AsyncClient(*self._access, transport=self._transport)

    @cached_property
    def url(self) -> str:
        """Where notifications reach this application. Raises ValueError."""
        return given("url", self._url, "MY_URL")

    def incoming(self, function: Function) -> Function:
        """Has this function steer each call that comes in. A decorator; there is one such function."""
        if self._steers is not None:
            raise TypeError(
                "there is a function for incoming calls already; call.number says which was called"
            )
        self._steers = function
        return function

    @asynccontextmanager
    async def dial(
        self,
        dest: str,
        msg: str | None = None,
        *,
        caller_id: str | None = None,
        max_duration: int | None = None,
        ring_time: int | None = None,
        tag: str | None = None,
        media: bool = False,
        sip_headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Call]:
        """Calls a number, and begins when it is answered and msg was heard. At the end the call is hung up.

        Raises `NotAnswered` where nobody takes it, and `HungUp` where that happens before msg was heard.
        """
        self._home.must_be_here()
        with self._outgoing.asked():
            asking = self.client.dial(
                dest,
                msg=msg,
                caller_id=caller_id,
                max_duration=max_duration,
                ring_time=ring_time,
                tag=tag,
                notify_url=self.url,
                media=media,
                sip_headers=sip_headers,
            )
            reply, given_up = await replied(asking)
            at_rest = _resting.get() or asyncio.Event()
            call = self._new(reply.session, reply.txn_ref, at_rest)
            answered = call.inbox.expects(DialNotification)
            self._outgoing.tell_early(call.session, call.inbox)
        try:
            if given_up:
                raise asyncio.CancelledError
            await call.answered(answered)
            yield call
        finally:
            await self._leave(call)
            if _resting.get() is None:
                at_rest.set()

    async def voice_call(
        self,
        dest2: str,
        *,
        dest1: str | None = None,
        caller_id: str | None = None,
        max_duration: int | None = None,
        tag: str | None = None,
        media: bool = False,
    ) -> CallNotification:
        """Calls dest1, joins it to dest2, and returns when all is over: what became of both, and the bill.
        Who gives up this wait has both hung up, and waits for that: before the request is answered, nobody
        knows what to hang up."""
        ask = partial(
            self.client.voice_call,
            dest2,
            dest1=dest1,
            caller_id=caller_id,
            max_duration=max_duration,
            tag=tag,
            notify_url=self.url,
            media=media,
        )
        self._home.must_be_here()
        async with self._outgoing.placed(
            self.client, ask, lambda reply: (reply.txn_ref,), _resting.get()
        ) as (_, [placed]):
            return await placed.over(CallNotification)

    @asynccontextmanager
    async def conference_call(
        self,
        dest: str | Sequence[str],
        *,
        room: str | None = None,
        caller_id: str | None = None,
        tag: str | None = None,
        media: bool = False,
    ) -> AsyncIterator[Conference]:
        """Calls several numbers into a room; in one text there are commas between them.
        `await conference.over()` waits until all are gone; who is still there at the end is hung up."""
        dest = dest if isinstance(dest, str) else ",".join(dest)
        numbers = [number.strip() for number in dest.split(",") if number.strip()]
        ask = partial(
            self.client.conference_call,
            dest,
            room=room,
            caller_id=caller_id,
            tag=tag,
            notify_url=self.url,
            media=media,
        )
        self._home.must_be_here()
        async with self._outgoing.placed(
            self.client, ask, lambda reply: reply.txn_refs, _resting.get()
        ) as (reply, placed):
            yield Conference(self.client, reply.room, dict(zip(numbers, placed, strict=True)))

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Has this go on beside calls, from any thread: for a view of Flask or Django that places one."""
        self._home.submit(self._logged(work))

    # Notifications ------------------------------------------------------------------------------------

    async def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """A notification, as it came: the HTTP status to answer. Headers may have any case."""
        return await self._home.run(self._take(headers, body))

    def take_sync(self, headers: Mapping[str, str], body: bytes) -> int:
        """The same for a view that is no coroutine, of any framework."""
        return self._home.submit(self._take(headers, body)).result()

    async def _take(self, headers: Mapping[str, str], body: bytes) -> int:
        try:
            webhooks.check(headers, body, self.client.access.access_token, self._secrets)
        except NotSigned as error:
            log.warning("somebody sends what the server did not: %s", error)
            return 403
        lowered = {name.lower(): value for name, value in headers.items()}
        name, number = lowered.get("webhook-id", ""), lowered.get("x-onhook-event", "")
        if name in self._seen:
            return 204
        try:
            told = webhooks.notification(webhooks.fields(body))
        except NoReply as error:
            log.warning("%s", error)  # answered all the same: what follows it would wait for hours
            return 204
        inbox = self._told(int(number) if number.isdecimal() else 0, told)
        self._seen.add(name)
        if inbox is not None:
            await inbox.rests(_HELD_S)
        return 204

    def _told(self, number: int, told: Notification) -> Inbox | None:
        """Whoever it is for has it; where it lies, if that goes on here."""
        call = self.calls.get(told.session)
        inbox = self._outgoing.inbox(told.txn_ref) if call is None else call.inbox
        if inbox is not None:
            inbox.tell(number, told)
        elif isinstance(told, AnswerNotification) and told.call_state == "ringing":
            at_rest = asyncio.Event()
            inbox = self._new(told.session, told.txn_ref, at_rest).inbox
            inbox.tell(number, told)
            self._begins(self._steered(self.calls[told.session], at_rest))
        elif not self._outgoing.keeps(number, told) and told.call_state != "ended":
            self._hang_up_stray(told)
        return inbox

    def _hang_up_stray(self, told: Notification) -> None:
        log.warning(
            "call %s is hung up: its function is not here. Was the application started anew, or does it run "
            "in several processes?",
            told.session,
        )
        self._begins(self._leave(self._new(told.session, told.txn_ref, asyncio.Event())))

    @cached_property
    def _secrets(self) -> tuple[str, ...]:
        return self._webhook_secrets or tuple(os.environ.get("WEBHOOK_SECRET", "").split())

    # Functions ----------------------------------------------------------------------------------------

    def _new(self, session: str, txn_ref: str, at_rest: asyncio.Event) -> Call:
        inbox = Inbox(session, at_rest)
        call = self.calls[session] = Call(self.client, self.url, session, txn_ref, inbox)
        return call

    async def _steered(self, call: Call, at_rest: asyncio.Event) -> None:
        """The root of the task of an incoming call."""
        _resting.set(at_rest)
        sorry: str | None = None
        try:
            if self._steers is None:
                raise TypeError(
                    "no function steers incoming calls: @app.incoming says which one does"
                )
            await self._steers(call)
        except HungUp as over:
            log.info("call %s: %s", call.session, over)
        except Exception:
            log.exception("call %s is hung up: its function has raised", call.session)
            sorry = self.sorry
        finally:
            await self._leave(call, sorry)
            at_rest.set()

    async def _leave(self, call: Call, msg: str | None = None) -> None:
        try:
            await call.leave(msg)
        except OnhookError:
            log.exception("call %s cannot be hung up", call.session)
        finally:
            self.calls.pop(call.session, None)

    async def _logged(self, work: Coroutine[Any, Any, object]) -> None:
        _resting.set(None)
        try:
            await work
        except OnhookError as error:
            log.warning("what was started ended: %s", error)
        except Exception:
            log.exception("what was started has raised")

    def _begins(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ends what goes on: functions are cancelled, and their calls hung up. For the end of the process; a
        server that knows a lifespan does it."""
        await self._home.run(self._close())

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if "client" in self.__dict__:
            await self.client.close()

    # Where it is served -------------------------------------------------------------------------------

    async def __call__(
        self, scope: mounting.Scope, receive: mounting.Receive, send: mounting.Send
    ) -> None:
        """The ASGI object."""
        await mounting.asgi(self.take, self._home.is_here, self.close, scope, receive, send)

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """The WSGI object. Functions run on a loop in a thread of their own."""
        return mounting.wsgi(self.take_sync, environ, start_response)

    def run(self, host: str = "127.0.0.1", port: int | None = None) -> None:
        """Serves it until Ctrl-C; the port is that of `url`, or 9000. Raises ValueError."""
        mounting.run(self, host, mounting.port_of(self.url) if port is None else port)

    @asynccontextmanager
    async def serving(
        self, host: str = "127.0.0.1", port: int | None = None
    ) -> AsyncIterator[None]:
        """Serves it meanwhile: for a program that places calls, and ends."""
        port = mounting.port_of(self.url) if port is None else port
        async with mounting.serving(self, host, port):
            yield
