"""RSeq and RAck (RFC 3262 7). Pure."""

from onhook.phone.message import Request, Response
from onhook.phone.session_timer.terms import lists

TAG = "100rel"
MAX_RSEQ = 2**32 - 1


def rseq_of(response: Response) -> int | None:
    """The number of a reliable provisional response; None for one that is not, or cannot be read."""
    if not 100 < response.status < 200 or not lists(response, "require", TAG):
        return None
    return _number(response.first("rseq"))


def rack(rseq: int, response: Response) -> tuple[str, str]:
    """The header of the PRACK for a reliable response to an INVITE."""
    return "RAck", f"{rseq} {response.cseq} {response.method}"


def acknowledges(prack: Request, rseq: int, cseq: int) -> bool:
    """Whether a PRACK is for the response with this number to an INVITE with that one."""
    words = prack.first("rack").split()
    return (
        len(words) == 3
        and _number(words[0]) == rseq
        and _number(words[1]) == cseq
        and words[2] == "INVITE"
    )


def _number(text: str) -> int | None:
    digits = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if digits and 0 < int(text) <= MAX_RSEQ else None
