"""What a call is, at one moment. Every value is immutable; times are seconds of one monotonic clock."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from onhook.call.ending import Contact, End, Fields
from onhook.call.work import Job

__all__ = ["Call", "Limits", "State", "later"]


class State(enum.Enum):
    """Where a call is in its life."""

    DIALLING = "dialling"
    """An outgoing call; its INVITE is out, nobody answered yet."""
    RINGING = "ringing"
    """An incoming call; 180 was sent, the application was told, nobody answered yet."""
    WAITING = "waiting"
    """Answered, no block in progress: the application is to say what comes next."""
    PREPARING = "preparing"
    """A block was reserved; its message and its notify_url are being prepared."""
    RUNNING = "running"
    """A block does its work: it plays, listens, records, or has joined the call to another one."""
    HELD = "held"
    """On hold: music or a message plays again and again until the application takes it off."""
    ENDING = "ending"
    """A Hangup was accepted; its message is heard, then the settle time passes."""
    CLOSING = "closing"
    """BYE, or the rejection of a ringing call, is on its way."""
    ENDED = "ended"
    """Over. The application was told, and nothing happens any more."""

    __hash__ = object.__hash__  # there is one object of each: that of Enum takes a call in Python


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may stay as it is, seconds; and how a ringing call is rejected."""

    ringing_s: float = 60.0
    """An incoming call on which the application does not act is rejected with 480 after this."""
    idle_s: float = 900.0
    """An answered call in which no block runs is hung up after this."""
    session_s: float = 14400.0
    """No call lasts longer than this in all, from the first ring."""
    settle_s: float = 0.1
    """Between the last frame of the last message and the BYE, so that jitter buffers play out."""
    reject_code: int = 603
    """SIP response to a ringing call that the application hangs up: 603 or 480."""


@dataclass(slots=True)
class Call:
    """A call at one moment. Only :func:`onhook.call.step` makes the next one, by :func:`later`.

    It never changes; it is not frozen only because a frozen one takes five times as long to make, and a
    call has ten of them.
    """

    session: str
    contact: Contact | None
    """Whose notify_url gets the terminal notification; None when nobody is to be told."""
    limits: Limits = field(default_factory=Limits)
    state: State = State.RINGING
    job: Job | None = None
    """The block in progress or being prepared."""
    forcing: Job | None = None
    """A forced Hangup that is being prepared while the call goes on as it is."""
    outgoing: bool = False
    """Whether we placed the call."""
    held: bool = False
    """On hold, also while the block that takes it off is being prepared."""
    typed: str = ""
    """Digits that nobody asked for yet: the next Gather gets them."""
    untold: Fields = ()
    """What the last block came to, where nobody is to be told of the end of the call."""
    monitor: Contact | None = None
    """Who gets the link to the recording of the whole call; None while there is none."""
    max_s: float | None = None
    """How long the call may last from its answer on, where its Dial said so."""
    limited: bool = False
    """Whether ``max_s`` is what ends the call at ``expires_at``."""
    acknowledged: bool = False
    """The caller's ACK arrived, so it is ready to hear."""
    due_at: float | None = None
    """When an event ``Due`` is wanted: the one timer that the present state has. After a preparation
    that failed it may lie in the past; then the event is due at once."""
    held_due_at: float | None = None
    """While a block is being prepared: the ``due_at`` to go back to should its preparation fail."""
    expires_at: float | None = None
    """When an event ``SessionExpired`` is wanted. The answer of a call with ``max_s`` brings it nearer."""
    answered_at: float | None = None
    end: End | None = None

    @property
    def answered(self) -> bool:
        """Whether the call was answered: from then on it is billed, and ends with a BYE."""
        return self.answered_at is not None

    @property
    def rest(self) -> State:
        """The state of the call while no block is prepared or runs."""
        if self.held:
            return State.HELD
        return State.WAITING if self.answered else State.RINGING

    @property
    def monitoring(self) -> Fields:
        """The link to the recording of the whole call, while the block that began it is in progress."""
        job = self.job
        if self.state is not State.RUNNING or job is None or job.work is None or not self.monitor:
            return ()
        return self.monitor.fields if job.work.monitor(job) == self.monitor else ()

    @property
    def hangup_reserved(self) -> bool:
        """Whether a Hangup is accepted or being prepared."""
        return self.forcing is not None or (self.job is not None and self.job.hangs_up)


_values: Callable[[Call], tuple[Any, ...]] = attrgetter(*[field.name for field in fields(Call)])

if TYPE_CHECKING:
    from dataclasses import replace as later
else:

    def later(call: Call, **changes: object) -> Call:
        """The same call, but for these fields: `dataclasses.replace`, without looking at each of them."""
        made = Call(*_values(call))
        for name, value in changes.items():
            setattr(made, name, value)
        return made
