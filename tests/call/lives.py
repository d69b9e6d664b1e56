"""Calls that got where they are by what really happens to calls, never built by hand."""

from collections.abc import Iterable

from onhook.call import (
    Acknowledged,
    Call,
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
    step,
)

Path = tuple[Event, ...]

LIMITS = Limits(ringing_s=60.0, idle_s=900.0, settle_s=0.5, reject_code=603)

FORWARD = Contact("answer", "http://app.example/incoming")
PLAY_URL = "http://app.example/played"
HANGUP_URL = "http://app.example/over"
FORCE_URL = "http://app.example/forced"


def play(request_id: int, url: str | None = PLAY_URL, tag: str = "") -> Job:
    """A Play as an application asks for it; it always has a message."""
    return Job(request_id, "play", notify_url=url, tag=tag, speaks=True)


def hangup(
    request_id: int, *, speaks: bool = False, url: str | None = HANGUP_URL, tag: str = ""
) -> Job:
    """A Hangup that waits its turn."""
    return Job(request_id, "hangup", notify_url=url, tag=tag, speaks=speaks, hangs_up=True)


def forced(
    request_id: int, *, speaks: bool = False, url: str | None = FORCE_URL, tag: str = ""
) -> Job:
    """A Hangup with force=enabled; with ``speaks`` it has a message too, which is refused."""
    return Job(
        request_id, "hangup", notify_url=url, tag=tag, speaks=speaks, hangs_up=True, force=True
    )


def contact(job: Job) -> Contact:
    """Who is told about a block that has a notify_url."""
    assert job.notify_url
    return Contact(job.block, job.notify_url, job.tag)


class Life:
    """One call, event after event, with every effect that it had."""

    def __init__(self, path: Iterable[Event] = (), limits: Limits = LIMITS) -> None:
        self.call: Call
        self.call, first = arrive("S1", FORWARD.url, limits, 0.0)
        self.effects: list[Effect] = list(first)
        for event in path:
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
