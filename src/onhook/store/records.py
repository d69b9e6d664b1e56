"""What is stored, as plain values. Times are milliseconds since the epoch, money is decimal text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from onhook.call import Contact, Fields, Notification

MAIN_ACCOUNT = "main"
"""The account of whoever names none."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays. Amounts are millionths of the currency's unit (micros).

    A prepaid account's calls are refused, and ended, when points and bonus are used up; it becomes
    prepaid when it is first credited.
    """

    account_id: str
    name: str
    prefix: str
    """The first letters of its calls' txn_ref."""
    currency: str
    created_ms: int
    mobile_number: str = ""
    email: str = ""
    country: str = "SG"
    time_zone: str = "Asia/Singapore"
    prepaid: bool = False
    points_micros: int = 0
    bonus_micros: int = 0
    trial: bool = False
    """Whether it is called by, and calls, its registered number only. Its first credit ends that."""


@dataclass(frozen=True, slots=True)
class Application:
    """A customer's application. The token is stored as its SHA-256 and, encrypted, as itself."""

    app_id: str
    name: str
    token_hash: str
    token_encrypted: str
    webhook_secret_encrypted: str
    created_ms: int
    account_id: str = MAIN_ACCOUNT
    format: str = "form"
    """How it is told: ``form`` or ``json``."""
    removed_ms: int | None = None
    """When its tokens ceased to open anything. The rest is kept: its calls are still billed and told of."""
    token_ms: int | None = None
    """When its first token took the place of another; None: it has that from the beginning."""
    detail: str = "none"
    """``why``: the terminal notification of its calls says in ``detail`` why they ended; or ``none``."""


@dataclass(frozen=True, slots=True)
class Token:
    """A further access token of an application, whose own row has the first one."""

    app_id: str
    name: str
    """Up to 40 characters; unique within the application."""
    token_hash: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number that can be called, in E.164, its application, and the URL that is told of calls."""

    number: str
    app_id: str
    forward_to: str
    created_ms: int
    format: str = ""
    """How its calls are told: ``form``, ``json``, or empty: as the application is."""
    media: bool = False
    """Whether the terminal notification of its calls says what their audio was like."""
    detail: str = ""
    """Whether it says why they ended: ``why``, ``none``, or empty: as that of the application's."""


@dataclass(frozen=True, slots=True)
class NotificationContext:
    """What the notifications of a call carry beside its record's columns, and who else is told."""

    always: Fields = ()
    """In every notification of the call."""
    fields: Fields = ()
    """In the terminal one, as things are now: what the last block came to."""
    monitor: Contact | None = None
    """Who gets a terminal notification of its own: of the recording of the whole call."""
    received_s: str = ""
    """Of a call that the network ended: up to which second after the answer the phone is known to have
    received what it was sent; empty if it never said so."""
    format: str = ""
    """How its application is told: ``json``; empty is as a form."""
    sip_reason: str = ""
    """The Reason header with which the other side ended the call, made safe; empty if it gave none."""
    srtp: str = ""
    """The suite by which the audio of its first phone was encrypted last; empty in the clear."""
    parting: Fields = field(default=(), repr=False)
    """Headers of the application for the BYE, or for the response that rejects the call, while that is under
    way."""
    media: Fields = ()
    """What the audio of its first leg was like, once that is over."""
    peer_media: Fields = ()
    """The same of whom it was last joined to."""
    tells_media: bool = False
    """Whether the terminal notification says so."""
    trunk: str = ""
    """The trunk that a call of ours left by last, once it is over. One that came in has it in ``always``."""
    tells_why: bool = False
    """Whether the terminal notification says why the call ended."""
    operator: str = ""
    """The operator who hung up in the application's place, and by which way: ``console mei``, ``cli root``;
    empty where none did."""
    _text: list[str] = field(default_factory=list, init=False, compare=False, repr=False)

    def text_made_by(self, make: Callable[["NotificationContext"], str]) -> str:
        """Its text, which is made by the first who asks."""
        if not self._text:
            self._text.append(make(self))
        return self._text[0]


@dataclass(frozen=True, slots=True)
class StoredDialogs:
    """What it takes to end a call at its phones after a restart: of each dialog what ``phone`` makes of it.

    Only ``phone`` knows what is in it (``DialogRecord.as_dict``): the store keeps any object that JSON can
    hold, so that a call can be listed, billed and told of by whoever cannot read its dialogs.
    """

    several: tuple[Mapping[str, object], ...] = ()
    """One for each phone; none of a call that is not over, but for which nothing has left yet."""
    left: bool = True
    """Whether a start has to look at this call; then it is found by an index."""
    _text: list[str] = field(default_factory=list, init=False, compare=False, repr=False)

    def text_made_by(self, make: Callable[["StoredDialogs"], str]) -> str:
        """Its text, which is made by the first who asks."""
        if not self._text:
            self._text.append(make(self))
        return self._text[0]


NO_DIALOGS = StoredDialogs(left=False)
"""Of a call that has ended at its phones as well."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredGoingOn:
    """What it takes to go on with a call in another process, as an object that JSON can hold.

    Only ``calls`` knows what is in it, and makes it: ``make`` is called once, by the thread that writes, and
    not at all for a state that a later one of the same batch takes the place of. So it reads only what
    nobody changes any more.
    """

    make: Callable[[], Mapping[str, object]] = field(repr=False)
    _text: list[str] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "StoredGoingOn":
        """What is there already; nobody changes it any more."""
        return cls(lambda: values)

    @property
    def values(self) -> Mapping[str, object]:
        """The object; empty where the call does not go on."""
        return self.make()

    def text_made_by(self, make: Callable[["StoredGoingOn"], str]) -> str:
        """Its text, which is made by the first who asks."""
        if not self._text:
            self._text.append(make(self))
        return self._text[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredGoingOn):
            return NotImplemented
        return self is other or self.values == other.values

    def __hash__(self) -> int:
        return hash(StoredGoingOn)  # equal by what they make, which is not made for this


NOT_GOING_ON = StoredGoingOn(dict)
"""Of a call that is over, or on its way out; and of one that an earlier version wrote."""


@dataclass(slots=True)
class CallRecord:
    """A call as it is written after each change; the last one is the record of the call.

    A value: what was submitted is not changed any more, a later state of the call is another record
    (``changed``). It is not frozen because a frozen one takes ten times as long to copy, and a call is
    written seven times. ``owner`` is the worker that has the call. ``contact_*`` is who gets the terminal
    notification.
    """

    session: str
    txn_ref: str
    app_id: str
    owner: str
    state: str
    from_number: str
    to_number: str
    began_ms: int
    currency: str
    rate: str
    dialog: StoredDialogs = NO_DIALOGS
    answered_ms: int | None = None
    ended_ms: int | None = None
    duration_ms: int = 0
    minutes: int = 0
    debit: str = "0.000"
    ended_by: str = ""
    cause: str = ""
    sip_cause: str = ""
    contact_block: str = ""
    contact_url: str = ""
    contact_tag: str = ""
    sequence: int = 0
    """How many notifications the session has had."""
    account_id: str = MAIN_ACCOUNT
    direction: str = "in"
    tag: str = ""
    """The tag of the first accepted request."""
    initial_s: int = 60
    increment_s: int = 60
    billed_s: int = 0
    written_ms: int = 0
    """When this state was written: the call was known to its worker then."""
    dest_number: str = ""
    """The number, in E.164, that was called: by a Dial, or last by a Transfer."""
    facts: NotificationContext = NotificationContext()
    """What its notifications carry beside this record."""
    sip_code: int | None = None
    """The SIP response for which the outgoing leg failed."""
    boot_id: str = ""
    """The boot of the machine that ``*_mono_ms`` belong to; empty once the call has ended."""
    answered_mono_ms: int | None = None
    """``answered_ms`` on the monotonic clock."""
    written_mono_ms: int = 0
    """``written_ms`` on the monotonic clock."""
    going_on: StoredGoingOn = NOT_GOING_ON
    """What another process needs to go on with it; nothing once it is on its way out."""

    def changed(self, changes: Mapping[str, object]) -> "CallRecord":
        """A later state of the call: the same but for these fields, by their names."""
        later = CallRecord(*_values(self))
        for name, value in changes.items():
            setattr(later, name, value)
        return later


_values: Callable[[CallRecord], tuple[Any, ...]] = attrgetter(
    *[field.name for field in fields(CallRecord)]
)


@dataclass(frozen=True, slots=True)
class TrunkRecord:
    """A trunk: the SIP proxy that calls to numbers with this prefix are handed to, and what it wants.

    Of trunks with one prefix the one that was made first is tried first. What a field without words of
    its own says is written at the field of the same name of phone.Trunk.
    """

    name: str
    proxy_host: str
    proxy_port: int
    """0: not said, so that DNS decides."""
    created_ms: int
    transport: str = "udp"
    """``udp``, ``tcp`` or ``tls``."""
    username: str = ""
    password_encrypted: str = field(default="", repr=False)
    """Empty without a password."""
    prefix: str = ""
    """How numbers begin that go this way: digits without ``+``; empty is every number."""
    caller_id: str = ""
    """The number, in E.164, that is shown where the account has none."""
    rtp_latching: str = "signalled"
    """Where its first audio may come from: ``signalled`` (the addresses of SDP and signalling) or ``any``."""
    outbound_proxy: str = ""
    auth_user: str = ""
    register: bool = False
    from_user: str = ""
    from_domain: str = ""
    srtp: str = "off"
    number_format: str = "plus"
    called_from: str = "request-uri"
    caller_from: str = "pai"
    codecs: tuple[str, ...] = ()
    ptime: int = 0
    session_timer: int = 1800
    privacy: str = "none"
    headers: tuple[tuple[str, str], ...] = ()
    ping_s: int = 0
    keepalive_s: int = 25
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    inbound: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request for a call that was refused, and how often it was made in a row."""

    session: str
    number: int
    """1 for the first of the call."""
    at_ms: int
    """When it was first refused."""
    path: str
    """The request, e.g. ``ivr/middle/play``."""
    status: str
    detail: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class StoredNotification(Notification):
    """A notification as it is read: with where it stands."""

    state: str = "pending"
    """``pending``, ``delivered``, ``given_up``, or ``replay``: wanted once more."""
    attempts: int = 0
    first_attempt_ms: int | None = None
    next_ms: int | None = None
    scheduled: int | None = None
    """How many of the attempts were those of the schedule; None is all of them."""
    not_before_ms: int | None = None
    """Until when the receiver asked to be left alone."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try to deliver a notification: the receiver's status, or what went wrong instead."""

    notification_id: str
    number: int
    at_ms: int
    duration_ms: int
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class NotificationOutcome:
    """Where a notification stands after a try: ``pending``, ``delivered`` or ``given_up``."""

    notification_id: str
    state: str
    attempts: int
    first_attempt_ms: int | None
    next_ms: int | None
    scheduled: int | None = None
    not_before_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RateRecord:
    """What a minute costs towards (``out``) or at (``in``) numbers that begin with ``prefix``."""

    direction: str
    prefix: str
    currency: str
    per_minute_micros: int
    initial_s: int
    increment_s: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of one purse (``points`` or ``bonus``) of an account; the entries sum to the balance.

    ``entry_id`` makes writing an entry twice harmless.
    """

    entry_id: str
    account_id: str
    at_ms: int
    purse: str
    kind: str
    amount_micros: int
    session: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Debit:
    """What a call takes from its account, bonus first; it becomes one or two ledger entries."""

    session: str
    account_id: str
    at_ms: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class IdempotentReply:
    """The reply to a request that carried an idempotency key, and the digest of that request."""

    app_id: str
    key: str
    digest: str
    reply: Mapping[str, object]
    created_ms: int


@dataclass(frozen=True, slots=True)
class WorkerAlive:
    """When a worker last said that it was alive, by the wall clock and by the monotonic one."""

    owner: str
    alive_ms: int
    alive_mono_ms: int = 0
    boot_id: str = ""
    """The boot of the machine that ``alive_mono_ms`` belongs to."""


@dataclass(frozen=True, slots=True)
class Writes:
    """What belongs together: it is on disk whole or not at all."""

    calls: tuple[CallRecord, ...] = ()
    notifications: tuple[Notification, ...] = ()
    """New ones; how far they come is told by ``outcomes``."""
    attempts: tuple[AttemptRecord, ...] = ()
    outcomes: tuple[NotificationOutcome, ...] = ()
    debits: tuple[Debit, ...] = ()
    replies: tuple[IdempotentReply, ...] = ()
    refused: tuple[RefusedRequest, ...] = ()
    alive: WorkerAlive | None = None
