"""The Transfer block: join the call to another one, or to a room."""

from dataclasses import dataclass, replace
from typing import Literal

from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    ALWAYS_FIELDS,
    APP_ID,
    CALLER_ID,
    DEST,
    DEST_NUMBER,
    ENDED_FIELDS,
    MEDIA,
    OUTCOMES,
    RING_TIME,
    SESSION,
    SESSION_STATUSES,
    TAG,
    Block,
    Field,
    Place,
    call_state,
    message,
    notify_url,
    outcome,
)
from onhook.blocks.destination import CallerId, Destination
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import SessionRequest
from onhook.blocks.sip_headers import SIP_HEADERS


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest(SessionRequest):
    """Join the call to ``dest``, whose phone rings for ``ring_time`` seconds at the most."""

    dest: Destination
    caller_id: CallerId | None = None
    on_failure: Literal["hangup", "continue"]
    ring_time: int


TRANSFER = Block(
    name="transfer",
    place=Place.END,
    request=TransferRequest,
    summary="Join the call to another number, or to a room.",
    doc=(
        "Answers the call if it still rings, plays msg, then calls dest and joins the two; until it "
        "answers, the caller hears it ring. No other block can follow, unless dest is not reached and "
        "on_failure is `continue`. When either side hangs up, the other is hung up too, and notify_url "
        "is told once. `room:ID` as dest joins the call to everybody in that room, `room:` to a new one."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        Param(
            "dest",
            Kind.DESTINATION,
            "A number in E.164; or `room:` and the name of a room, 1 to 32 letters, digits, dots, "
            "underscores and hyphens; or `room:` alone for a new room. After a number, digits may follow "
            "that are dialled once it has answered: `+6591112222,,123#`, a comma is a pause of one second.",
            required=True,
            example=DEST_NUMBER,
        ),
        message("What to play before: text, <speech> and <url>."),
        replace(
            CALLER_ID,
            doc=(
                "The number that the callee is shown: one of the account's own numbers, its registered "
                "number, the caller's own number, or `private` for none. Without it the registered "
                "number, else the trunk's."
            ),
        ),
        Param(
            "on_failure",
            Kind.CHOICE,
            "What follows if dest is not reached: `hangup`, or `continue` to go on with the session.",
            values=("hangup", "continue"),
            default="hangup",
            status="error_on_failure_invalid",
            example="continue",
        ),
        RING_TIME,
        TAG,
        notify_url(
            "Where to send the notification once the joined call is over, or dest was not reached. "
            "Without it no notification is sent."
        ),
        MEDIA,
        SIP_HEADERS,
    ),
    own_statuses=SESSION_STATUSES,
    reply=(Field("room", "The room's name.", "for a room", example="R1"),),
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        call_state("if dest was not reached and on_failure is continue"),
        outcome("transfer_status", "What became of the call to dest. A room always answers."),
        *ENDED_FIELDS,
    ),
    notes=(
        OUTCOMES,
        "The rate of a call that was transferred to a number, and answered there, is the sum of both "
        "legs for the whole call.",
        "A room has at most 8 members: the ninth gets error_invalid_room. It belongs to the "
        "account; another account's room of the same name is another room.",
        "Keys that the caller presses are heard by the callee, and not kept.",
    ),
)
