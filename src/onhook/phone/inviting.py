"""The INVITEs of one call of ours: the first, those that challenges ask for, and taking the last one back.

RFC 3261 9.1, 13.2.1 and 22.2. While the call goes on, the way that its INVITE went is kept open; what came of
it says whether its server is there.
"""

import re
from typing import Protocol

from onhook.phone.addresses import Address
from onhook.phone.flows import CallFlows
from onhook.phone.locating.locator import Locator
from onhook.phone.message import Response
from onhook.phone.outline import Outline
from onhook.phone.reply import HeaderLines
from onhook.phone.requests import OwnRequests
from onhook.phone.transactions import ClientInvite, InviteUser


class InvitingSignalling(Protocol):
    """What this needs of the endpoint."""

    user_agent: str
    requests: OwnRequests
    call_flows: CallFlows
    locator: Locator

    def contact_for(self, peer: Address) -> str:
        """Our Contact value as `peer` can reach it."""

    def sent_by(self, peer: Address) -> str:
        """Our host and port as `peer` can reach them."""


class Inviting:
    """`sent` is the INVITE that was sent last, or comes next; `user` hears what is answered."""

    def __init__(self, outline: Outline, signalling: InvitingSignalling, user: InviteUser) -> None:
        self._outline = outline
        self._signalling = signalling
        self._user = user
        self._transaction: ClientInvite | None = None
        self._cancelled = False
        self._held: Address | None = None
        self.shown: HeaderLines = ()
        """The credentials in it, which its ACK has as well (RFC 3261 22.1)."""
        self.aim(outline.destination)

    def aim(self, destination: Address) -> None:
        """Write the INVITE for a destination, before anything is sent."""
        outline = self._outline
        sent = outline.sent(outline.destination, self._signalling.sent_by(destination))
        self.sent = sent.towards(destination) if destination != sent.destination else sent

    @property
    def has_begun(self) -> bool:
        """Whether one was sent."""
        return self._transaction is not None

    @property
    def may_go_on(self) -> bool:
        """Whether there may be another one."""
        return self.sent.cseq < self.sent.last

    def again(self) -> None:
        """The next one is another, with the number that follows."""
        self.sent = self.sent.again()

    def send(self, asks: HeaderLines, credentials: HeaderLines, offer: bytes) -> None:
        """Send it; `asks` is what it says of the session timer."""
        destination = self.sent.destination
        self.shown = tuple(credentials)
        if self._held is None:
            self._held = destination
            self._signalling.call_flows.hold(destination, self._outline.trunk.keepalive_s)
        contact, user_agent = self._signalling.contact_for(destination), self._signalling.user_agent
        self._transaction = self._signalling.requests.invite(
            self.sent,
            lambda sent: sent.write(
                (*self._outline.headers(sent.sent_by, contact, user_agent), *asks, *self.shown),
                offer,
            ),
            self._user,
        )

    def hear(self, response: Response) -> None:
        """Its server is there, or says itself that it is not (RFC 3263 4.3)."""
        if response.status == 503:
            self._signalling.locator.failed(self.sent.destination, _retry_after_s(response))
        else:
            self._signalling.locator.answered(self.sent.destination)

    def missed(self) -> None:
        """Its server said nothing, and is not there."""
        self._signalling.locator.failed(self.sent.destination)

    def cancel(self, headers: HeaderLines) -> None:
        """Take it back where it went; once."""
        if not self._cancelled and self._transaction is not None:
            self._cancelled = True
            self._transaction.withdraw()
            self._signalling.requests.cancel(self._transaction.sent, headers)

    def end(self) -> None:
        """The call is over."""
        if self._held is not None:
            self._signalling.call_flows.let_go(self._held, self._outline.trunk.keepalive_s)
            self._held = None


def _retry_after_s(response: Response) -> float | None:
    """The seconds of Retry-After (RFC 3261 20.33); None without any."""
    found = re.match(r"\s*([0-9]{1,9})", response.first("retry-after"))
    return float(found.group(1)) if found else None
