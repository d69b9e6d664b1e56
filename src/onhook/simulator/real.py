"""The other back end: the same tests against a server that is real, with phones that are real SIP phones.

Phones are those of `onhook.testing`. What was said as text is read off the trace that the server keeps of
each call: which message began to play, and whether it was sent to its end. What somebody says in a call is a
tone of its own, which is looked for in what the others heard. Time passes as it does.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from itertools import count
from typing import Final, Self, TypeVar

from onhook.simulator.applications import ApplicationServer
from onhook.simulator.deliveries import Told
from onhook.simulator.line import Line
from onhook.simulator.loop_thread import LoopThread
from onhook.simulator.phones import Manner
from onhook.simulator.real_disk import ServerDisk
from onhook.simulator.real_leg import RealLeg, Tones
from onhook.simulator.real_server import RealServer
from onhook.simulator.story import Story
from onhook.simulator.virtual_loop import Stillness
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.seen_call import PhoneError

Result = TypeVar("Result")

_LOOK_S: Final = 0.1
_KNOWN_S: Final = 1.1
"""A running server knows of what is changed after this."""


class RealPhones:
    """Use it in `with` (backend.Backend). ``settings`` are those of the server, by name."""

    late_s = 5.0

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._server = RealServer(settings or {})
        self._stack = ExitStack()
        self._disk = ServerDisk(self._server)
        self._legs = self._disk.legs
        self._ringing: list[RealLeg] = []
        self._manners: dict[str, Manner] = {}
        self._reports = self._disk.reports
        self._numbers: dict[str, str] = {}
        self._told_of = ""
        self._tones = Tones()
        self._line_numbers = count(1)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._server.remove)
            self._applications = ApplicationServer(Stillness(0.0))
            stack.callback(self._applications.close)
            self._loop = asyncio.new_event_loop()
            self._story = Story(self._loop.time)
            self._thread = LoopThread(self._loop)
            self._thread.on_failure = self._failed
            self._thread.start()
            stack.callback(self._thread.end)
            self._opened = AsyncExitStack()
            stack.callback(lambda: self._thread.do(self._opened.aclose()))
            self._thread.do(self._prepare())
            self._server.start(stack)
            self._thread.run(lambda: self._thread.background(self._disk.read()))
            stack.callback(lambda: self._thread.do(self._leave()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def _prepare(self) -> None:
        carrier = await self._opened.enter_async_context(Phone())
        carrier.on_call = self._taken
        await self._server.prepare(self._opened, carrier.address)

    @property
    def environment(self) -> Mapping[str, str]:
        """What an application may read off the environment."""
        return {
            "ONHOOK_API": self._server.url,
            "APP_ID": self._server.app_id,
            "ACCESS_TOKEN": self._server.access_token,
            "MY_URL": self._told_of or self.ivr_url,
        }

    @property
    def ivr_url(self) -> str:
        """Where an application is served that is an object here."""
        return self._applications.url

    def serve(self, ivr: object, *, at: str = "") -> None:
        """The application, as for `Simulator.serve`."""
        if isinstance(ivr, str):
            self._applications.end()
            self._told_of = ivr
        else:
            self._applications.serve(ivr)
            self._told_of = self.ivr_url + at

    def begin_anew(self) -> None:
        """Ends what is left of the test before."""
        self._thread.do(self._leave())
        self._thread.do(self._server.credit(None))
        self.run(self._story.begins)

    async def _leave(self) -> None:
        left = [leg.call for leg in self._legs if not leg.call.is_over()]
        await asyncio.gather(*(call.leave() for call in left), return_exceptions=True)
        self._disk.known.update(record.session for record in await self._server.calls())
        for several in (
            self._legs,
            self._ringing,
            self._manners,
            self._disk.callers,
            self._reports,
        ):
            several.clear()

    # What a phone is made of --------------------------------------------------------------------------

    def call(self, number: str, caller: str, headers: Mapping[str, str]) -> RealLeg:
        """Calls a number, which belongs to the application from now on."""
        forward_to = self._told_of or self.ivr_url
        return self._thread.do(self._call(number, caller, headers, forward_to))

    async def _call(
        self, number: str, caller: str, headers: Mapping[str, str], forward_to: str
    ) -> RealLeg:
        if self._numbers.get(number) != forward_to:
            await self._server.give(number, forward_to)
            self._numbers[number] = forward_to
            await asyncio.sleep(_KNOWN_S)
        name = caller or "anonymous"
        phone = await self._opened.enter_async_context(Phone(name))
        self._story.tell(name, f"calls {number}")
        call = await phone.call(number, server=self._server.sip, headers=tuple(headers.items()))
        leg = self._leg(name, call)
        self._disk.callers[leg.line.number] = (number, caller)
        return leg

    def rings(self, number: str, within_s: float) -> RealLeg | None:
        """The next call of the application to a number."""

        def found() -> RealLeg | None:
            return next((leg for leg in self._ringing if leg.line.name == number), None)

        self.wait(lambda: found() is not None, within_s)
        leg = self.run(found)
        if leg is not None:
            self.run(lambda: self._ringing.remove(leg))
        return leg

    def _taken(self, call: IncomingPhoneCall) -> None:
        """One of our phones is called by the trunk."""
        manner = self._manners.get(call.called, Manner())
        if manner.refuses is not None:
            self._story.tell(call.called, f"refuses with {manner.refuses}")
            call.reject(manner.refuses)
            return
        leg = self._leg(call.called, call)
        call.ring()
        self._ringing.append(leg)
        if manner.answers_after_s is not None:
            self._loop.call_later(manner.answers_after_s, leg.answer)

    def _leg(self, name: str, call: PhoneCall | IncomingPhoneCall) -> RealLeg:
        line = Line(
            next(self._line_numbers),
            name,
            self._loop.time,
            lambda line, said: self._story.tell(line.name, said),
        )
        leg = RealLeg(line, call, self._thread.background, self._tones)
        self._legs.append(leg)
        return leg

    def takes(self, number: str, *, refuses: int | None, answers_after_s: float | None) -> None:
        """How a number takes calls."""
        manner = Manner(refuses, answers_after_s)
        self.run(lambda: self._manners.update({number: manner}))

    def wait(self, is_so: Callable[[], bool], within_s: float) -> bool:
        """Waits, as long as it takes."""

        async def until() -> bool:
            until_s = self._loop.time() + within_s
            while not is_so() and self._loop.time() < until_s:  # noqa: ASYNC110  # phones and a disk
                await asyncio.sleep(_LOOK_S)
            return is_so()

        return self._thread.do(until())

    def passes(self, seconds: float) -> None:
        """So much time."""
        self._thread.do(asyncio.sleep(seconds))

    def run(self, work: Callable[[], Result]) -> Result:
        """Where the phones are."""
        return self._thread.run(work)

    def notifications(self, session: str) -> Sequence[Told]:
        """As they are on the disk of the server."""
        report = self._reports.get(session)
        return [
            Told(one.notification.fields, one.notification.notification_id, tried.status)
            for one in (report.notifications if report is not None else ())
            for tried in one.attempts
        ]

    def all_told(self, session: str) -> bool:
        """Whether each was tried; of a call that is over its end is among them."""
        report = self._reports.get(session)
        if report is None:
            return False
        over = any(leg.line.session == session and leg.call.is_over() for leg in self._legs)
        tried = all(one.attempts for one in report.notifications)
        return tried and (report.call.ended_ms is not None or not over)

    def cost(self, session: str) -> tuple[Decimal, str] | None:
        """Of a call that is over."""
        report = self._reports.get(session)
        if report is None or report.call.ended_ms is None:
            return None
        return Decimal(report.call.debit), report.call.currency

    def fails(self, replies: Sequence[int | None], late_s: Sequence[float]) -> None:
        """Raises ValueError."""
        raise ValueError("what goes wrong with notifications can be simulated only")

    def credit(self, amount: str | None) -> None:
        """What the account has."""
        self._thread.do(self._server.credit(amount))
        self.passes(_KNOWN_S)

    @property
    def story(self) -> str:
        """What has happened."""
        return str(self._story)

    def _failed(self, error: BaseException) -> None:
        """What a phone could not do, as the call was over, stands in the story."""
        said = str(error).partition("\n")[0]
        self._story.tell("a phone", said if isinstance(error, PhoneError) else repr(error))
