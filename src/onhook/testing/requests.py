"""Requests on their way: sent again until they are answered (RFC 3261 17.1), as over UDP."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from onhook.testing.sip_text import Address, SipMessage

T1_S = 0.5
T2_S = 4.0
GIVE_UP_S = 64 * T1_S


class Handle(Protocol):
    """A timer that can be cancelled."""

    def cancel(self) -> None:
        """Keep it from running."""


class Timers(Protocol):
    """Whatever sets timers: an event loop, or a VirtualClock."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Run `callback(*args)` after `delay` seconds."""


class Repeater:
    """Sends at once, then again after T1, 2 T1, 4 T1, ... until `stop`, and gives up after 64 T1.

    `cap_s` bounds the interval: T2 for a request that is not INVITE (timer E), none for INVITE
    (timer A).
    """

    def __init__(
        self,
        timers: Timers,
        send: Callable[[], None],
        give_up: Callable[[], None],
        *,
        cap_s: float = GIVE_UP_S,
    ) -> None:
        self._timers = timers
        self._send = send
        self._give_up = give_up
        self._cap_s = cap_s
        self._interval_s = T1_S
        self._next: Handle | None = None
        self._end = timers.call_later(GIVE_UP_S, self._gave_up)
        self._fire()

    def slow_down(self) -> None:
        """Go on at T2 only: a provisional response to a request that is not INVITE came."""
        self._interval_s = self._cap_s

    def stop(self) -> None:
        """Send no more and do not give up: a response came that says enough."""
        if self._next is not None:
            self._next.cancel()
        self._end.cancel()

    def _fire(self) -> None:
        self._send()
        self._next = self._timers.call_later(self._interval_s, self._fire)
        self._interval_s = min(2 * self._interval_s, self._cap_s)

    def _gave_up(self) -> None:
        self.stop()
        self._give_up()


class Socket(Protocol):
    """What messages leave by."""

    address: Address

    def send(self, data: bytes, to: Address) -> None:
        """Send a message once."""

    def repeat(self, data: bytes, to: Address) -> None:
        """Send a message that may have been sent before: again only where it may have been lost."""


class Wire:
    """The phone's SIP socket and the requests (other than INVITE) that wait for an answer."""

    def __init__(self, socket: Socket) -> None:
        self.address = socket.address
        """Where the phone is reached."""
        self.loop = asyncio.get_running_loop()
        """The loop that everything of the phone runs on."""
        self._socket = socket
        self._waiting: dict[
            tuple[str, str], tuple[Repeater, asyncio.Future[SipMessage | None]]
        ] = {}

    def send(self, message: SipMessage, to: Address) -> None:
        """Send a message once."""
        self._socket.send(message.to_bytes(), to)

    def request(self, message: SipMessage, to: Address) -> asyncio.Future[SipMessage | None]:
        """Send a request, over UDP until it is answered; the future yields the final response.

        It yields None if none came in 32 s, or when the wire is closed.
        """
        key = (message.branch, message.method)
        done: asyncio.Future[SipMessage | None] = self.loop.create_future()
        data = message.to_bytes()

        def give_up() -> None:
            self._finish(key, None)

        repeater = Repeater(self.loop, lambda: self._socket.repeat(data, to), give_up, cap_s=T2_S)
        self._waiting[key] = (repeater, done)
        return done

    def take_response(self, message: SipMessage) -> None:
        """Hand a response to the request that waits for it, if one does."""
        key = (message.branch, message.method)
        if message.status >= 200:
            self._finish(key, message)
        elif key in self._waiting:
            self._waiting[key][0].slow_down()

    def close(self) -> None:
        """Give up everything that still waits."""
        for key in list(self._waiting):
            self._finish(key, None)

    def _finish(self, key: tuple[str, str], message: SipMessage | None) -> None:
        if key in self._waiting:
            repeater, done = self._waiting.pop(key)
            repeater.stop()
            if not done.done():  # whoever waited may have been cancelled
                done.set_result(message)
