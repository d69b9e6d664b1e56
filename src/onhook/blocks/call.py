"""Beside the IVR blocks: two numbers joined to one another, and a call hung up by its reference."""

from dataclasses import dataclass, replace

from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    APP_ID,
    CALLER_ID,
    DEST_NUMBER,
    ENDED_FIELDS,
    MEDIA,
    OUTCOMES,
    SESSION,
    TAG,
    Block,
    Field,
    Place,
    notify_url,
    outcome,
)
from onhook.blocks.destination import CallerId
from onhook.blocks.dial import MAX_DURATION
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import BlockRequest
from onhook.numbers import E164

TXN_REF_EXAMPLE = "AA-C-482913305716620481"
TXN_REF = Param(
    "txn_ref",
    Kind.TXN_REF,
    "The reference of the call.",
    required=True,
    example=TXN_REF_EXAMPLE,
)
TXN_REF_STATUSES = ("error_invalid_txn_ref", "error_txn_ref_access_denied")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest(BlockRequest):
    """Call ``dest1``, or the account's registered number, and join it to ``dest2`` for ``max_duration`` s."""

    dest1: E164 | None = None
    dest2: E164
    caller_id: CallerId | None = None
    max_duration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUpCallRequest(BlockRequest):
    """Hang up the call of this reference, whatever it does."""

    txn_ref: str
    force: bool = True


CALL = Block(
    name="call",
    at="voice/call",
    place=Place.START,
    request=CallRequest,
    summary="Call two numbers and join them.",
    doc=(
        "Calls dest1, which is shown the number of dest2; when it answers, calls dest2, which dest1 "
        "hears ring and which is shown caller_id, and joins the two. When either hangs up, the other is "
        "hung up, and notify_url is told once."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        Param(
            "dest1",
            Kind.CALLEE,
            "The number to call first, in E.164; without it, the account's registered number.",
            example="+6598765432",
        ),
        Param(
            "dest2",
            Kind.CALLEE,
            "The number to join it to, in E.164.",
            required=True,
            example=DEST_NUMBER,
        ),
        replace(CALLER_ID, doc=CALLER_ID.doc.replace("the callee", "dest2")),
        replace(MAX_DURATION, doc=MAX_DURATION.doc.replace("its answer", "the answer of dest2")),
        TAG,
        notify_url("Where to send the notification once all is over; without it, none is sent."),
        MEDIA,
    ),
    own_statuses=("error_same_dest1_dest2",),
    reply=(Field("txn_ref", "The reference of the call.", example=TXN_REF_EXAMPLE),),
    fields=(
        Field("ivr_block", "Which request this notification is about."),
        Field("session", "The session of the call.", example=SESSION.example),
        Field("txn_ref", "The reference of the call.", example=TXN_REF_EXAMPLE),
        Field("tag", "The tag of the request; empty when none was given.", example=TAG.example),
        Field("dest", "The same as dest1.", example="+6598765432"),
        Field("dest1", "The number that was called first, in E.164.", example="+6598765432"),
        Field("dest2", "The number that it was joined to, in E.164.", example=DEST_NUMBER),
        outcome("call_status_dest1", "What became of the call to dest1."),
        outcome("call_status_dest2", "What became of the call to dest2."),
        outcome("call_status_dest_1", "The same as call_status_dest1, as some clients spell it."),
        outcome("call_status_dest_2", "The same as call_status_dest2, as some clients spell it."),
        Field("call_state", "`ended`.", values=("ended",), example="ended"),
        *ENDED_FIELDS,
    ),
    notes=(OUTCOMES, "The rate is the sum of that of both numbers."),
)

HANG_UP_CALL = Block(
    name="hangup",
    at="voice/hangup",
    place=Place.END,
    request=HangUpCallRequest,
    summary="Hang up a call by its reference, at once.",
    doc=(
        "Ends the call of txn_ref, whatever it is doing: a call of this API, a member of a conference, or "
        "one that is steered by blocks. Whoever was to be told of its end is told."
    ),
    params=(APP_ID, ACCESS_TOKEN, TXN_REF),
    own_statuses=(*TXN_REF_STATUSES, "error_session_ended", "error_hangup_already_in_progress"),
    fields=(),
    hangs_up=True,
)
