"""The notification of an incoming call: how an application learns that there is something to steer.

There is no request behind it. It goes to the URL of the called number, and it is the application's
turn: the first block that plays a message answers the call, a Hangup without one rejects it.
"""

from onhook.blocks.declaration import ALWAYS_FIELDS, ENDED_FIELDS, INCOMING, Field, Notice
from onhook.blocks.sip_headers import TOLD

_NEVER_TAGGED = {"tag": Field("tag", "Empty: there was no request.")}
_ALWAYS_INCOMING = {
    field.name: Field(field.name, field.doc, example=field.example)
    for field in ALWAYS_FIELDS
    if field.when == INCOMING
}

ANSWER = Notice(
    name="answer",
    summary="A call came in.",
    doc=(
        "Sent to the forward_to of the called number as soon as the call rings. Steer the call "
        "with the session that it carries: the first Middle block or Transfer answers it, so does Hangup "
        "with a msg; Hangup without one rejects it. A second one with call_state=ended, and the "
        "bill, is sent when the call is over before any block was accepted. Of a call that the "
        "account cannot pay for, only that one is sent."
    ),
    fields=(
        *({**_NEVER_TAGGED, **_ALWAYS_INCOMING}.get(field.name, field) for field in ALWAYS_FIELDS),
        Field(
            "call_state",
            "`ringing`, or `ended` when the caller gave up, nobody acted in time, or the credit is used up.",
            values=("ringing", "ended"),
            example="ringing",
        ),
        TOLD,
        *ENDED_FIELDS,
    ),
)
