"""What each side of a call heard last, as a clause of a sentence. Pure."""

from collections.abc import Mapping
from typing import Final

from onhook.calls.why.known import Known

_HEARD: Final[Mapping[str, str]] = {
    "play": "the message of a Play",
    "gather": "the prompt of a Gather",
    "record": "the prompt of a Record",
    "hold": "what a Hold plays",
    "unhold": "what a Hold plays",
    "monitor": "what a Monitor plays",
    "send_digits": "the tones of a SendDigits",
    "transfer": "the other phone of a Transfer, or its ring back",
    "call": "the other phone, or its ring back",
    "conference": "the others in a conference",
    "dial": "the message of the Dial",
    "hangup": "the message of the Hangup, if it had one",
}
"""By the block that was asked for last."""


def heard(known: Known) -> str:
    """``the caller last heard the message of a Play, and audio came from it (612 packets)``."""
    if not known.answered:
        return "neither side had heard anything"
    return f"{_by_the_phone(known)}, and {_by_us(known)}"


def _by_the_phone(known: Known) -> str:
    if known.media.get("sent_packets") == "0":
        return f"{known.phone} was sent no audio"
    if not known.block:
        return f"{known.phone} heard what a request without notify_url plays, if it plays anything"
    what = _HEARD.get(known.block, f"what a {known.block} plays")
    if known.block_over:
        what += ", which was over"
    after = ", or what a request without notify_url played after it" if known.may_play_more else ""
    return f"{known.phone} last heard {what}{after}"


def _by_us(known: Known) -> str:
    packets = known.media.get("received_packets")
    if packets is None:
        return "what came from it is not known"
    if packets == "0":
        return "no audio at all came from it"
    lost = known.media.get("received_loss", "0.00")
    missing = f", and {lost} % were lost" if lost not in ("0.00", "") else ""
    return f"audio came from it ({packets} packets{missing})"
