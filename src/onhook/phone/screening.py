"""What is refused before anybody hears of it (RFC 3261 8.2.1 to 8.2.3, 16.3). Pure."""

from dataclasses import dataclass

from onhook import identifiers
from onhook.phone.bodies import READABLE, accepts_sdp, description_of, is_optional, media_type
from onhook.phone.errors import SdpError, UnsupportedBody
from onhook.phone.message import METHODS, Request
from onhook.phone.reply import ALLOW, SUPPORTED, warning
from onhook.phone.session_timer.terms import MIN_SE_S, read, too_short

DTMF_RELAY, DTMF = "application/dtmf-relay", "application/dtmf"
"""What gateways send a digit as; neither type was ever registered."""

_NO_REFER = "Calls are transferred by their application, not by phones"
_KNOWN = frozenset(SUPPORTED.split(", "))
_DIGITS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response that refuses a request; `phrase` None means the usual one."""

    status: int
    phrase: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def refuse_method(request: Request, agent: str) -> Refusal:
    """405 for a method that we know and do not serve, 501 for one that we do not know.

    REFER is declined, with a Warning that says why (RFC 3515 2.4.2, RFC 3261 20.43). Within a dialog there is
    no subscription: SUBSCRIBE and NOTIFY get 489 (RFC 6665 4.1.3, 4.2.1.1), which leaves the call alone, as
    481 might not. `agent` is our host and port.
    """
    if request.method == "REFER":
        return Refusal(603, headers=(warning(399, agent, _NO_REFER),))
    if request.method in ("SUBSCRIBE", "NOTIFY") and request.to_tag:
        return Refusal(489)
    return Refusal(405 if request.method in METHODS else 501, headers=(("Allow", ALLOW),))


def refuse_misplaced(request: Request, agent: str) -> Refusal:
    """For a method that only makes sense inside a dialog, or that we do not serve at all."""
    within = request.method in ("BYE", "INFO", "UPDATE", "PRACK")
    return Refusal(481) if within else refuse_method(request, agent)


def retry_soon() -> tuple[tuple[str, str], ...]:
    """Retry-After of a 500 to what cannot be served now (RFC 3261 14.2, RFC 3311 5.2), or of a 503 to what is
    too much: 0 to 10 s."""
    return (("Retry-After", str(identifiers.randbelow(11))),)


def refuse_description(error: SdpError, agent: str) -> Refusal:
    """400 for a description that cannot be read; 488 for one that is of no use, with a Warning that says
    why (RFC 3261 20.43, 21.4.26). `agent` is our host and port."""
    if error.status == 400:
        return Refusal(400, f"Bad SDP: {error}")
    return Refusal(error.status, headers=(warning(error.warning, agent, str(error)),))


def screen(request: Request) -> Refusal | None:
    """What is wrong with a new INVITE or OPTIONS outside a dialog, if anything."""
    if not request.uri.lower().startswith(("sip:", "tel:")):
        return Refusal(416)
    hops = request.first("max-forwards", "70")
    if not (hops.isascii() and hops.isdigit() and len(hops) <= 10):
        return Refusal(400, "Bad Max-Forwards Header Field")
    return screen_extensions(request)


def screen_extensions(request: Request) -> Refusal | None:
    """420 for required extensions that we do not know; 422 for a session that is too short (RFC 4028 9); 415
    for a body that is not SDP; 406 where Accept has no room for ours."""
    try:
        required = request.values("require") if "require" in request.headers else []
    except ValueError:
        return Refusal(400, "Bad Require Header Field")
    if unknown := [each for each in required if each.lower() not in _KNOWN]:
        return Refusal(420, headers=(("Unsupported", ", ".join(unknown)),))
    if request.method == "OPTIONS":
        return None
    if "session-expires" in request.headers and too_short(read(request)):
        return Refusal(422, headers=(("Min-SE", str(MIN_SE_S)),))
    if not accepts_sdp(request):
        return Refusal(406)
    try:
        description_of(request)
    except UnsupportedBody as error:
        wanted = ("Accept-Encoding", "identity") if error.encoded else ("Accept", READABLE)
        return Refusal(415, headers=(wanted,))
    return None


def screen_info(request: Request) -> Refusal | None:
    """469 for an INFO of a package, of which we have none (RFC 6086 4.2.2); 415 for one that is no digit.

    One without a body asks whether the call is there.
    """
    if "info-package" in request.headers:
        return Refusal(469, headers=(("Recv-Info", ""),))
    if not request.body or is_optional(request):
        return None
    if media_type(request.first("content-type")) not in (DTMF_RELAY, DTMF):
        return Refusal(415, headers=(("Accept", f"{DTMF_RELAY}, {DTMF}"),))
    return None


def info_digit(request: Request) -> str:
    """The digit of an INFO, or the empty string. 10 and 11 are star and hash."""
    kind = media_type(request.first("content-type"))
    text = request.body[:200].decode("ascii", "replace")
    if kind == DTMF_RELAY:
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name.strip().lower() == "signal":
                return _digit(value)
        return ""
    return _digit(text) if kind == DTMF else ""


def _digit(text: str) -> str:
    text = text.strip().upper()
    text = {"10": "*", "11": "#"}.get(text, text)
    return text if text in _DIGITS else ""
