"""What the machine wants done. The owner of the call performs the effects in their order."""

from dataclasses import dataclass, field

from onhook.call.ending import Contact, Fields


@dataclass(frozen=True, slots=True)
class Reserve:
    """The request may be prepared; report Prepared or PreparationFailed for it."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is refused with this status; nothing else happened."""

    request_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The request is accepted: once this state is on disk it is answered with success_ok."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Overtake:
    """The request cannot run any more, since the call went to its end while it was prepared."""

    request_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200 with our SDP and open the media stream.

    Of what is said from then on nothing is to be missing in the recording of this name, if there is one: it
    goes on from before the 200, and ``StartRecording`` says later that it counts.
    """

    recording: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """Send this final response to the ringing INVITE, with these headers of the application."""

    code: int
    headers: Fields = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Play:
    """Play the message of this request, if it has one, and then a beep if one is wanted.

    Its end is told by ``Played``, also where there is nothing to play. The recording of this name, if there
    is one, begins with the end of it, whether anybody hears ``Played`` or not; or with ``StartRecording``
    before that.
    """

    request_id: int
    beep: bool = False
    recording: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """Play the message of this request again and again; music, if it has none."""

    request_id: int


@dataclass(frozen=True, slots=True)
class RingBack:
    """Let the call hear that somebody else's phone rings."""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Type these keys to the other side; a comma is a pause of one second.

    The end of the last is told by ``Played``.
    """

    request_id: int
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Cut off what plays; the call goes on, and ``Played`` is not told."""


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record what both sides say from now on, under this name; nothing of what plays, if it waited for the
    end of that. One that has begun goes on."""

    name: str


@dataclass(frozen=True, slots=True)
class StopRecording:
    """The recording of this name is complete."""

    name: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Call the peer that this request names."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """Let the call and its peer hear one another."""


@dataclass(frozen=True, slots=True)
class DropPeer:
    """Hang up the peer, or stop calling it."""


@dataclass(frozen=True, slots=True)
class JoinRoom:
    """Put the call into the room that this request names."""

    request_id: int


@dataclass(frozen=True, slots=True)
class StopMedia:
    """No further frame may leave."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Send BYE, with these headers of the application."""

    headers: Fields = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the application; in the same transaction as the new state."""

    contact: Contact
    call_state: str

    @property
    def fields(self) -> Fields:
        """What the block came to, beside what every notification carries."""
        return self.contact.fields


Effect = (
    Reserve
    | Refuse
    | Accept
    | Overtake
    | Answer
    | Reject
    | Play
    | Loop
    | RingBack
    | SendDigits
    | StopPlaying
    | StartRecording
    | StopRecording
    | Reach
    | Bridge
    | DropPeer
    | JoinRoom
    | StopMedia
    | HangUp
    | Notify
)
