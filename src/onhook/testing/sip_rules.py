"""What the test phone holds against a server: rules of RFC 3261 that tests seldom think of.

Each function returns sentences, none when there is nothing to say. They end up in
`PhoneCall.complaints`, so `assert not call.complaints` is one more line in any test.
"""

from dataclasses import dataclass

from onhook.testing import sip_text
from onhook.testing.sip_text import MAGIC_COOKIE, SipMessage


@dataclass(frozen=True, slots=True)
class DialogView:
    """What the phone knows of the dialog when a message of the server arrives."""

    contact_uri: str
    own_tag: str
    remote_tag: str
    """"" before the first response that has one."""
    remote_cseq: int
    """The highest CSeq that the server used so far, -1 before its first request."""


def about_response(invite: SipMessage, remote_tag: str, answer: SipMessage) -> list[str]:
    """Check a response to INVITE: what it must copy (8.2.6.2), its tag, and what a 2xx carries."""
    said: list[str] = []
    for name in ("From", "Call-ID", "CSeq"):
        if answer.header(name) != invite.header(name):
            said.append(f"{name} is not that of the request (8.2.6.2)")
    if len(answer.values("Via")) != 1:
        said.append("Via is not that of the request alone (8.2.6.2)")
    if answer.status > 100:
        if not answer.to_tag:
            said.append(f"a {answer.status} without a tag in To (8.2.6.2)")
        elif remote_tag and answer.to_tag != remote_tag:
            said.append("another tag in To than before (8.2.6.2)")
    if 200 <= answer.status < 300:
        said += _about_answer(answer)
    return said


def _about_answer(answer: SipMessage) -> list[str]:
    said: list[str] = []
    contacts = answer.values("Contact")
    if len(contacts) != 1:
        said.append("a 200 to INVITE needs one Contact (12.1.1)")
    elif sip_text.address_of(sip_text.uri_of(contacts[0])) is None:
        said.append("nobody can be reached at the Contact of the 200")
    if not answer.body:
        said.append("a 200 to INVITE without SDP (13.3.1.4)")
    elif (answer.header("Content-Type") or "").lower() != "application/sdp":
        said.append("SDP without Content-Type application/sdp (20.15)")
    return said


def about_request(view: DialogView, request: SipMessage) -> list[str]:
    """Check a request of the server within the dialog (8.1.1, 12.2.1.1); not a repeated one."""
    said: list[str] = []
    if request.uri != view.contact_uri:
        said.append(
            f"{request.method} goes to {request.uri}, not to the phone's Contact (12.2.1.1)"
        )
    if request.from_tag != view.remote_tag:
        said.append(f"the tag in From of {request.method} is not the server's own (12.2.1.1)")
    if request.to_tag != view.own_tag:
        said.append(f"the tag in To of {request.method} is not the phone's (12.2.1.1)")
    if request.cseq[0] <= view.remote_cseq:
        said.append(f"CSeq of {request.method} did not rise (12.2.1.1)")
    return said + _about_any_request(request)


def about_invite(invite: SipMessage) -> list[str]:
    """Check the INVITE of a call that comes in (8.1.1, 13.2.1)."""
    said: list[str] = []
    contacts = invite.values("Contact")
    if len(contacts) != 1:
        said.append("an INVITE needs one Contact (8.1.1.8)")
    elif sip_text.address_of(sip_text.uri_of(contacts[0])) is None:
        said.append("nobody can be reached at the Contact of the INVITE")
    if not invite.from_tag:
        said.append("an INVITE without a tag in From (8.1.1.3)")
    if invite.cseq[1] != "INVITE":
        said.append("the method in CSeq is not that of the request (8.1.1.5)")
    if invite.header("Allow") is None:
        said.append("an INVITE without Allow (13.2.1)")
    if invite.body and (invite.header("Content-Type") or "").lower() != "application/sdp":
        said.append("SDP without Content-Type application/sdp (20.15)")
    return said + _about_any_request(invite)


def about_ack(invite: SipMessage, final: SipMessage, ack: SipMessage, contact: str) -> list[str]:
    """Check the ACK of our final response to `invite`; `contact` is the URI in our Contact."""
    said: list[str] = []
    accepted = final.status < 300
    if (ack.branch == invite.branch) == accepted:
        rule = "a branch of its own (13.2.2.4)" if accepted else "the INVITE's branch (17.1.1.3)"
        said.append(f"the ACK of a {final.status} needs {rule}")
    if ack.uri != (contact if accepted else invite.uri):
        said.append(f"the ACK of a {final.status} goes to {ack.uri} (12.2.1.1, 17.1.1.3)")
    if ack.to_tag != final.to_tag:
        said.append("the tag in To of the ACK is not that of the response (12.2.1.1)")
    if ack.from_tag != invite.from_tag:
        said.append("the tag in From of the ACK is not that of the INVITE (17.1.1.3)")
    return said


def about_cancel(invite: SipMessage, cancel: SipMessage) -> list[str]:
    """Check what a CANCEL must copy of the INVITE (9.1)."""
    said = [
        f"{name} of the CANCEL is not that of the INVITE (9.1)"
        for name in ("From", "To", "Call-ID")
        if cancel.header(name) != invite.header(name)
    ]
    if cancel.uri != invite.uri:
        said.append("the URI of the CANCEL is not that of the INVITE (9.1)")
    if cancel.cseq[0] != invite.cseq[0]:
        said.append("the number in CSeq of the CANCEL is not that of the INVITE (9.1)")
    return said


_ANSWERS_TO = {"sendonly": ("recvonly", "inactive"), "inactive": ("inactive",)}


def about_direction(offered: str, answered: str) -> list[str]:
    """Check the direction of an answer against that of our offer (RFC 3264 6.1)."""
    if answered in _ANSWERS_TO.get(offered, (answered,)):
        return []
    return [f"{answered} in answer to {offered} (RFC 3264 6.1)"]


def _about_any_request(request: SipMessage) -> list[str]:
    said: list[str] = []
    if not request.branch.startswith(MAGIC_COOKIE):
        said.append(f"the branch of {request.method} lacks the magic cookie (8.1.1.7)")
    if request.header("Max-Forwards") is None:
        said.append(f"{request.method} without Max-Forwards (8.1.1.6)")
    return said
