"""What the API answers to a request that was accepted."""
# Written by scripts/client_modules.py from the declarations in onhook.blocks; run it again after a
# change there.

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DialReply:
    """The reply of ivr/start/dial."""

    txn_ref: str
    """The reference of the call."""
    session: str
    """The session of the call, for the blocks to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReply:
    """The reply of ivr/end/transfer."""

    room: str | None = None
    """The room's name. Sent for a room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceCallReply:
    """The reply of voice/call."""

    txn_ref: str
    """The reference of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceConferenceReply:
    """The reply of voice/conference."""

    room: str
    """The room's name."""
    txn_refs: str
    """The reference of each call, in the order of dest, separated by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceCallReply:
    """The reply of conference/call."""

    room: str
    """The room's name."""
    txn_refs: tuple[str, ...]
    """The reference of each call, in the order of dest, as a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGetBalanceReply:
    """The reply of user/get_balance."""

    currency: str
    """ISO 4217 code of the amounts."""
    balance: Decimal
    """What the account can spend: points and bonus."""
    points: Decimal
    """What was paid in and not yet used."""
    bonus: Decimal
    """What was given and not yet used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGetInfoReply:
    """The reply of user/get_info."""

    uid: str
    """The account's id."""
    name: str
    """Its name."""
    mobile_number: str
    """Its registered number, in E.164."""
    caller_ids: tuple[str, ...]
    """What `caller_id` may be: the registered number, the account's numbers, `private`."""
    email: str
    """An address to write to."""
    country: str
    """ISO 3166-1 alpha-2 code of its country."""
    prefix: str
    """The calling code of its country."""
    currency: str
    """ISO 4217 code of its charges."""
    time_zone: str
    """Its offset from GMT now, and its country: GMT+0800SG."""
    user_status: Literal["trial", "active"]
    """`trial` until an account that the operator made for trial is credited."""
    sms_rebrand_status: Literal["enabled", "disabled"]
    """`disabled`: there are no text messages here."""
    call_rebrand_status: Literal["enabled", "disabled"]
    """`enabled`: a call may show any of `caller_ids`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceQueryStatusReply:
    """The reply of voice/query_status."""

    txn_ref: str
    """The reference of the call."""
    tag: str
    """The tag of the first request of the call that was accepted; may be empty."""
    dest1: str
    """The caller's number, in E.164, of an incoming call."""
    dest2: str
    """The number that was called, in E.164."""
    call_status_dest1: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """What became of the call, as seen from dest1."""
    call_status_dest2: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """What became of the call, as seen from dest2."""
    call_status_dest_1: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """The same as call_status_dest1, as some clients spell it."""
    call_status_dest_2: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """The same as call_status_dest2, as some clients spell it."""
    date: datetime
    """When the call began, GMT+8, YYYY-MM-DD HH:mm:SS."""
    duration: int | None = None
    """Minutes, each begun one counted whole; 0 if the call was never answered. Sent when the
    call has ended."""
    currency: str
    """ISO 4217 code of rate and debit."""
    rate: Decimal
    """Charge for a minute, three decimals."""
    debit: Decimal | None = None
    """What the call cost, three decimals. Sent when the call has ended."""
    record_url: str | None = None
    """Where a recording can be fetched of which nobody was told: a Hangup without notify_url
    cut it short, or its notification was given up; of several the last. Sent when there is
    one."""
    monitor_url: str | None = None
    """Where the recording of the whole call can be fetched, if its notification was given up.
    Sent when there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceGetHistoryEntry:
    """One of the entries of voice/get_history."""

    txn_ref: str
    """The reference of the call."""
    tag: str
    """The tag of the first request of the call that was accepted; may be empty."""
    dest1: str
    """The caller's number, in E.164, of an incoming call."""
    dest2: str
    """The number that was called, in E.164."""
    call_status_dest1: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """What became of the call, as seen from dest1."""
    call_status_dest2: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """What became of the call, as seen from dest2."""
    call_status_dest_1: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """The same as call_status_dest1, as some clients spell it."""
    call_status_dest_2: Literal["ongoing", "answered", "unanswered", "failed", "busy"]
    """The same as call_status_dest2, as some clients spell it."""
    date: datetime
    """When the call began, GMT+8, YYYY-MM-DD HH:mm:SS."""
    duration: int | None = None
    """Minutes, each begun one counted whole; 0 if the call was never answered. Sent when the
    call has ended."""
    currency: str
    """ISO 4217 code of rate and debit."""
    rate: Decimal
    """Charge for a minute, three decimals."""
    debit: Decimal | None = None
    """What the call cost, three decimals. Sent when the call has ended."""
    record_url: str | None = None
    """Where the recording can be fetched that a Hangup without notify_url cut short. Sent when
    a recording was begun of which no notification tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceGetHistoryReply:
    """The reply of voice/get_history."""

    total_entries_count: int
    """How many calls there are on all pages."""
    entries_count: int
    """How many of them are on this page."""
    entries: tuple[VoiceGetHistoryEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceGetRateReply:
    """The reply of voice/get_rate."""

    currency: str
    """ISO 4217 code of the rate."""
    rate: Decimal
    """Charge for a minute, the sum of both legs, three decimals."""
    talktime: int
    """How many whole minutes the balance pays for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberGetActiveEntry:
    """One of the entries of number/get_active."""

    number: str
    """The number, in E.164."""
    forward_to: str
    """The URL that is told of calls to it."""
    forward_sms_to: str
    """Empty: there are no text messages here."""
    mode: Literal["voice", "fax"]
    """What it is for: calls."""
    expiry: date
    """When it expires, YYYY-MM-DD: ten years from today, since it never does."""
    auto_extend_status: Literal["enabled", "disabled"]
    """`enabled`: nothing has to be done to keep it."""
    country: str
    """ISO 3166-1 alpha-2 code of its country."""
    state: str
    """Empty: no state is known of a number."""
    capabilities: tuple[str, ...]
    """What it can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberGetActiveReply:
    """The reply of number/get_active."""

    total_entries_count: int
    """How many numbers there are."""
    entries_count: int
    """How many of them are in this reply: all."""
    entries: tuple[NumberGetActiveEntry, ...] = ()
