"""An independent account of a call: what went in, what came out, and what the reference makes of it.

It never looks inside the machine, and knows of a call only what an application, a caller, a phone
and a media plane would know of it.
"""

from call.lives import FORWARD, contact
from onhook.blocks import BLOCKS
from onhook.call import (
    Accept,
    Answer,
    Contact,
    Effect,
    HangUp,
    Job,
    Notify,
    Overtake,
    Play,
    Refuse,
    Reject,
    Reserve,
    StopMedia,
)

NOT_READY = "error_session_not_ready"
STATUSES = {block.name: block.statuses for block in BLOCKS}


class Books:
    """Enters every effect and asserts that it was allowed at that moment."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.replies: dict[int, str] = {}
        """Request to the one status that it was answered with."""
        self.in_preparation: list[int] = []
        self.hangups: list[Job] = []
        """Those that were accepted."""
        self.running: int | None = None
        """The Middle block that was accepted and is not through."""
        self.playing: int | None = None
        self.played: list[int] = []
        """What was heard to its end, or until the media was stopped."""
        self.to_tell: Contact | None = FORWARD
        self.told: list[Contact] = []
        self.answered = False
        self.acknowledged = False
        self.left = False
        """A BYE or a rejection was sent."""
        self.media_stopped = False
        self.ended = False

    def ask(self, job: Job) -> None:
        """An application sends this request."""
        assert job.request_id == len(self.jobs)
        self.jobs.append(job)

    def verdict(self, job: Job) -> str:
        """The status with which this request has to be refused; empty where it may be prepared."""
        pending = [
            self.jobs[number] for number in self.in_preparation if number not in self.replies
        ]
        already = "error_hangup_already_in_progress" if job.hangs_up else NOT_READY
        no_message = "error_cannot_play_msg_with_force" if job.force and job.speaks else ""
        if self.ended:
            return "error_session_ended"
        if self.left or any(other.force for other in pending):
            return already
        if self.last_words:
            return no_message if job.force else already
        if any(other.hangs_up for other in pending):
            return already
        if job.force:
            return no_message
        return NOT_READY if pending or self.running is not None else ""

    @property
    def last_words(self) -> bool:
        """Whether a message is or was heard after which the call hangs up of itself."""
        return bool(self.hangups) or (self.running is None and self.to_tell is None)

    def reply(self, request_id: int, status: str) -> None:
        """Whoever asked gets an answer: the first and only one."""
        assert request_id not in self.replies
        assert status in STATUSES[self.jobs[request_id].block]
        self.replies[request_id] = status

    def heard(self) -> Job:
        """The message that plays comes to its end."""
        assert self.playing is not None
        job = self.jobs[self.playing]
        self.stop()
        if not job.hangs_up:
            self.running = None
        return job

    def stop(self) -> None:
        """Nothing plays any more."""
        if self.playing is not None:
            self.played.append(self.playing)
        self.playing = None

    def somebody_moves_next(self, due_at: float | None) -> bool:
        """Whether anything is under way that can bring the call further, so that it is not stuck."""
        return (
            self.ended
            or self.left
            or due_at is not None
            or self.playing is not None
            or self.waits_for_ack
            or any(request_id not in self.replies for request_id in self.in_preparation)
        )

    @property
    def waits_for_ack(self) -> bool:
        """Whether our 200 is out and the caller's ACK is not in."""
        return self.answered and not self.acknowledged

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
            case Notify(to, call_state):
                self._notify(to, call_state)
            case _:
                self._enter_phone(effect)

    def _enter_phone(self, effect: Effect) -> None:
        match effect:
            case Answer():
                assert not self.answered
                assert not self.left
                self.answered = True
            case Play(request_id):
                assert self.acknowledged, "nobody is there to hear it before the ACK"
                assert not self.media_stopped
                assert self.replies[request_id] == "success_ok"
                assert self.playing is None
                assert request_id not in self.played
                self.playing = request_id
            case StopMedia():
                assert self.answered
                assert not self.media_stopped
                self.media_stopped = True
                self.stop()
            case HangUp():
                assert self.answered
                assert self.media_stopped, "no frame may follow the BYE"
                assert not self.left
                self.left = True
            case Reject():
                assert not self.answered
                assert not self.left
                self.left = True
            case _:
                raise AssertionError(f"an effect that the books do not know: {effect}")

    def _accept(self, job: Job) -> None:
        """At most one Hangup, or a forced one after an unforced one; and one block at a time."""
        assert not any(hangup.force for hangup in self.hangups)
        if job.force:
            assert not job.speaks
        else:
            assert not self.hangups
            assert self.running is None
            assert self.to_tell is not None, "a Play without notify_url is the last block"
        if job.notify_url:
            self.to_tell = contact(job)
        elif not self.hangups:
            self.to_tell = None
        if job.hangs_up:
            self.hangups.append(job)
        else:
            self.running = job.request_id

    def _notify(self, to: Contact, call_state: str) -> None:
        assert to == self.to_tell
        if call_state == "ended":
            assert not self.told
            self.told.append(to)
        else:
            assert call_state == "ongoing"
            assert self.running is None
