"""The endpoints around the blocks: an account, its calls, its rates and its numbers.

Source: reference, sections 2, 6 and 7. They answer at once and, but for one, change nothing.
"""

from datetime import date, datetime
from decimal import Decimal

from onhook.blocks.declaration import ACCESS_TOKEN, APP_ID, ENDED, NOTIFY_URL_MAX, Field
from onhook.blocks.endpoint import Endpoint
from onhook.blocks.params import Kind, Param

PAGE_ENTRIES = 100
"""Entries of one page of a history."""

CALL_STATUSES = ("ongoing", "answered", "unanswered", "failed", "busy")
"""What can have become of a call, the one that is not over first (reference, section 5, dial_status)."""

_WHOSE = (APP_ID, ACCESS_TOKEN)
_TXN_REF = "AA-C-482913305716620481"
_NUMBER = "+6531234567"
_CALLER = "+6598765432"
_FORWARD_TO = "https://shop.example.com/calls"
_DATE = "2026-01-31 13:05:59"


def _status(name: str, doc: str) -> Field:
    return Field(name, doc, values=CALL_STATUSES, example="answered")


_CALL = (
    Field("txn_ref", "The reference of the call.", example=_TXN_REF),
    Field("tag", "The tag of the first request of the call that was accepted; may be empty."),
    Field("dest1", "The caller's number, in E.164, of an incoming call.", example=_CALLER),
    Field("dest2", "The number that was called, in E.164.", example=_NUMBER),
    _status("call_status_dest1", "What became of the call, as seen from dest1."),
    _status("call_status_dest2", "What became of the call, as seen from dest2."),
    _status("call_status_dest_1", "The same as call_status_dest1, as some clients spell it."),
    _status("call_status_dest_2", "The same as call_status_dest2, as some clients spell it."),
    Field(
        "date", "When the call began, GMT+8, YYYY-MM-DD HH:mm:SS.", example=_DATE, reads=datetime
    ),
    Field(
        "duration",
        "Minutes, each begun one counted whole; 0 if the call was never answered.",
        ENDED,
        example="1",
        reads=int,
    ),
    Field("currency", "ISO 4217 code of rate and debit.", example="SGD"),
    Field("rate", "Charge for a minute, three decimals.", example="0.020", reads=Decimal),
    Field("debit", "What the call cost, three decimals.", ENDED, example="0.020", reads=Decimal),
)
_LINK = "https://voice.example.com/recordings/9f2c8e6b1d4a7035.mp3"
_CUT_SHORT = Field(
    "record_url",
    "Where the recording can be fetched that a Hangup without notify_url cut short.",
    "when a recording was begun of which no notification tells",
    example=_LINK,
)
_UNTOLD = (
    Field(
        "record_url",
        "Where a recording can be fetched of which nobody was told: a Hangup without notify_url cut it "
        "short, or its notification was given up; of several the last.",
        "when there is one",
        example=_LINK,
    ),
    Field(
        "monitor_url",
        "Where the recording of the whole call can be fetched, if its notification was given up.",
        "when there is one",
        example=_LINK,
    ),
)
_ONE_LEG = (
    "An incoming call has one leg, so dest1 and dest2 have the same status: ongoing until it is over; "
    "then answered if it ever was; busy if the application rejected it; unanswered if the caller gave "
    "up or nobody acted in time; failed for any other end."
)

GET_BALANCE = Endpoint(
    path="user/get_balance",
    summary="The balance of the account.",
    doc="Amounts have three decimals. The balance is the sum of points and bonus; bonus is used first.",
    params=_WHOSE,
    fields=(
        Field("currency", "ISO 4217 code of the amounts.", example="SGD"),
        Field(
            "balance",
            "What the account can spend: points and bonus.",
            example="12.400",
            reads=Decimal,
        ),
        Field("points", "What was paid in and not yet used.", example="10.000", reads=Decimal),
        Field("bonus", "What was given and not yet used.", example="2.400", reads=Decimal),
    ),
    notes=(
        "The balance of an account that pays afterwards is what it owes, and negative.",
        "While calls are in progress, what they will cost is not yet taken.",
    ),
)

GET_INFO = Endpoint(
    path="user/get_info",
    summary="Whose account this is.",
    doc=("What the operator keeps of the account, and vouches for; what is not known is empty."),
    params=_WHOSE,
    fields=(
        Field("uid", "The account's id.", example="main"),
        Field("name", "Its name.", example="Shop Ltd"),
        Field("mobile_number", "Its registered number, in E.164.", example=_CALLER),
        Field(
            "caller_ids",
            "What `caller_id` may be: the registered number, the account's numbers, `private`.",
            example=_CALLER,
            listed=True,
        ),
        Field("email", "An address to write to.", example="owner@shop.example.com"),
        Field("country", "ISO 3166-1 alpha-2 code of its country.", example="SG"),
        Field("prefix", "The calling code of its country.", example="+65"),
        Field("currency", "ISO 4217 code of its charges.", example="SGD"),
        Field(
            "time_zone",
            "Its offset from GMT now, and its country: GMT+0800SG.",
            example="GMT+0800SG",
        ),
        Field(
            "user_status",
            "`trial` until an account that the operator made for trial is credited.",
            values=("trial", "active"),
            example="active",
        ),
        Field(
            "sms_rebrand_status",
            "`disabled`: there are no text messages here.",
            values=("enabled", "disabled"),
            example="disabled",
        ),
        Field(
            "call_rebrand_status",
            "`enabled`: a call may show any of `caller_ids`.",
            values=("enabled", "disabled"),
            example="enabled",
        ),
    ),
)

QUERY_STATUS = Endpoint(
    path="voice/query_status",
    summary="What became of a call, or how it stands.",
    doc=(
        "txn_ref is the reference that the call's notifications carry. Every application of the "
        "account may ask. While the call goes on, there is no bill yet: duration and debit are left out."
    ),
    params=(
        *_WHOSE,
        Param("txn_ref", Kind.TXN_REF, "The call's reference.", required=True, example=_TXN_REF),
    ),
    own_statuses=("error_invalid_txn_ref", "error_txn_ref_access_denied"),
    fields=_CALL,
    beyond=_UNTOLD,
    notes=(_ONE_LEG,),
)

GET_HISTORY = Endpoint(
    path="voice/get_history",
    summary="The calls of the application.",
    doc=(
        f"The newest call first, {PAGE_ENTRIES} on a page; calls in progress are among them. The times "
        "are those at which calls began, in GMT+8."
    ),
    params=(
        *_WHOSE,
        Param(
            "from",
            Kind.DATE,
            "The earliest beginning, YYYY-MM-DD HH:mm:SS in GMT+8; without it, since ever.",
            example="2026-01-01 00:00:00",
        ),
        Param(
            "to",
            Kind.DATE,
            "Before when they began, this second not included, YYYY-MM-DD HH:mm:SS in GMT+8; without "
            "it, until now.",
            example="2026-01-31 23:59:59",
        ),
        Param("page", Kind.PAGE, "Which page, from 1; without it, the first.", example="1"),
    ),
    own_statuses=(
        "error_from_invalid",
        "error_to_invalid",
        "error_to_before_from",
        "error_page_invalid",
    ),
    fields=(
        Field(
            "total_entries_count",
            "How many calls there are on all pages.",
            example="123",
            reads=int,
        ),
        Field("entries_count", "How many of them are on this page.", example="100", reads=int),
    ),
    entry=_CALL,
    beyond=(_CUT_SHORT,),
    notes=(
        _ONE_LEG,
        "New calls move the older ones to later pages. Give to when you read several pages.",
        "A page behind the last is empty.",
    ),
)

GET_RATE = Endpoint(
    path="voice/get_rate",
    summary="What a call between two numbers costs.",
    doc="The charge for a minute of a call to dest1 that is joined to a call to dest2.",
    params=(
        *_WHOSE,
        Param("dest1", Kind.NUMBER, "A number, in E.164.", required=True, example=_CALLER),
        Param("dest2", Kind.NUMBER, "Another, in E.164.", required=True, example=_NUMBER),
    ),
    own_statuses=("error_dest1_invalid", "error_dest2_invalid"),
    fields=(
        Field("currency", "ISO 4217 code of the rate.", example="SGD"),
        Field(
            "rate",
            "Charge for a minute, the sum of both legs, three decimals.",
            example="0.040",
            reads=Decimal,
        ),
        Field("talktime", "How many whole minutes the balance pays for.", example="310", reads=int),
    ),
    notes=(
        "Where the balance sets no limit, because the account pays afterwards or the call is free, "
        "talktime is 240: no call lasts longer.",
    ),
)

GET_ACTIVE = Endpoint(
    path="number/get_active",
    summary="The numbers of the application.",
    doc="Every number that can be called, and where its calls are told.",
    params=_WHOSE,
    fields=(
        Field("total_entries_count", "How many numbers there are.", example="1", reads=int),
        Field("entries_count", "How many of them are in this reply: all.", example="1", reads=int),
    ),
    entry=(
        Field("number", "The number, in E.164.", example=_NUMBER),
        Field("forward_to", "The URL that is told of calls to it.", example=_FORWARD_TO),
        Field("forward_sms_to", "Empty: there are no text messages here."),
        Field("mode", "What it is for: calls.", values=("voice", "fax"), example="voice"),
        Field(
            "expiry",
            "When it expires, YYYY-MM-DD: ten years from today, since it never does.",
            example="2036-01-31",
            reads=date,
        ),
        Field(
            "auto_extend_status",
            "`enabled`: nothing has to be done to keep it.",
            values=("enabled", "disabled"),
            example="enabled",
        ),
        Field("country", "ISO 3166-1 alpha-2 code of its country.", example="SG"),
        Field("state", "Empty: no state is known of a number."),
        Field("capabilities", "What it can do.", example="VOICE", listed=True),
    ),
)

UPDATE_FORWARDING = Endpoint(
    path="number/update_forwarding",
    summary="Change the URL that is told of calls to a number.",
    doc="Takes effect with the next call to the number; a call in progress keeps to the old URL.",
    params=(
        *_WHOSE,
        Param(
            "number", Kind.NUMBER, "A number of the application.", required=True, example=_NUMBER
        ),
        Param(
            "forward_to",
            Kind.FORWARD_TO,
            "The URL, absolute, http or https. Without it the number stays as it is.",
            max_length=NOTIFY_URL_MAX,
            example=_FORWARD_TO,
        ),
        Param(
            "forward_sms_to", Kind.UNSERVED, "Where text messages are told; there are none here."
        ),
        Param("mode", Kind.CHOICE, "What the number is for.", values=("voice",), example="voice"),
    ),
    own_statuses=(
        "error_number_invalid",
        "error_forward_to_invalid",
        "error_incoming_sms_not_supported",
        "error_mode_invalid",
        "error_number_not_assigned",
        "error_unable_to_resolve_forward_to",
    ),
)

ENDPOINTS: tuple[Endpoint, ...] = (
    GET_BALANCE,
    GET_INFO,
    QUERY_STATUS,
    GET_HISTORY,
    GET_RATE,
    GET_ACTIVE,
    UPDATE_FORWARDING,
)
"""Every endpoint that the API serves beside the blocks, in the order of the reference."""
