"""The vocabulary in which a block is declared."""

import enum
from dataclasses import dataclass

from onhook.blocks import statuses

MESSAGE_MAX = 1000
"""Characters of ``msg``, counted as sent, markup included. The source of the hangup block says 1000
at the parameter and 500 at the status; 500 stems from an older generation of the documentation."""

TAG_MAX = 256
NOTIFY_URL_MAX = 4000


class Kind(enum.Enum):
    """How the text of a parameter is read."""

    CREDENTIAL = "credential"
    SESSION = "session"
    MESSAGE = "message"
    TAG = "tag"
    NOTIFY_URL = "notify_url"
    SWITCH = "switch"
    """On with the value ``enabled``; any other value counts as not given."""
    IDEMPOTENCY_KEY = "idempotency_key"
    TXN_REF = "txn_ref"
    DATE = "date"
    """``YYYY-MM-DD HH:mm:SS`` in GMT+8."""
    PAGE = "page"
    NUMBER = "number"
    """A phone number in E.164."""
    FORWARD_TO = "forward_to"


class Place(enum.Enum):
    """Where in a session a block may stand: one Start, any number of Middle blocks, one End."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a block: its name on the wire, how it is read, and what it means."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    max_length: int | None = None
    example: str = ""
    """A value for the examples of the reference; without one they leave the parameter out."""


ALWAYS = "always"
INCOMING = "for an incoming call"
OUTGOING = "for an outgoing call"
ENDED = "when the call has ended"


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


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification that no request asked for: what happened, and what it tells."""

    name: str
    """Its value of ``ivr_block``."""
    summary: str
    doc: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block: what it takes, what it can answer, what it tells afterwards."""

    name: str
    """Value of ``ivr_block`` in its notification."""
    place: Place
    summary: str
    doc: str
    params: tuple[Param, ...]
    own_statuses: tuple[str, ...]
    """Session statuses and the block's own, in order of evaluation."""
    fields: tuple[Field, ...]
    hangs_up: bool = False
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Path under ``/open/``."""
        return f"ivr/{self.place.value}/{self.name}"

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of the block, in the order of evaluation, each once."""
        kinds = {param.kind for param in self.params}
        message = Kind.MESSAGE in kinds
        notify = Kind.NOTIFY_URL in kinds
        return (
            *statuses.FIRST,
            *(statuses.MESSAGE_SYNTAX if message else ()),
            *(statuses.TAG if Kind.TAG in kinds else ()),
            *(statuses.NOTIFY_SYNTAX if notify else ()),
            *self.own_statuses,
            *(statuses.NOTIFY_PREPARATION if notify else ()),
            *(statuses.MESSAGE_PREPARATION if message else ()),
            *statuses.LAST,
        )


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
    Field("from", "The caller's number, in E.164.", INCOMING, example="+6598765432"),
    Field("to", "The number that was called, in E.164.", INCOMING, example="+6531234567"),
)
DEST = Field("dest", "The number that was dialled, in E.164.", OUTGOING, example="+6591112222")
ENDED_FIELDS = (
    Field(
        "date",
        "When the call began, GMT+8, YYYY-MM-DD HH:mm:SS.",
        ENDED,
        example="2026-03-14 17:05:09",
    ),
    Field(
        "duration",
        "Minutes, each begun one counted whole; 0 if the call was never answered.",
        ENDED,
        example="2",
    ),
    Field("currency", "ISO 4217 code of `rate` and `debit`.", ENDED, example="SGD"),
    Field("rate", "Charge for a minute, three decimals.", ENDED, example="0.020"),
    Field(
        "debit",
        "`rate` times `duration` (times the billed seconds, where the operator bills by other steps than "
        "minutes), three decimals.",
        ENDED,
        example="0.040",
    ),
    Field(
        "ended_by",
        "Who ended it: `caller`, `application` or `system` (beyond the original API).",
        ENDED,
        values=("caller", "application", "system"),
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
)
