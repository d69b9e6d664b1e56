"""What a block does while it runs: a small pure machine inside that of the call.

The table of the call knows when a block may be asked for, when it begins and what becomes of the call
when it is over. What it does in between is its work: a frozen value whose methods take what happened
and give back a :class:`Turn`. A new block brings its own, in a module of ``onhook.call.works``.
"""

import enum
from dataclasses import dataclass, field
from typing import ClassVar

from onhook.call.effects import Effect
from onhook.call.ending import Contact, End, Fields
from onhook.call.work_events import WorkEvent
from onhook.urls import WebUrl


@dataclass(frozen=True, slots=True)
class Job:
    """A block as the machine sees it: which one, for whose request, and what it needs of the call.

    ``request_id`` tells requests of one call apart. ``speaks`` says that there is a message to play,
    which a ringing call must be answered for. ``hangs_up`` marks the Hangup block.
    """

    request_id: int
    block: str
    notify_url: WebUrl | None = None
    tag: str = ""
    speaks: bool = False
    hangs_up: bool = False
    force: bool = False
    reject: int | None = None
    """The SIP status with which it rejects a call that rings; None for that of ``Limits``."""
    sip_headers: Fields = field(default=(), repr=False)
    """What the BYE or the rejection says besides, of a Hangup."""
    operator: str = ""
    """The operator who asked for it in the application's place, and by which way; else empty."""
    work: "Work" = field(kw_only=True)
    """What it does while it runs."""

    @property
    def answers(self) -> bool:
        """Whether it answers a ringing call: all do but a Hangup that has nothing to say."""
        return self.speaks or not self.hangs_up


class Then(enum.Enum):
    """What becomes of the call when a block is over."""

    NEXT = "next"
    """The application is told, and has the word."""
    HOLD = "hold"
    """The call stays on hold; nobody is told."""
    LEAVE = "leave"
    """The call is over."""


@dataclass(frozen=True, slots=True)
class Over:
    """The block is over, and how: its own fields of the notification, and what follows.

    ``end`` says how the call ended where ``then`` is LEAVE.
    """

    then: Then = Then.NEXT
    fields: Fields = ()
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of an event: the work as it is now, and what has to be done about it.

    ``due_at`` is when the work wants to hear ``Due``. ``left`` are typed digits that it did not take.
    """

    work: "Work"
    effects: tuple[Effect, ...] = ()
    due_at: float | None = None
    over: Over | None = None
    left: str = ""


class Work:
    """The work of a block; frozen dataclasses derive from it. By itself it is a block that does nothing."""

    __slots__ = ()

    keeps_contact: ClassVar[bool] = False
    """Whether whoever was told last is still to be told of the end: the block has no notify_url."""
    not_ready: ClassVar[str] = "error_session_not_ready"
    """The status of a request for it while the session is not ready for any."""
    ends_hold: ClassVar[bool] = False
    """Whether it may be asked for while the call is on hold, and takes it off."""

    def refusal(self, *, held: bool, monitored: bool) -> str:
        """The status with which a call that is ready for blocks refuses this one; empty if it does not."""
        return ""

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """The other side can hear: the work begins. ``typed`` are digits that nobody asked for yet."""
        return Turn(self, over=Over(), left=typed)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """Something happened; None if it means nothing to this work."""
        return None

    def parting(self) -> Fields:
        """The block's own fields of the terminal notification, should the call end now."""
        return ()

    def known(self) -> Fields:
        """What of :meth:`parting` is worth writing down while the block goes on, in case of a crash."""
        return self.parting()

    @property
    def records(self) -> str:
        """The name of what it records, or will; empty for nothing."""
        return ""

    def records_at_once(self, job: Job) -> bool:
        """Whether nothing is to be missing in that of what is said from the answer on."""
        return False

    def monitor(self, job: Job) -> Contact | None:
        """Who is to be told of the recording of the whole call, if this work begins one."""
        return None
