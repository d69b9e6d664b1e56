"""How a call that rings is rejected: the parameter ``reject`` of Hangup. Pure."""

import re
from typing import Final

from onhook.blocks.params import Kind, Param
from onhook.blocks.request import Refused

_WORDS: Final = {"busy": 486, "declined": 603, "unavailable": 480}
_STATUS = re.compile(r"4(?:0[02-69]|[1-7][0-9]|8[03-689]|9[02-9])|[56][0-9]{2}", re.ASCII)
"""A final response that refuses; without those that SIP itself means something by, to which a caller's
phone would answer with another request, or that would be untrue: 401, 407, 408, 481, 482, 487, 491."""

REJECT = Param(
    "reject",
    Kind.REJECTION,
    "How a call that still rings is rejected: `busy` (SIP 486, Q.850 cause 17), `declined` (603, cause 21), "
    "`unavailable` (480, cause 18), or a SIP status from 400 to 699, which a Q.850 cause goes with "
    "(RFC 3398); not 401, 407, 408, 481, 482, 487 or 491, and not beside msg. Without it the operator's "
    "`--reject-code` holds. Once the call is answered, and of a call that was dialled, it is ignored.",
    pattern="|".join([*_WORDS, _STATUS.pattern.replace("?:", "")]),
    not_with="msg",
    example="busy",
)
"""``not_with``: a msg has to be heard, and so the call to be answered."""


def read_rejection(text: str) -> int:
    """The SIP status. Raises :class:`Refused`."""
    if text in _WORDS:
        return _WORDS[text]
    if not _STATUS.fullmatch(text):
        raise Refused("error_invalid_reject")
    return int(text)
