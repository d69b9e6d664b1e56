"""Calls that got where they are by what really happens to calls, never built by hand."""

from dataclasses import dataclass

from onhook import urls
from onhook.call import (
    Acknowledged,
    Call,
    Connected,
    Contact,
    Due,
    Effect,
    Event,
    HangupDone,
    Job,
    Limits,
    Notify,
    Played,
    Prepared,
    Requested,
    arrive,
    dial,
    step,
)
from onhook.call.works import HangingUp, Saying
from onhook.urls import WebUrl


@dataclass(frozen=True)
class Placed:
    """A call begins by being placed instead of by arriving; only ever the first of a path."""

    at: float
    job: Job
    ring_s: float = 30.0
    max_s: float | None = None


Path = tuple[Event | Placed, ...]

LIMITS = Limits(ringing_s=60.0, idle_s=900.0, settle_s=0.5, reject_code=603)

FORWARD = Contact("answer", urls.parse("http://app.example/incoming"))
DIAL_URL = urls.parse("http://app.example/dialled")
PLAY_URL = urls.parse("http://app.example/played")
HANGUP_URL = urls.parse("http://app.example/over")
FORCE_URL = urls.parse("http://app.example/forced")

ANSWERED = Saying(fields=(("dial_status", "answered"),))
"""The work of a Dial."""


def play(request_id: int, url: WebUrl | None = PLAY_URL, tag: str = "") -> Job:
    """A Play as an application asks for it; it always has a message."""
    return Job(request_id, "play", notify_url=url, tag=tag, speaks=True, work=Saying())


def hangup(
    request_id: int, *, speaks: bool = False, url: WebUrl | None = HANGUP_URL, tag: str = ""
) -> Job:
    """A Hangup that waits its turn."""
    return Job(
        request_id,
        "hangup",
        notify_url=url,
        tag=tag,
        speaks=speaks,
        hangs_up=True,
        work=HangingUp(),
    )


def forced(
    request_id: int, *, speaks: bool = False, url: WebUrl | None = FORCE_URL, tag: str = ""
) -> Job:
    """A Hangup with force=enabled; with ``speaks`` it has a message too, which is refused."""
    return Job(
        request_id,
        "hangup",
        notify_url=url,
        tag=tag,
        speaks=speaks,
        hangs_up=True,
        force=True,
        work=HangingUp(),
    )


def dial_job(url: WebUrl | None = DIAL_URL, tag: str = "", *, speaks: bool = True) -> Job:
    """A Dial as an application asks for it."""
    return Job(1, "dial", notify_url=url, tag=tag, speaks=speaks, work=ANSWERED)


def dialling(
    *,
    url: WebUrl | None = DIAL_URL,
    tag: str = "",
    speaks: bool = True,
    max_s: float | None = None,
    job: Job | None = None,
) -> Path:
    """A Dial was accepted, or another block that calls somebody, and the callee's phone rings."""
    return (Placed(0.0, job or dial_job(url, tag, speaks=speaks), max_s=max_s),)


def contact(job: Job, **fields: str) -> Contact:
    """Who is told about a block that has a notify_url, and what it came to."""
    assert job.notify_url
    return Contact(job.block, job.notify_url, job.tag, tuple(fields.items()))


class Life:
    """One call, event after event, with every effect that it had."""

    def __init__(self, path: Path = (), limits: Limits = LIMITS) -> None:
        placed = path[0] if path and isinstance(path[0], Placed) else None
        self.call: Call
        self.call, first = _begun(placed, limits)
        self.effects: list[Effect] = list(first)
        for event in path:
            if not isinstance(event, Placed):
                self.then(event)

    def then(self, event: Event) -> tuple[Effect, ...]:
        """What this event brings about."""
        self.call, effects = step(self.call, event)
        self.effects.extend(effects)
        return effects

    @property
    def terminal(self) -> list[Contact]:
        """Who got a terminal notification so far."""
        return [
            effect.contact
            for effect in self.effects
            if isinstance(effect, Notify) and effect.call_state == "ended"
        ]


def _begun(placed: Placed | None, limits: Limits) -> tuple[Call, tuple[Effect, ...]]:
    if placed is None:
        return arrive("S1", FORWARD.url, limits, 0.0)
    return dial("S1", placed.job, limits, placed.at, ring_s=placed.ring_s, max_s=placed.max_s)


DIAL = dial_job(tag="reminder")
PLAY = play(1, tag="greeting")
NEXT = play(3)
HANGUP = hangup(2, tag="bye")
LAST_WORDS = hangup(2, speaks=True, tag="bye")
FORCED = forced(9, tag="now")

RINGING: Path = ()
PREPARING: Path = (Requested(1.0, PLAY),)
UNHEARD: Path = (*PREPARING, Prepared(2.0, 1))
"""Answered and RUNNING; the caller's ACK is still on its way."""
RUNNING: Path = (*UNHEARD, Acknowledged(3.0))
WAITING: Path = (*RUNNING, Played(4.0, 1))
PREPARING_LATER: Path = (*WAITING, Requested(5.0, LAST_WORDS))
"""PREPARING in a call that is answered."""
ENDING: Path = (*PREPARING_LATER, Prepared(6.0, 2))
ENDING_UNHEARD: Path = (Requested(1.0, LAST_WORDS), Prepared(2.0, 2))
SETTLING: Path = (*ENDING, Played(7.0, 2))
"""ENDING, with nothing left to be heard: the BYE is due."""
CLOSING: Path = (*SETTLING, Due(7.5))
REJECTING: Path = (Requested(1.0, HANGUP), Prepared(2.0, 2))
"""CLOSING of a call that was never answered."""
ENDED: Path = (*CLOSING, HangupDone(8.0))
LAST_PLAY: Path = (Requested(1.0, play(1, url=None)), Prepared(2.0, 1), Acknowledged(3.0))
"""RUNNING a Play without notify_url: the call is hung up after its message."""


def forcing(path: Path, at: float = 6.5) -> Path:
    """The same, with a forced Hangup being prepared beside it."""
    return (*path, Requested(at, FORCED))


DIALLING: Path = dialling(tag="reminder")
CONNECTED: Path = (*DIALLING, Connected(4.0))
"""RUNNING: the callee answered, and hears the message of the Dial."""
CALLED: Path = (*CONNECTED, Played(6.0, 1))
"""WAITING in a call of ours."""
CANCELLING: Path = (*forcing(DIALLING, 3.0), Prepared(3.5, 9))
"""CLOSING of a call of ours that was never answered."""
