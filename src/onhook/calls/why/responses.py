"""What a SIP response to a call of ours means, and what to do about it. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """What a final response says, as a clause, and what to do, as a sentence."""

    says: str
    advice: str


_NUMBER = "Look at the number, and at how this trunk wants numbers written (--number-format)."
_CREDENTIALS = (
    "Look at the trunk's --username, --auth-user and password: 'onhook trunk test NAME' tries them."
)
_CODECS = "Look at the trunk's --codecs and --srtp: it takes none of what is offered."
_TROUBLE = (
    "Ask the carrier, and add a second trunk with the same prefix, which is tried when one fails. "
    "'onhook trunk test NAME' asks whether it is there now."
)
_CALLEE = "Nothing is wrong with Onhook or the trunk: call again later."

_MEANINGS: Final[Mapping[int, Meaning]] = {
    401: Meaning("it does not take the credentials", _CREDENTIALS),
    403: Meaning(
        "it refuses the call",
        "Ask the carrier: the caller id may not be one of yours, the destination may be barred, or the "
        "account. " + _CREDENTIALS,
    ),
    404: Meaning("it does not know the number", _NUMBER),
    407: Meaning("it does not take the credentials", _CREDENTIALS),
    408: Meaning(
        "nothing answered in time",
        "Look at the trunk's --proxy and --transport, and whether a firewall is between: "
        "'onhook trunk test NAME' and 'onhook doctor' tell.",
    ),
    410: Meaning("the number is not in use any more", _NUMBER),
    415: Meaning("it takes no such audio", _CODECS),
    480: Meaning("the callee cannot be reached now", _CALLEE),
    484: Meaning("the number is not complete", _NUMBER),
    486: Meaning("the callee is busy", _CALLEE),
    487: Meaning("it was taken back while it rang", _CALLEE),
    488: Meaning("it takes none of the audio that is offered", _CODECS),
    600: Meaning("the callee is busy everywhere", _CALLEE),
    603: Meaning("the callee declines", _CALLEE),
    604: Meaning("the number does not exist", _NUMBER),
    606: Meaning("it takes none of the audio that is offered", _CODECS),
    607: Meaning("the callee does not want this call", "Do not call this number again."),
}


def meaning_of(status: int | None) -> Meaning:
    """Also of no response at all."""
    if status is None:
        return Meaning(
            "no response came",
            "Look at the trunk's --proxy, and whether it is there: 'onhook trunk test NAME'.",
        )
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status >= 600:
        return Meaning("the callee refuses", _CALLEE)
    if status >= 500:
        return Meaning("it is in trouble", _TROUBLE)
    return Meaning("it refuses the request", "Ask the carrier which rule of theirs it broke.")
