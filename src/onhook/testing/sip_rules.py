"""What the test phone holds against a server: rules of RFC 3261 that tests seldom think of.

Each function returns sentences, none when there is nothing to say. They end up in
`PhoneCall.complaints`, so `assert not call.complaints` is one more line in any test.
"""

from __future__ import annotations

from dataclasses import dataclass

from onhook.testing import sip_text
from onhook.testing.sip_text import MAGIC_COOKIE, SipMessage


@dataclass(frozen=True, slots=True)
class DialogView:
    """What the phone knows of the dialog when a message of the server arrives."""

    invite: SipMessage
    contact_uri: str
    remote_tag: str
    """"" before the first response that has one."""
    remote_cseq: int
    """The highest CSeq that the server used so far, -1 before its first request."""


def about_response(view: DialogView, answer: SipMessage) -> list[str]:
    """Check a response to INVITE: what it must copy (8.2.6.2), its tag, and what a 2xx carries."""
    said: list[str] = []
    for name in ("From", "Call-ID", "CSeq"):
        if answer.header(name) != view.invite.header(name):
            said.append(f"{name} is not that of the request (8.2.6.2)")
    if len(answer.values("Via")) != 1:
        said.append("Via is not that of the request alone (8.2.6.2)")
    if answer.status > 100:
        if not answer.to_tag:
            said.append(f"a {answer.status} without a tag in To (8.2.6.2)")
        elif view.remote_tag and answer.to_tag != view.remote_tag:
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
    if request.to_tag != view.invite.from_tag:
        said.append(f"the tag in To of {request.method} is not the phone's (12.2.1.1)")
    if request.cseq[0] <= view.remote_cseq:
        said.append(f"CSeq of {request.method} did not rise (12.2.1.1)")
    if not request.branch.startswith(MAGIC_COOKIE):
        said.append(f"the branch of {request.method} lacks the magic cookie (8.1.1.7)")
    if request.header("Max-Forwards") is None:
        said.append(f"{request.method} without Max-Forwards (8.1.1.6)")
    return said
