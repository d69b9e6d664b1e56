"""Conferences: numbers that are called into a room, and what can be done with a member."""

from dataclasses import dataclass, replace
from typing import Literal

from onhook.blocks.call import TXN_REF, TXN_REF_EXAMPLE, TXN_REF_STATUSES
from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    APP_ID,
    CALLER_ID,
    DEST,
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
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import BlockRequest
from onhook.numbers import E164

_ROOM_FIELD = Field("room", "The room's name.", example="R1")
_DOC = (
    "Calls every number of dest, and puts each into the room as it answers: everybody hears everybody "
    "else. notify_url is told once for each of them, when its call is over."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceRequest(BlockRequest):
    """Call each of ``dest`` into ``room``; a new one, where that is empty."""

    dest: tuple[E164, ...]
    room: str = ""
    caller_id: CallerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceConferenceRequest(ConferenceRequest):
    """The same at the older path, whose reply lists the references as one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerateRequest(BlockRequest):
    """Put the member of this reference out of its room, or mute it."""

    txn_ref: str
    action: Literal["kick", "mute", "unmute"]


CONFERENCE = Block(
    name="conference",
    at="conference/call",
    place=Place.START,
    request=ConferenceRequest,
    summary="Call several numbers into a room.",
    doc=_DOC,
    params=(
        APP_ID,
        ACCESS_TOKEN,
        Param(
            "dest",
            Kind.CALLEES,
            "Up to 8 numbers in E.164, separated by commas.",
            required=True,
            example="+6591112222,+6593334444",
        ),
        Param(
            "room",
            Kind.ROOM,
            "The name of the room, 1 to 32 letters, digits, dots, underscores and hyphens; without it, "
            "a new one.",
            example="R1",
        ),
        CALLER_ID,
        TAG,
        notify_url("Where to send a notification for each call; without it, none is sent."),
        MEDIA,
    ),
    own_statuses=(),
    reply=(
        _ROOM_FIELD,
        Field(
            "txn_refs",
            "The reference of each call, in the order of dest, as a list.",
            example=TXN_REF_EXAMPLE,
            listed=True,
        ),
    ),
    fields=(
        Field("ivr_block", "Which request this notification is about."),
        Field("session", "The session of the call.", example=SESSION.example),
        Field("txn_ref", "The reference of the call.", example=TXN_REF_EXAMPLE),
        Field("tag", "The tag of the request; empty when none was given.", example=TAG.example),
        replace(DEST, when="always"),
        _ROOM_FIELD,
        outcome("dial_status", "What became of the call."),
        Field("call_state", "`ended`.", values=("ended",), example="ended"),
        *ENDED_FIELDS,
    ),
    notes=(
        OUTCOMES,
        "A room has at most 8 members; whoever answers when it is full is hung up.",
        "Calls that were transferred to a room of the same name are in the same room.",
    ),
)

VOICE_CONFERENCE = replace(
    CONFERENCE,
    at="voice/conference",
    request=VoiceConferenceRequest,
    reply=(
        _ROOM_FIELD,
        Field(
            "txn_refs",
            "The reference of each call, in the order of dest, separated by commas.",
            example=TXN_REF_EXAMPLE,
        ),
    ),
)

MODERATE = Block(
    name="moderate",
    at="conference/moderate",
    place=Place.MIDDLE,
    request=ModerateRequest,
    summary="Put a member out of its room, or mute it.",
    doc="A muted member hears the others and is not heard; one that is kicked is hung up.",
    params=(
        APP_ID,
        ACCESS_TOKEN,
        TXN_REF,
        Param(
            "action",
            Kind.CHOICE,
            "`kick`, `mute` or `unmute`.",
            required=True,
            values=("kick", "mute", "unmute"),
            example="mute",
        ),
    ),
    own_statuses=(*TXN_REF_STATUSES, "error_session_ended", "error_not_in_conference"),
    fields=(),
)
