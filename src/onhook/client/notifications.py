"""What an application is told, by the block that it is told of."""
# Written by scripts/client_modules.py from the declarations in onhook.blocks; run it again after a
# change there.

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNotification:
    """What every notification has."""

    session: str
    """The session of the call."""
    date: datetime | None = None
    """When the call began, GMT+8, YYYY-MM-DD HH:mm:SS. Sent when the call has ended."""
    duration: int | None = None
    """Minutes, each begun one counted whole; 0 if the call was never answered. Sent when the
    call has ended."""
    currency: str | None = None
    """ISO 4217 code of `rate` and `debit`. Sent when the call has ended."""
    rate: Decimal | None = None
    """Charge for a minute, three decimals. Sent when the call has ended."""
    debit: Decimal | None = None
    """`rate` times `duration` (times the billed seconds, where the operator bills by other
    steps than minutes), three decimals. Sent when the call has ended."""
    ended_by: Literal["caller", "callee", "application", "system", "network"] | None = None
    """Who ended it: `caller`, `callee` (whom we had called), `application`, `system`, or
    `network`: the phone was gone before (beyond the original API). Sent when the call has
    ended."""
    cause: str | None = None
    """The reason in one word, e.g. `hangup`, `cancelled`, `ring_timeout` (beyond the original
    API). Sent when the call has ended."""
    sip_cause: str | None = None
    """The other side's own words for why it hung up, from its SIP Reason header (beyond the
    original API). Sent when the other side ended the call and gave a reason."""
    sip_code: int | None = None
    """The SIP status of the final response: that with which we rejected the call, or the far
    side refused or answered ours; of a call that was passed on and not answered, that of the
    peer (beyond the original API). Sent when a call was rejected, refused, or dialled and
    answered."""
    sip_reason: str | None = None
    """The Reason header (RFC 3326) of the other side's BYE, CANCEL or final response, as it
    came, such as `Q.850;cause=16;text='Terminated'` (beyond the original API). Sent when the
    other side gave one."""
    last_seen: datetime | None = None
    """When the phone was last known to be there, which is where the bill ends, GMT+8 (beyond
    the original API). Sent when `ended_by` is `network`."""
    received_s: float | None = None
    """Up to which second after the answer the phone said to have received what it was sent
    (beyond the original API). Sent when `ended_by` is `network` and the phone sends reports
    (RTCP)."""
    media_received_packets: int | None = None
    """Packets received from the phone. Sent when the call has ended, media=enabled was asked
    for, and there was audio."""
    media_received_lost: int | None = None
    """Packets lost of those received from the phone. Sent when the call has ended,
    media=enabled was asked for, and there was audio."""
    media_received_loss: float | None = None
    """The same, in percent. Sent when the call has ended, media=enabled was asked for, and
    there was audio."""
    media_received_jitter_ms: float | None = None
    """Jitter of what was received from the phone, milliseconds (RFC 3550). Sent when the call
    has ended, media=enabled was asked for, and there was audio."""
    media_received_mos: float | None = None
    """How well what was received from the phone can be heard, 1 to 4.4: an estimate of the
    network's part by the E-model (ITU-T G.107). Sent when the call has ended, media=enabled was
    asked for, and there was audio."""
    media_sent_packets: int | None = None
    """Packets sent to the phone. Sent when the call has ended, media=enabled was asked for, and
    there was audio."""
    media_sent_lost: int | None = None
    """Packets lost of those sent to the phone. Sent likewise, if the phone tells by RTCP what
    arrives."""
    media_sent_loss: float | None = None
    """The same, in percent. Sent likewise, if the phone tells by RTCP what arrives."""
    media_sent_jitter_ms: float | None = None
    """Jitter of what was sent to the phone, milliseconds. Sent likewise, if the phone tells by
    RTCP what arrives."""
    media_sent_mos: float | None = None
    """The same estimate of what the phone hears. Sent likewise, if the phone tells by RTCP what
    arrives."""
    media_round_trip_ms: float | None = None
    """How long a packet takes to the phone and back, milliseconds. Sent likewise, if the phone
    tells by RTCP what arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerNotification(AnyNotification):
    """A call came in."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """Empty: there was no request."""
    from_: str
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str
    """The number that was called, in E.164."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    call_state: Literal["ringing", "ended"]
    """`ringing`, or `ended` when the caller gave up, nobody acted in time, or the credit is
    used up."""
    sip_headers: Mapping[str, str] = field(default_factory=dict)
    """A header of the INVITE: `sip_header_X-Account` is `X-Account`, name and value as they
    came. Those whose names begin with `X-`, and `sip_header_User-to-User`; at most 20, 4096
    bytes in all. Whoever calls can send them: believe them as far as you believe the trunk.
    Sent for each such header of the INVITE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialNotification(AnyNotification):
    """Call a number: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` once the callee has answered and msg was heard; `ended` when the call is over
    before that, or later while no other block was accepted."""
    dial_status: Literal["answered", "unanswered", "failed", "busy"]
    """What became of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayNotification(AnyNotification):
    """Play a message: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` once msg was heard; `ended` when the call is over before that, or later while
    no other block was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherNotification(AnyNotification):
    """Play a message and gather digits: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` once it is known what was typed; `ended` when the call is over before that, or
    later while no other block was accepted."""
    digits: str
    """What was typed; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigitsNotification(AnyNotification):
    """Type keys to the other side: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` once the last key was sent; `ended` when the call is over before that, or later
    while no other block was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNotification(AnyNotification):
    """Play a message and record what is said: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` once the recording is complete; `ended` when the call is over before that, or
    later while no other block was accepted."""
    record_url: str | None = None
    """Where the recording can be fetched, an mp3. The link cannot be guessed, and expires. Sent
    when a recording was begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorNotification(AnyNotification):
    """Record the whole call: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` once msg was heard and the next block can be requested; `ended` when the call
    is over before that, or later while no other block was accepted."""
    monitor_url: str | None = None
    """Where the recording can be fetched, an mp3. The link cannot be guessed, and expires. Sent
    when the call has ended, in the notification to monitor_notify_url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnholdNotification(AnyNotification):
    """Take the call off hold: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` as soon as it is quiet; `ended` when the call is over before that, or later
    while no other block was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNotification(AnyNotification):
    """Join the call to another number, or to a room: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ongoing", "ended"]
    """`ongoing` if dest was not reached and on_failure is continue; `ended` when the call is
    over before that, or later while no other block was accepted."""
    transfer_status: Literal["answered", "unanswered", "failed", "busy"]
    """What became of the call to dest. A room always answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupNotification(AnyNotification):
    """Hang up the call, after a message if one is given: what it came to."""

    ivr_block: str
    """Which block this notification is about."""
    txn_ref: str
    """The reference of the call's transaction."""
    tag: str
    """The tag of the request; empty when none was given."""
    from_: str | None = None
    """The caller's number, in E.164; what cannot be a number, such as an extension, as it came;
    empty when it is withheld. Sent for an incoming call."""
    from_name: str | None = None
    """The caller's display name (beyond the original API). Sent for an incoming call whose
    caller has a name."""
    to: str | None = None
    """The number that was called, in E.164. Sent for an incoming call."""
    trunk: str | None = None
    """The name of the trunk that the call came by (beyond the original API). Sent for an
    incoming call that came by a trunk."""
    dest: str | None = None
    """The number that was dialled, in E.164. Sent for an outgoing call."""
    call_state: Literal["ended"]
    """`ended`: no more requests can be sent for this call."""
    dial_status: str | None = None
    """What the Dial came to that was cut short. Sent when force ended a Dial."""
    digits: str | None = None
    """What the Gather came to that was cut short. Sent when force ended a Gather."""
    record_url: str | None = None
    """What the Record came to that was cut short. Sent when force ended a Record."""
    monitor_url: str | None = None
    """What the Monitor came to that was cut short. Sent when force ended a Monitor."""
    transfer_status: str | None = None
    """What the Transfer came to that was cut short. Sent when force ended a Transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNotification(AnyNotification):
    """Call two numbers and join them: what it came to."""

    ivr_block: str
    """Which request this notification is about."""
    txn_ref: str
    """The reference of the call."""
    tag: str
    """The tag of the request; empty when none was given."""
    dest: str
    """The same as dest1."""
    dest1: str
    """The number that was called first, in E.164."""
    dest2: str
    """The number that it was joined to, in E.164."""
    call_status_dest1: Literal["answered", "unanswered", "failed", "busy"]
    """What became of the call to dest1."""
    call_status_dest2: Literal["answered", "unanswered", "failed", "busy"]
    """What became of the call to dest2."""
    call_status_dest_1: Literal["answered", "unanswered", "failed", "busy"]
    """The same as call_status_dest1, as some clients spell it."""
    call_status_dest_2: Literal["answered", "unanswered", "failed", "busy"]
    """The same as call_status_dest2, as some clients spell it."""
    call_state: Literal["ended"]
    """`ended`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceNotification(AnyNotification):
    """Call several numbers into a room: what it came to."""

    ivr_block: str
    """Which request this notification is about."""
    txn_ref: str
    """The reference of the call."""
    tag: str
    """The tag of the request; empty when none was given."""
    dest: str
    """The number that was dialled, in E.164."""
    room: str
    """The room's name."""
    dial_status: Literal["answered", "unanswered", "failed", "busy"]
    """What became of the call."""
    call_state: Literal["ended"]
    """`ended`."""


Notification: TypeAlias = (
    AnswerNotification
    | DialNotification
    | PlayNotification
    | GatherNotification
    | SendDigitsNotification
    | RecordNotification
    | MonitorNotification
    | UnholdNotification
    | TransferNotification
    | HangupNotification
    | CallNotification
    | ConferenceNotification
)
"""Any of them."""
NOTIFICATIONS: Final[Mapping[str, type[Notification]]] = {
    "answer": AnswerNotification,
    "dial": DialNotification,
    "play": PlayNotification,
    "gather": GatherNotification,
    "send_digits": SendDigitsNotification,
    "record": RecordNotification,
    "monitor": MonitorNotification,
    "unhold": UnholdNotification,
    "transfer": TransferNotification,
    "hangup": HangupNotification,
    "call": CallNotification,
    "conference": ConferenceNotification,
}
"""Each by its `ivr_block`."""
