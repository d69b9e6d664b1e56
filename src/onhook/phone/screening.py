"""What is refused before anybody hears of it (RFC 3261 8.2.1 to 8.2.3, 16.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from onhook.phone.bodies import accepts_sdp
from onhook.phone.message import METHODS, Request
from onhook.phone.reply import ALLOW


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response that refuses a request; `phrase` None means the usual one."""

    status: int
    phrase: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def refuse_method(request: Request) -> Refusal:
    """405 for a method that we know and do not serve, 501 for one that we do not know."""
    return Refusal(405 if request.method in METHODS else 501, headers=(("Allow", ALLOW),))


def screen(request: Request) -> Refusal | None:
    """What is wrong with a new INVITE or OPTIONS outside a dialog, if anything."""
    if not request.uri.lower().startswith(("sip:", "tel:")):
        return Refusal(416)
    hops = request.first("max-forwards", "70")
    if not (hops.isascii() and hops.isdigit() and len(hops) <= 10):
        return Refusal(400, "Bad Max-Forwards Header Field")
    return screen_extensions(request)


def screen_extensions(request: Request) -> Refusal | None:
    """420 for required extensions, of which we support none; 415 for a body that is not SDP; 406 where
    Accept has no room for ours."""
    try:
        required = request.values("require")
    except ValueError:
        return Refusal(400, "Bad Require Header Field")
    if required:
        return Refusal(420, headers=(("Unsupported", ", ".join(required)),))
    if request.method == "OPTIONS":
        return None
    if not accepts_sdp(request):
        return Refusal(406)
    if not request.body:
        return None
    if request.first("content-encoding", "identity").lower() != "identity":
        return Refusal(415, headers=(("Accept-Encoding", "identity"),))
    if request.first("content-type").partition(";")[0].strip().lower() != "application/sdp":
        return Refusal(415, headers=(("Accept", "application/sdp"),))
    return None


def info_digit(request: Request) -> str:
    """The digit of an INFO, or the empty string: `application/dtmf-relay` or `application/dtmf`.

    Neither type was ever registered; this is what gateways send. 10 and 11 are star and hash.
    """
    kind = request.first("content-type").partition(";")[0].strip().lower()
    text = request.body[:200].decode("ascii", "replace")
    if kind == "application/dtmf-relay":
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name.strip().lower() == "signal":
                return _digit(value)
        return ""
    return _digit(text) if kind == "application/dtmf" else ""


def _digit(text: str) -> str:
    text = text.strip().upper()
    text = {"10": "*", "11": "#"}.get(text, text)
    return text if len(text) == 1 and text in "0123456789*#ABCD" else ""
