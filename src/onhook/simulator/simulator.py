"""The simulator: calls without SIP, audio or sleep, against an application that is real."""

import logging
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import structlog

from onhook.calls import clock
from onhook.simulator import virtual_loop
from onhook.simulator.applications import ApplicationServer
from onhook.simulator.deliveries import Told
from onhook.simulator.line import Line
from onhook.simulator.loop_thread import LoopThread
from onhook.simulator.phones import CalleeLeg, CallerLeg, Manner
from onhook.simulator.speech import WORDS_A_MINUTE
from onhook.simulator.story import Story
from onhook.simulator.switch import Switch
from onhook.simulator.virtual_loop import Stillness, VirtualLoop

Result = TypeVar("Result")

GRACE_MS: Final = 20.0
"""Of real time, after a reply to an application in another process."""
GRACE_HERE_MS: Final = 5.0
"""The same of one that is served here: of that it is known when it is at work."""
PATIENCE_S: Final = 10.0
"""So long an application may take to do something, in real time."""
_BELIEVED_S: Final = 1.1
"""What is changed in the database is known after this, in the time that calls have."""
_IN_MEMORY: Final = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class _Leg:
    """A phone of the simulator (backend.Leg)."""

    phone: CallerLeg | CalleeLeg

    @property
    def line(self) -> Line:
        """Its end of the call."""
        return self.phone.line

    def press(self, key: str) -> None:
        """By its audio."""
        if self.line.stream is not None:
            self.line.told(self.line, f"presses {key}")
            self.line.stream.press(key)

    def say(self, text: str, length_s: float) -> None:
        """By its audio."""
        if self.line.stream is not None:
            self.line.told(self.line, f'says "{text}"')
            self.line.stream.say(text, length_s)

    def hang_up(self) -> None:
        """BYE or CANCEL."""
        self.phone.hang_up()

    def answer(self) -> None:
        """200."""
        if isinstance(self.phone, CalleeLeg):
            self.phone.answer()

    def refuse(self, code: int) -> None:
        """A final response."""
        if isinstance(self.phone, CalleeLeg):
            self.phone.refuse(code)


@contextmanager
def _quiet() -> Iterator[None]:
    """What a server would log every day is not said, unless whoever tests has said what is to be logged."""
    if structlog.is_configured():
        yield
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.reset_defaults()


class Simulator:
    """Use it in `with`. ``url``, ``app_id`` and ``access_token`` are what the application needs of it, and
    ``ivr_url`` is where one is served that is an object here. `grace_ms` and `patience_s` are of real time;
    `settings` are those of `onhook serve`.
    """

    late_s = 0.0

    def __init__(
        self,
        *,
        grace_ms: float | None = None,
        patience_s: float = PATIENCE_S,
        words_a_minute: float = WORDS_A_MINUTE,
        settings: Mapping[str, Any] | None = None,
        port: int = 0,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        """The API has this `port` of loopback, or a free one, and these `credentials`, an app_id and an
        access_token, or new ones."""
        self._port = port
        self._credentials = credentials
        self._grace_ms = grace_ms
        self.patience_s = patience_s
        self._stillness = Stillness(GRACE_MS / 1000)
        self._words_a_minute = words_a_minute
        self._settings = settings or {}
        self._stack = ExitStack()
        self._told_of = ""
        self._known: set[str] = set()
        self._numbers: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            parent = _IN_MEMORY if _IN_MEMORY.is_dir() else None
            data = Path(tempfile.mkdtemp(prefix="onhook-simulator-", dir=parent))
            stack.callback(shutil.rmtree, data, ignore_errors=True)
            stack.enter_context(_quiet())
            stack.enter_context(clock.kept_by(virtual_loop.monotonic, virtual_loop.wall))
            self._applications = ApplicationServer(self._stillness)
            stack.callback(self._applications.close)
            self.ivr_url = self._applications.url
            self._loop = VirtualLoop(self._stillness)
            self._story = Story(self._loop.time)
            self._thread = LoopThread(self._loop)
            self._thread.start()
            stack.callback(self._thread.end)
            self._switch = Switch(
                self._loop,
                data,
                self._stillness,
                self._settings,
                self._words_a_minute,
                self._tell,
            )
            self._opened = AsyncExitStack()
            http = socket.create_server(("127.0.0.1", self._port), backlog=128)
            self._thread.do(self._switch.serve(self._opened, http, self._credentials))
            stack.callback(self._close)
            self.url = self._switch.url
            self.app_id, self.access_token = self._switch.app_id, self._switch.access_token
            self._stack = stack.pop_all()
        self.begin_anew()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> Mapping[str, str]:
        """What an application may read off the environment, by the names that the examples use."""
        return {
            "ONHOOK_API": self.url,
            "APP_ID": self.app_id,
            "ACCESS_TOKEN": self.access_token,
            "MY_URL": self._told_of or self.ivr_url,
        }

    def serve(self, ivr: object, *, at: str = "") -> None:
        """The application: an ASGI or WSGI object, a class of handlers of `http.server`, or a URL. An object
        is told of calls at the path `at` below `ivr_url`."""
        if isinstance(ivr, str):
            self._applications.end()
            self._told_of, grace_ms = ivr, GRACE_MS
        else:
            self._applications.serve(ivr)
            self._told_of, grace_ms = self.ivr_url + at, GRACE_HERE_MS
        self._stillness.grace_s = (grace_ms if self._grace_ms is None else self._grace_ms) / 1000

    def begin_anew(self) -> None:
        """Ends what is left of the test before, and forgets what was to go wrong."""
        self.run(self._switch.control.register.hang_up_all)
        self._known = set(self._switch.records)
        self.run(lambda: self._switch.messenger.begin_anew(frozenset(self._known)))
        self.run(self._switch.manners.clear)
        self.run(self._switch.dialler.dialled.clear)
        self._thread.do(self._switch.credit(None))
        self.run(self._story.begins)

    def happened_since(self, number: int) -> list[str]:
        """What has happened behind the first so many things, a line each."""
        return self.run(lambda: self._story.since(number))

    def is_quiet(self) -> bool:
        """Whether nothing is under way, neither in the application nor here. For `wait`."""
        return self._stillness.left_s() == 0.0 and self._loop.clock.is_idle()

    # What a phone is made of (backend.Backend) --------------------------------------------------------

    def call(self, number: str, caller: str, headers: Mapping[str, str]) -> _Leg:
        """Calls a number, which belongs to the application from now on."""
        forward_to = self._told_of or self.ivr_url
        if self._numbers.get(number) != forward_to:
            self._thread.do(self._switch.add_number(number, forward_to))
            self._numbers[number] = forward_to
        return _Leg(self.run(lambda: self._switch.call(number, caller, headers)))

    def rings(self, number: str, within_s: float) -> _Leg | None:
        """The next call of the application to a number."""
        dialled = self._switch.dialler.dialled

        def found() -> CalleeLeg | None:
            return next((one for one in dialled if one.called == number), None)

        self.wait(lambda: found() is not None, within_s)
        leg = self.run(found)
        if leg is None:
            return None
        self.run(lambda: dialled.remove(leg))
        leg.line.session = self.run(lambda: self._switch.session_to(number, self._known))
        self._known.add(leg.line.session)
        return _Leg(leg)

    def takes(self, number: str, *, refuses: int | None, answers_after_s: float | None) -> None:
        """How a number takes calls."""
        manner = Manner(refuses, answers_after_s)
        self.run(lambda: self._switch.manners.update({number: manner}))

    def wait(self, is_so: Callable[[], bool], within_s: float) -> bool:
        """Waits; virtual time passes meanwhile."""
        return self._thread.do(self._loop.until(is_so, within_s, self.patience_s))

    def passes(self, seconds: float) -> None:
        """Lets time pass."""
        self._thread.do(self._loop.until(lambda: False, seconds, self.patience_s, passes=True))

    def run(self, work: Callable[[], Result]) -> Result:
        """On the simulator's loop."""
        return self._thread.run(work)

    def notifications(self, session: str) -> Sequence[Told]:
        """Of one call."""
        return [one for one in self._switch.messenger.told if one.get("session") == session]

    def all_told(self, session: str) -> bool:
        """Whether each was tried."""
        told = {one.notification_id for one in self.notifications(session)}
        record = self._switch.records.get(session)
        return record is not None and len(told) >= record.sequence

    def cost(self, session: str) -> tuple[Decimal, str] | None:
        """Of a call that is over."""
        record = self._switch.records.get(session)
        if record is None or record.ended_ms is None:
            return None
        return Decimal(record.debit), record.currency

    def fails(self, replies: Sequence[int | None], late_s: Sequence[float]) -> None:
        """What is to go wrong."""
        self.run(lambda: self._switch.messenger.trouble.add(replies, late_s))

    def credit(self, amount: str | None) -> None:
        """What the account has."""
        self._thread.do(self._switch.credit(amount))
        self.passes(_BELIEVED_S)

    @property
    def story(self) -> str:
        """What has happened, and what is waited for."""
        held = sorted(set(self._stillness.held_for.values()))
        waits = f"\nNot answered yet: {', '.join(held)}." if held else ""
        return f"{self._story}{waits}"

    # ------------------------------------------------------------------------------------------------

    def _tell(self, who: str, said: str) -> None:
        is_phone = who.startswith("+") or who == "anonymous"
        self._story.tell(who if is_phone else "application", said)

    def _close(self) -> None:
        self._loop.clock.ends = True
        self._thread.do(self._opened.aclose())
