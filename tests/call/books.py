"""An independent account of a call: what went in, what came out, and what the reference makes of it.

It never looks inside the machine, and knows of a call only what an application, a caller, a phone
and a media plane would know of it.
"""

from call.accounts import Account, Met, Transferred, account_of
from call.lives import FORWARD
from onhook.blocks import BLOCKS
from onhook.call import (
    Accept,
    Answer,
    Bridge,
    Contact,
    DropPeer,
    Effect,
    Fields,
    HangUp,
    Job,
    JoinRoom,
    Loop,
    Notify,
    Overtake,
    Play,
    Reach,
    Refuse,
    Reject,
    Reserve,
    RingBack,
    StartRecording,
    StopMedia,
    StopPlaying,
    StopRecording,
)
from onhook.call.effects import SendDigits
from onhook.call.works import Leaving, Monitoring, Recording, SendingDigits

NOT_READY = "error_session_not_ready"
NOT_ON_HOLD = "error_session_not_on_hold"
STATUSES = {block.slug: block.statuses for block in BLOCKS}

LOOP = -1
"""What plays again and again, where others are messages of requests."""


class Books:
    """Enters every effect and asserts that it was allowed at that moment."""

    def __init__(self, dial: Job | None = None) -> None:
        self.now = 0.0
        self.jobs: list[Job] = []
        self.replies: dict[int, str] = {}
        """Request to the one status that it was answered with."""
        self.in_preparation: list[int] = []
        self.hangups: list[Job] = []
        """Those that were accepted."""
        self.last_words: Job | None = None
        """The Hangup whose message was not yet heard."""
        self.block: Account | None = None
        """The block that was accepted and is not through."""
        self.held = False
        self.keys = ""
        """What was typed for a Gather that is still to come."""
        self.sound: int | None = None
        """The request whose message plays, or LOOP."""
        self.said: set[int] = set()
        """Whose message was heard to its end, or cut off."""
        self.tapes: set[str] = set()
        """Recordings that are going on."""
        self.peer = self.bridged = self.seated = False
        self.monitor: Contact | None = None
        self.monitors: set[str] = set()
        self.to_tell: Contact | None = FORWARD
        self.came_to: Fields = ()
        """What the block came to whose notify_url that is."""
        self.to_be_told = False
        """A block is over, and the notification of that has not yet left."""
        self.told: list[Contact] = []
        self.outgoing = dial is not None
        self.dial_status = "failed"
        """What became of a call of ours should it end before its answer."""
        self.answered = False
        self.acknowledged = False
        self.left = False
        """A BYE, a CANCEL or a rejection was sent."""
        self.media_stopped = False
        self.ended = False
        if dial is not None:
            self.ask(dial)
            self.replies[dial.request_id] = "success_ok"
            self.to_tell = _contact(dial)
            self.block = account_of(dial)

    # Requests -------------------------------------------------------------------------------------

    def ask(self, job: Job) -> None:
        """An application sends this request."""
        assert job.request_id == len(self.jobs)
        self.jobs.append(job)

    def verdict(self, job: Job) -> str:
        """The status with which this request has to be refused; empty where it may be prepared."""
        pending = [
            self.jobs[number] for number in self.in_preparation if number not in self.replies
        ]
        not_ready = NOT_ON_HOLD if job.block == "unhold" else NOT_READY
        already = "error_hangup_already_in_progress" if job.hangs_up else not_ready
        no_message = "error_cannot_play_msg_with_force" if job.force and job.speaks else ""
        if self.ended:
            return "error_session_ended"
        if self.left or any(other.force for other in pending):
            return already
        if self.leaving:
            return no_message if job.force else already
        if any(other.hangs_up for other in pending):
            return already
        if job.force:
            return no_message
        if pending or self.block is not None or (self.held and job.block != "unhold"):
            return not_ready
        return self.unfit(job)

    def unfit(self, job: Job) -> str:
        """The status with which a call on which nothing is done refuses this block."""
        if job.block == "unhold" and not self.held:
            return NOT_ON_HOLD
        if job.block == "monitor" and self.monitors:
            return "error_monitor_in_progress"
        return ""

    @property
    def leaving(self) -> bool:
        """Whether the call hangs up of itself, now or when a message was heard."""
        return bool(self.hangups) or (self.block is None and self.to_tell is None)

    @property
    def gone(self) -> bool:
        """Whether nothing that anybody does matters any more."""
        return self.left or self.ended

    def reply(self, request_id: int, status: str) -> None:
        """Whoever asked gets an answer: the first and only one."""
        job = self.jobs[request_id]
        assert request_id not in self.replies
        assert status in STATUSES["voice_hangup" if _by_reference(job) else job.block]
        self.replies[request_id] = status

    # What is done to the call ---------------------------------------------------------------------

    def acknowledge(self) -> None:
        """The caller's ACK arrives."""
        self.acknowledged = True
        self._begin()

    def connect(self) -> None:
        """The callee answers."""
        self.answered = True
        self.acknowledge()

    def refused(self, outcome: str) -> None:
        """The callee does not answer; a CANCEL of ours says why before."""
        if not self.gone:
            self.dial_status = outcome

    def heard(self) -> int:
        """The message that plays comes to its end."""
        assert self.sound is not None
        request_id = self.sound
        self._silence()
        if self.block is None:
            self.last_words = None
        else:
            self.block.heard(self.now)
            self._turn()
        return request_id

    def press(self, key: str) -> bool:
        """A key goes down; whether that can mean anything."""
        if self.gone or not self.answered or self.leaving or self.held:
            return False
        block = self.block
        if block is None or not block.begun or not block.key(key, self.now):
            before, self.keys = self.keys, _kept(self.keys + key)
            return self.keys != before
        self._turn()
        return True

    def time_is_up(self) -> None:
        """What the call has waited for did not happen."""
        if self.block is not None and self.block.begun:
            self.block.time_is_up(self.now)
            self._turn()
        else:
            self.dial_status = "unanswered"

    @property
    def transfer(self) -> Transferred | None:
        """The transfer to a number that goes on."""
        return self.block if isinstance(self.block, Transferred) and not self.gone else None

    def peer_rings(self, audible: bool) -> bool:
        """The peer rings; whether there is one."""
        transfer = self.transfer
        if transfer is None or not transfer.rings:
            return False
        transfer.audible = transfer.audible or audible
        return True

    def peer_answers(self) -> bool:
        """The peer answers, if there is one."""
        transfer = self.transfer
        if transfer is None or not transfer.rings:
            return False
        transfer.answered(self.now)
        return True

    def peer_fails(self, outcome: str) -> bool:
        """The peer does not answer, if there is one."""
        transfer = self.transfer
        if transfer is None or not transfer.rings:
            return False
        self.peer = self.bridged = False
        transfer.failed(outcome)
        self._turn()
        return True

    def peer_leaves(self) -> bool:
        """The peer hangs up, if there is one that answered."""
        transfer = self.transfer
        if transfer is None or not transfer.joined:
            return False
        self.peer = self.bridged = False
        transfer.left()
        self._turn()
        return True

    def kicked(self) -> bool:
        """The call is put out of its room, if it is in one."""
        if self.gone or not isinstance(self.block, Met) or not self.block.inside:
            return False
        self.block.over = self.block.ends_call = True
        self._turn()
        return True

    def _begin(self) -> None:
        if self.block is not None and self.acknowledged:
            if isinstance(self.block.job.work, Monitoring):
                self._monitored(self.block.job, self.block.job.work)
            self.keys = _kept(self.block.begin(self.now, self.keys))
            self._turn()

    def _monitored(self, job: Job, work: Monitoring) -> None:
        url = work.notify_url or job.notify_url
        assert url
        self.monitors.add(work.name)
        self.monitor = Contact(job.block, url, job.tag, (("monitor_url", work.url),))

    def _turn(self) -> None:
        """If the block is over, what it came to is told, or it was the last."""
        block = self.block
        if block is None or not block.over:
            return
        self.block = None
        if block.job.block == "hold":
            self.held = True
            return
        self.came_to = block.told
        self.to_be_told = self.to_tell is not None and not block.ends_call

    # What comes of it -----------------------------------------------------------------------------

    def enter(self, effect: Effect) -> None:
        """Books one effect of the machine."""
        assert not self.ended or isinstance(effect, Refuse), "nothing happens after the end"
        match effect:
            case Reserve(request_id):
                assert request_id not in self.replies
                self.in_preparation.append(request_id)
            case Refuse(request_id, status):
                self.reply(request_id, status)
            case Overtake(request_id, status):
                assert request_id in self.in_preparation
                self.reply(request_id, status)
            case Accept(request_id):
                self.reply(request_id, "success_ok")
                self._accept(self.jobs[request_id])
            case Notify(to, "ongoing"):
                assert self.to_be_told
                assert to == self._last_contact()
                self.to_be_told = False
            case Notify(to, call_state):
                assert call_state == "ended"
                self.told.append(to)
            case Answer() | Reject() | HangUp() | StopMedia():
                self._enter_phone(effect)
            case _:
                assert self.acknowledged, "nobody is there to hear it before the ACK"
                assert not self.media_stopped
                self._enter_media(effect)

    def _enter_phone(self, effect: Answer | Reject | HangUp | StopMedia) -> None:
        assert not self.left
        match effect:
            case Answer(recording):
                assert recording == (_recorded_at_once(self.block.job) if self.block else "")
                assert not self.answered
                assert not self.outgoing
                self.answered = True
            case StopMedia():
                assert self.answered
                assert not self.media_stopped
                self.media_stopped = True
                self._silence()
                self.tapes.clear()
            case HangUp():
                assert self.answered or self.outgoing
                assert self.media_stopped == self.answered, "no frame may follow the BYE"
                self.left = True
            case Reject():
                assert not self.answered
                assert not self.outgoing
                self.left = True

    def _enter_media(self, effect: Effect) -> None:
        match effect:
            case Play(request_id, beep, recording):
                work = self.jobs[request_id].work
                assert self.replies[request_id] == "success_ok"
                assert self.sound is None
                assert beep == (isinstance(work, Recording) and work.beep)
                assert recording == (work.records if isinstance(work, Recording) else "")
                assert recording not in self.tapes
                self.sound = request_id
            case SendDigits(request_id, digits):
                job = self.jobs[request_id]
                assert self.replies[request_id] == "success_ok"
                assert self.sound is None
                assert isinstance(job.work, SendingDigits)
                assert digits == job.work.digits
                assert (request_id in self.said) == job.speaks, "once, after the message"
                self.sound = request_id
            case Loop() | RingBack():
                assert self.sound is None
                self.sound = LOOP
            case StopPlaying():
                self._silence()
            case StartRecording(name):
                assert name not in self.tapes
                self.tapes.add(name)
            case StopRecording(name):
                self.tapes.remove(name)
            case Reach(request_id):
                assert self.transfer is not None
                assert self.transfer.job.request_id == request_id
                assert not self.peer, "one peer at a time"
                self.peer = True
            case Bridge():
                assert self.peer
                self.bridged = True
            case DropPeer():
                assert self.peer
                self.peer = self.bridged = False
            case JoinRoom():
                assert not self.seated
                self.seated = True
            case _:
                raise AssertionError(f"an effect that the books do not know: {effect}")

    def _silence(self) -> None:
        if self.sound is not None and self.sound != LOOP:
            self.said.add(self.sound)
        self.sound = None

    def _accept(self, job: Job) -> None:
        """At most one Hangup, or a forced one after an unforced one; and one block at a time."""
        assert not any(hangup.force for hangup in self.hangups)
        if job.force:
            self._accept_force(job)
            return
        assert not self.leaving
        assert self.block is None
        if job.block != "hold":
            self.to_tell, self.came_to = _contact(job), ()
        if job.hangs_up:
            self.hangups.append(job)
            self.last_words = job if job.speaks else None
        else:
            self.held = False
            self.block = account_of(job)
            self._begin()

    def _accept_force(self, job: Job) -> None:
        assert not job.speaks
        if _by_reference(job):
            self.dial_status = "unanswered"
        elif job.notify_url or not self.hangups:
            self.dial_status = "unanswered"
            self.came_to = self._fields() if self.block is not None else ()
            self.to_tell, self.block = _contact(job), None
        self.last_words = None
        self.hangups.append(job)

    # What holds at any moment ---------------------------------------------------------------------

    def _last_contact(self) -> Contact | None:
        """Who is to be told, with what the block came to or comes to."""
        if self.to_tell is None:
            return None
        return Contact(self.to_tell.block, self.to_tell.url, self.to_tell.tag, self._fields())

    def _fields(self) -> Fields:
        if self.block is None or self.block.job.block == "hold":
            return self.came_to
        if self.outgoing and not self.answered:
            return (("dial_status", self.dial_status),)
        return self.block.told

    def last_told(self) -> list[Contact]:
        """Everybody who gets a notification of the end: one, and one of the monitor if it is another."""
        last, monitor = self._last_contact(), self.monitor
        if last is None or monitor is None:
            return [contact for contact in (last, monitor) if contact is not None]
        if (last.block, last.url, last.tag) == (monitor.block, monitor.url, monitor.tag):
            fields = dict(last.fields + monitor.fields)
            return [Contact(last.block, last.url, last.tag, tuple(fields.items()))]
        return [last, monitor]

    def right_sound(self) -> int | None:
        """What the other side has to hear."""
        if self.gone or not self.acknowledged:
            return None
        if self.last_words is not None:
            return self.last_words.request_id
        if self.block is not None:
            return self.block.job.request_id if self.block.speaking else self._loop()
        return LOOP if self.held else None

    def _loop(self) -> int | None:
        return LOOP if self.block is not None and self.block.loops else None

    def right_tapes(self) -> set[str]:
        """What has to be recorded."""
        if self.gone:
            return set()
        work = self.block.job.work if self.block is not None else None
        own = isinstance(work, Recording) and self.block is not None and bool(self.block.told)
        return self.monitors | ({work.name} if own and isinstance(work, Recording) else set())

    def right_bridge(self) -> bool:
        """Whether the call and its peer have to hear one another."""
        transfer = self.transfer
        return transfer is not None and (transfer.audible or transfer.joined)

    def somebody_moves_next(self, due_at: float | None) -> bool:
        """Whether anything is under way that can bring the call further, so that it is not stuck."""
        return (
            self.gone
            or due_at is not None
            or self.sound is not None
            or (self.answered and not self.acknowledged)
            or any(request_id not in self.replies for request_id in self.in_preparation)
            or (self.block is not None and self.block.waits_for_others)
        )


def _contact(job: Job) -> Contact | None:
    return Contact(job.block, job.notify_url, job.tag) if job.notify_url else None


def _by_reference(job: Job) -> bool:
    return isinstance(job.work, Leaving)


def _kept(keys: str) -> str:
    """Of keys that nobody asked for, what a later Gather gets."""
    while keys.startswith("#"):
        keys = keys[1:]
    return keys[max(0, len(keys) - 255) :]


def _recorded_at_once(job: Job) -> str:
    """What begins before the other side can speak: all of a call, or what has no sign before it."""
    match job.work:
        case Monitoring(name):
            return name
        case Recording(name, beep=False) if not job.speaks:
            return name
        case _:
            return ""
