"""The vocabulary in which a block is declared."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from onhook import urls
from onhook.blocks import statuses
from onhook.blocks.params import Kind, Param, check_request, default_of, pasted, syntax_statuses
from onhook.blocks.request import BlockRequest

MESSAGE_MAX = 1000
"""Characters of ``msg``, counted as sent, markup included. The source of the hangup block says 1000
at the parameter and 500 at the status; 500 stems from an older generation of the documentation."""

TAG_MAX = 256
NOTIFY_URL_MAX = urls.MAX_LENGTH


class Place(enum.Enum):
    """Where in a session a block may stand: one Start, any number of Middle blocks, one End."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


ALWAYS = "always"
INCOMING = "for an incoming call"
NAMED = "for an incoming call whose caller has a name"
BY_TRUNK = "for an incoming call that came by a trunk"
OUTGOING = "for an outgoing call"
ENDED = "when the call has ended"
NETWORK_ENDED = "when `ended_by` is `network`"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a notification and when it is sent."""

    name: str
    doc: str
    when: str = ALWAYS
    values: tuple[str, ...] = ()
    """Every value it can have, in the order in which a call meets them; empty if they are open."""
    example: str = ""
    """A value for the examples of the reference."""
    listed: bool = False
    """Whether it is a list of such texts, which only a reply can hold."""
    pattern: str = ""
    """Where it stands for fields of many names: what those are, from their first to their last character."""
    reads: type = str
    """What a program makes of its text: `str`, `int`, `float`, `Decimal`, `date`, or `datetime` in GMT+8."""

    @property
    def is_family(self) -> bool:
        """Whether it stands for fields of many names."""
        return bool(self.pattern)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification that no request asked for: what happened, and what it tells."""

    name: str
    """Its value of ``ivr_block``."""
    summary: str
    doc: str
    fields: tuple[Field, ...]

    @property
    def slug(self) -> str:
        """Its name for documents."""
        return self.name


@dataclass(frozen=True, slots=True)
class Block:
    """A block: what it takes, what it can answer, what it tells afterwards."""

    name: str
    """Value of ``ivr_block`` in its notification."""
    place: Place
    request: type[BlockRequest]
    """What parsing makes of its parameters; no two blocks have the same."""
    summary: str
    doc: str
    params: tuple[Param, ...]
    own_statuses: tuple[str, ...]
    """Session statuses and the block's own, in order of evaluation."""
    fields: tuple[Field, ...]
    hangs_up: bool = False
    notes: tuple[str, ...] = ()
    reply: tuple[Field, ...] = ()
    """The reply to a request that was accepted, beside ``status``."""
    at: str = ""
    """Path under ``/open/``, where it is not that of an IVR block."""
    defaults: Mapping[str, object] = field(init=False, repr=False, compare=False)
    """Attributes of the request that its parameters have a default for."""
    pasted: frozenset[str] = field(init=False, repr=False, compare=False)
    """The parameters whose values are copied or read from a file."""

    def __post_init__(self) -> None:
        """Raises TypeError where the parameters and the request do not say the same."""
        check_request(self.request, self.params)
        defaults = {one.attribute: default_of(one) for one in self.params if one.default}
        object.__setattr__(self, "defaults", defaults)
        object.__setattr__(self, "pasted", pasted(self.params))

    @property
    def path(self) -> str:
        """Path under ``/open/``."""
        return self.at or f"ivr/{self.place.value}/{self.name}"

    @property
    def slug(self) -> str:
        """Its name for metrics and documents: no two requests have the same."""
        return self.at.replace("/", "_") or self.name

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of the block, in the order of evaluation, each once."""
        kinds = {param.kind for param in self.params}
        called = [param.name for param in self.params if param.kind in _CALLED]
        syntax = [status for param in self.params for status in syntax_statuses(param)]
        found = (
            *statuses.FIRST,
            *syntax,
            *self.own_statuses,
            *(statuses.NOTIFY_PREPARATION if Kind.NOTIFY_URL in kinds else ()),
            *(statuses.MESSAGE_PREPARATION if Kind.MESSAGE in kinds else ()),
            *(statuses.callee_preparation(called) if called else ()),
            *statuses.LAST,
        )
        return tuple(dict.fromkeys(found))


_CALLED = {Kind.CALLEE, Kind.CALLEES, Kind.DESTINATION}


APP_ID = Param(
    "app_id",
    Kind.CREDENTIAL,
    "The application's id.",
    required=True,
    example="Lf3xqVb9TzK2mW7c",
)
ACCESS_TOKEN = Param(
    "access_token",
    Kind.CREDENTIAL,
    "The application's access token.",
    required=True,
    example="n8RtY4hDs6PjX1aZ",
)
SESSION = Param(
    "session",
    Kind.SESSION,
    "The session of the call to act on.",
    required=True,
    example="S5kT0cWq8vJm3XyB7dRgL",
)
TAG = Param(
    "tag",
    Kind.TAG,
    "Your own reference; it comes back in the notification.",
    max_length=TAG_MAX,
    example="order 1042",
)


def message(doc: str, *, required: bool = False) -> Param:
    """The parameter ``msg`` of a block."""
    return Param(
        "msg",
        Kind.MESSAGE,
        doc,
        required=required,
        max_length=MESSAGE_MAX,
        example="Thank you for calling. Good bye.",
    )


def notify_url(doc: str, *, required: bool = False) -> Param:
    """The parameter ``notify_url`` of a block."""
    return Param(
        "notify_url",
        Kind.NOTIFY_URL,
        doc,
        required=required,
        max_length=NOTIFY_URL_MAX,
        example="https://app.example.com/calls",
    )


MEDIA = Param(
    "media",
    Kind.SWITCH,
    "With the value `enabled` the terminal notification of the call says what its audio was like, in the "
    "fields `media_…` (beyond the original documentation). Any other value counts as not given.",
    example="enabled",
)
CALLER_ID = Param(
    "caller_id",
    Kind.CALLER_ID,
    "The number that the callee is shown: one of the account's own numbers, its registered number, or "
    "`private` for none. Without it the registered number, else the trunk's.",
    example="+6531234567",
)
RING_S = 60
"""How long a callee's phone rings where nobody says how long, seconds."""

RING_TIME = Param(
    "ring_time",
    Kind.WHOLE,
    "How long the callee's phone may ring, seconds (beyond the original documentation).",
    low=1,
    high=180,
    default=str(RING_S),
)

SESSION_STATUSES = (
    "error_invalid_session",
    "error_session_access_denied",
    "error_session_ended",
    "error_session_not_ready",
)

ALWAYS_FIELDS = (
    Field("ivr_block", "Which block this notification is about."),
    Field("session", "The session of the call.", example=SESSION.example),
    Field("txn_ref", "The reference of the call's transaction.", example="AA-C-482913305716620481"),
    Field("tag", "The tag of the request; empty when none was given.", example=TAG.example),
    Field(
        "from",
        "The caller's number, in E.164; what cannot be a number, such as an extension, as it came; empty "
        "when it is withheld.",
        INCOMING,
        example="+6598765432",
    ),
    Field(
        "from_name",
        "The caller's display name (beyond the original API).",
        NAMED,
        example="Mei Tan",
    ),
    Field("to", "The number that was called, in E.164.", INCOMING, example="+6531234567"),
    Field(
        "trunk",
        "The name of the trunk that the call came by (beyond the original API).",
        BY_TRUNK,
        example="telnyx",
    ),
)
DEST_NUMBER = "+6591112222"
"""The number that the examples call."""

DEST = Field("dest", "The number that was dialled, in E.164.", OUTGOING, example=DEST_NUMBER)
WITH_MEDIA = "when the call has ended, media=enabled was asked for, and there was audio"
MEDIA_REPORTED = "likewise, if the phone tells by RTCP what arrives"


def _media_fields() -> tuple[Field, ...]:
    """What the audio was like: of what we received, and of what was sent as the phone reports it."""
    received, sent = "received from the phone", "sent to the phone"
    return (
        Field(
            "media_received_packets", f"Packets {received}.", WITH_MEDIA, example="1492", reads=int
        ),
        Field(
            "media_received_lost",
            f"Packets lost of those {received}.",
            WITH_MEDIA,
            example="8",
            reads=int,
        ),
        Field(
            "media_received_loss", "The same, in percent.", WITH_MEDIA, example="0.53", reads=float
        ),
        Field(
            "media_received_jitter_ms",
            f"Jitter of what was {received}, milliseconds (RFC 3550).",
            WITH_MEDIA,
            example="3.1",
            reads=float,
        ),
        Field(
            "media_received_mos",
            f"How well what was {received} can be heard, 1 to 4.4: an estimate of the network's part by the "
            "E-model (ITU-T G.107).",
            WITH_MEDIA,
            example="4.31",
            reads=float,
        ),
        Field("media_sent_packets", f"Packets {sent}.", WITH_MEDIA, example="1500", reads=int),
        Field(
            "media_sent_lost",
            f"Packets lost of those {sent}.",
            MEDIA_REPORTED,
            example="0",
            reads=int,
        ),
        Field(
            "media_sent_loss", "The same, in percent.", MEDIA_REPORTED, example="0.00", reads=float
        ),
        Field(
            "media_sent_jitter_ms",
            f"Jitter of what was {sent}, milliseconds.",
            MEDIA_REPORTED,
            example="4.0",
            reads=float,
        ),
        Field(
            "media_sent_mos",
            "The same estimate of what the phone hears.",
            MEDIA_REPORTED,
            example="4.38",
            reads=float,
        ),
        Field(
            "media_round_trip_ms",
            "How long a packet takes to the phone and back, milliseconds.",
            MEDIA_REPORTED,
            example="38.2",
            reads=float,
        ),
    )


ENDED_FIELDS = (
    Field(
        "date",
        "When the call began, GMT+8, YYYY-MM-DD HH:mm:SS.",
        ENDED,
        example="2026-03-14 17:05:09",
        reads=datetime,
    ),
    Field(
        "duration",
        "Minutes, each begun one counted whole; 0 if the call was never answered.",
        ENDED,
        example="2",
        reads=int,
    ),
    Field("currency", "ISO 4217 code of `rate` and `debit`.", ENDED, example="SGD"),
    Field("rate", "Charge for a minute, three decimals.", ENDED, example="0.020", reads=Decimal),
    Field(
        "debit",
        "`rate` times `duration` (times the billed seconds, where the operator bills by other steps than "
        "minutes), three decimals.",
        ENDED,
        example="0.040",
        reads=Decimal,
    ),
    Field(
        "ended_by",
        "Who ended it: `caller`, `callee` (whom we had called), `application`, `system`, or `network`: the "
        "phone was gone before (beyond the original API).",
        ENDED,
        values=("caller", "callee", "application", "system", "network"),
        example="application",
    ),
    Field(
        "cause",
        "The reason in one word, e.g. `hangup`, `cancelled`, `ring_timeout` (beyond the original API).",
        ENDED,
        example="hangup",
    ),
    Field(
        "sip_cause",
        "The other side's own words for why it hung up, from its SIP Reason header (beyond the "
        "original API).",
        "when the other side ended the call and gave a reason",
    ),
    Field(
        "sip_code",
        "The SIP status of the final response: that with which we rejected the call, or the far side refused "
        "or answered ours; of a call that was passed on and not answered, that of the peer (beyond the "
        "original API).",
        "when a call was rejected, refused, or dialled and answered",
        example="486",
        reads=int,
    ),
    Field(
        "sip_reason",
        "The Reason header (RFC 3326) of the other side's BYE, CANCEL or final response, as it came, such as "
        '`Q.850;cause=16;text="Terminated"` (beyond the original API).',
        "when the other side gave one",
    ),
    Field(
        "last_seen",
        "When the phone was last known to be there, which is where the bill ends, GMT+8 (beyond the original "
        "API).",
        NETWORK_ENDED,
        reads=datetime,
    ),
    Field(
        "received_s",
        "Up to which second after the answer the phone said to have received what it was sent (beyond the "
        "original API).",
        "when `ended_by` is `network` and the phone sends reports (RTCP)",
        reads=float,
    ),
    *_media_fields(),
)


def call_state(ongoing: str) -> Field:
    """The field ``call_state`` of a block after which the session goes on; ``ongoing`` says when."""
    return Field(
        "call_state",
        f"`ongoing` {ongoing}; `ended` when the call is over before that, or later while no other "
        "block was accepted.",
        values=("ongoing", "ended"),
        example="ongoing",
    )


def outcome(name: str, doc: str) -> Field:
    """The field that says what became of an attempt to call somebody."""
    values = ("answered", "unanswered", "failed", "busy")
    return Field(name, doc, values=values, example="answered")


OUTCOMES = (
    "busy: the callee's line was busy (SIP 486, 600); unanswered: nobody answered in time, or the phone "
    "could not be reached (408, 480, 487); failed: everything else. The SIP code stands in the record."
)
