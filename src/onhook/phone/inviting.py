"""The INVITEs of one call of ours: the first, those that challenges ask for, and taking the last one back.

RFC 3261 9.1, 13.2.1 and 22.2. While the call goes on, the way that its INVITE went is kept open; what came of
it says whether its server is there.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from onhook.phone.addresses import Address, TcpAddress, listed
from onhook.phone.flows import CallFlows
from onhook.phone.invite import OutgoingInvite
from onhook.phone.kept.reading import Fields
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
    headroom: int

    def contact_for(self, peer: Address) -> str:
        """Our Contact value as `peer` can reach it."""

    def sent_by(self, peer: Address) -> str:
        """Our host and port as `peer` can reach them."""


class Inviting:
    """`sent` is the INVITE that was sent last, or comes next; the `user` of each hears what is answered."""

    def __init__(self, outline: Outline, signalling: InvitingSignalling) -> None:
        self._outline = outline
        self._signalling = signalling
        self._transaction: ClientInvite | None = None
        self._cancelled = False
        self._held: Address | None = None
        self._went: Address = outline.destination
        self.waits = False
        """Whether one that another process sent is still to be taken up."""
        self.to_hold: Address | None = None
        """The way that the other process kept open."""
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

    def kept(self, keys: dict[str, str]) -> dict[str, Any]:
        """What another process needs to go on with it; credentials are a secret."""
        if self.shown:
            keys["credentials"] = json.dumps([*self.shown])
        went = self.sent if self._transaction is None else self._transaction.sent
        return {
            "sent": self.sent.as_dict(),
            "went": listed(went.destination),
            "begun": self.has_begun or self.waits,
            "cancelled": self._cancelled,
        }

    def resume(self, fields: Fields, keys: Mapping[str, str]) -> None:
        """Be where another process was; nothing leaves. Raises `KeptUnreadable`, or another ValueError."""
        sent = OutgoingInvite.from_dict(fields.mapping("sent"))
        self.sent = replace(sent, ahead=sent.ahead + self._signalling.headroom)
        self._went, self._cancelled = fields.address("went", names=True), fields.flag("cancelled")
        self.waits = fields.flag("begun") or self.sent.cseq > 1
        if "credentials" in keys:
            shown = Fields({"shown": json.loads(keys["credentials"])}, "invite")
            self.shown = shown.pairs("shown")

    def go_on(
        self,
        user: InviteUser,
        *,
        rings: bool,
        asks: HeaderLines,
        offer: bytes,
        parting: HeaderLines,
    ) -> None:
        """Take up an INVITE that another process sent, and that is not answered.

        It is sent again, as it was, where nothing came back, or where the connection is gone by which it was
        to be answered; one that `rings`, and went by datagram, is only listened to. So is its CANCEL, which
        says what the BYE would (`parting`).
        """
        again, self._cancelled, self.waits = self._cancelled, False, False
        if not (rings or again) or isinstance(self._went, TcpAddress):
            self.send(user, asks, self.shown, offer)
            return
        self.hold(self.sent.destination)
        sent = self.sent.by_way_of(self._went, self._signalling.sent_by(self._went))
        self._transaction = self._signalling.requests.resume_invite(sent, user)
        if again:
            self.cancel(parting)

    @property
    def held(self) -> Address | None:
        """The way that is kept open while the call goes on, or is to be."""
        return self._held or self.to_hold

    def hold(self, destination: Address) -> None:
        """Keep a way open, until the call is over."""
        if self._held is None:
            self._held, self.to_hold = destination, None
            self._signalling.call_flows.hold(destination, self._outline.trunk.keepalive_s)

    @property
    def may_go_on(self) -> bool:
        """Whether there may be another one."""
        return self.sent.cseq < self.sent.last

    def again(self) -> None:
        """The next one is another, with the number that follows; it has not begun."""
        self.sent, self._transaction = self.sent.again(), None

    def send(
        self, user: InviteUser, asks: HeaderLines, credentials: HeaderLines, offer: bytes
    ) -> None:
        """Send it; `asks` is what it says of the session timer."""
        destination = self.sent.destination
        self.shown = tuple(credentials)
        self.hold(destination)
        contact, user_agent = self._signalling.contact_for(destination), self._signalling.user_agent
        self._transaction = self._signalling.requests.invite(
            self.sent,
            lambda sent: sent.write(
                (*self._outline.headers(sent.sent_by, contact, user_agent), *asks, *self.shown),
                offer,
            ),
            user,
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
        """The call is over: its INVITE, of which it may still hear, does not belong to it any more."""
        self._transaction = None
        if self._held is not None:
            self._signalling.call_flows.let_go(self._held, self._outline.trunk.keepalive_s)
            self._held = None


def _retry_after_s(response: Response) -> float | None:
    """The seconds of Retry-After (RFC 3261 20.33); None without any."""
    found = re.match(r"\s*([0-9]{1,9})", response.first("retry-after"))
    return float(found.group(1)) if found else None
