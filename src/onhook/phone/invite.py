"""An INVITE of ours, and what its ACK and its CANCEL repeat of it. Pure.

Each INVITE of a call, the ones that answer a challenge included, has the next CSeq number and a branch that
follows from it. So whoever has the record of one, also in another process, can withdraw those that came
after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zlib import crc32

from onhook.phone.addresses import (
    Address,
    listed,
    transport_of,
    unlisted,
)
from onhook.phone.message import MAGIC_COOKIE, Response
from onhook.phone.reply import HeaderLines
from onhook.phone.trunk import is_numeric

MAX_CHALLENGES = 3
"""INVITEs that answer a challenge: one for each kind, and one for a stale nonce."""
MAX_LENGTHENED = 1
"""INVITEs that ask for a longer session, because an interval was too short for somebody (RFC 4028 7.3)."""
MAX_ATTEMPTS = 1 + MAX_CHALLENGES + MAX_LENGTHENED
"""INVITEs for one call."""
MAX_FORKS = 16
"""So many phones may ring, or answer, for one call; what further ones say is not heard."""


@dataclass(frozen=True, slots=True)
class OutgoingInvite:
    """What has to be kept of an INVITE until its final response.

    `local` and `remote` are From with our tag and To without one; `sent_by` is our host and port;
    `token` makes the branches; `destination` may still hold a name. `last` is the highest CSeq number
    that an INVITE of this call may come to have; `routes` are those that it begins with (RFC 3261 8.1.2), of
    an INVITE within a dialog those of the dialog. So many numbers are left out behind it (`ahead`) in dialogs
    that it makes, which another process may have used.
    """

    request_uri: str
    local: str
    remote: str
    call_id: str
    sent_by: str
    token: str
    destination: Address
    cseq: int = 1
    last: int = 1
    routes: tuple[str, ...] = ()
    ahead: int = 0

    @property
    def branch(self) -> str:
        """Identifies the transaction; its CANCEL has the same one (RFC 3261 9.1)."""
        return f"{MAGIC_COOKIE}{self.token}.{self.cseq}"

    def again(self) -> "OutgoingInvite":
        """The INVITE that follows this one in the same call (RFC 3261 22.2)."""
        return replace(self, cseq=self.cseq + 1)

    def towards(self, destination: Address) -> "OutgoingInvite":
        """The same INVITE, at a server of its trunk.

        A trunk that is named has several, so that the branch says which one it is (RFC 3263 4.3).
        """
        named = not is_numeric(self.destination[0])
        token = f"{self.token}.{_mark(destination)}" if named else self.token
        return replace(self, destination=destination, token=token)

    def by_way_of(self, destination: Address, sent_by: str) -> "OutgoingInvite":
        """The same INVITE to the same server, over another transport."""
        if destination is self.destination:
            return self
        return replace(self, destination=destination, sent_by=sent_by)

    def is_answered_by(self, response: Response) -> bool:
        """Whether a response with our branch says the same call, and can be read."""
        try:
            one_hop = len(response.values("via")) == 1  # RFC 3261 8.1.3.3
            _ = response.to_tag
        except ValueError:
            return False
        return (
            one_hop
            and response.headers.get("call-id") == [self.call_id]
            and response.cseq == self.cseq
        )

    def write(self, headers: HeaderLines, body: bytes) -> bytes:
        """The INVITE itself, with an offer."""
        kind = (("Content-Type", "application/sdp"),)
        return self._text("INVITE", self.remote, (*headers, *kind), len(body)) + body

    def cancel(self, headers: HeaderLines = ()) -> bytes:
        """The text of the CANCEL: same Request-URI, branch and CSeq number as the INVITE (RFC 3261 9.1)."""
        return self._text("CANCEL", self.remote, headers, 0)

    def ack(self, to: str) -> bytes:
        """The ACK for a final response that is no 2xx, with its To (RFC 3261 17.1.1.3)."""
        return self._text("ACK", to, (), 0)

    def _text(self, method: str, to: str, headers: HeaderLines, length: int) -> bytes:
        transport = transport_of(self.destination)
        routes = [("Route", route) for route in self.routes]
        extra = "".join([f"{name}: {value}\r\n" for name, value in (*routes, *headers)])
        return (
            f"{method} {self.request_uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} {self.sent_by};branch={self.branch};rport\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: {self.local}\r\n"
            f"To: {to}\r\n"
            f"Call-ID: {self.call_id}\r\n"
            f"CSeq: {self.cseq} {method}\r\n"
            f"{extra}"
            f"Content-Length: {length}\r\n\r\n"
        ).encode("utf-8", "surrogateescape")

    def as_dict(self) -> dict[str, object]:
        """The record as JSON can hold it."""
        return {
            "request_uri": self.request_uri,
            "local": self.local,
            "remote": self.remote,
            "call_id": self.call_id,
            "sent_by": self.sent_by,
            "token": self.token,
            "destination": listed(self.destination),
            "cseq": self.cseq,
            "last": self.last,
            **({"routes": list(self.routes)} if self.routes else {}),
            **({"ahead": self.ahead} if self.ahead else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "OutgoingInvite":
        """The reverse of `as_dict`. Raises ValueError for anything else."""
        match data:
            case {
                "request_uri": str(request_uri),
                "local": str(local),
                "remote": str(remote),
                "call_id": str(call_id),
                "sent_by": str(sent_by),
                "token": str(token),
                "destination": destination,
                "cseq": int(cseq),
                "last": int(last),
            } if 0 < cseq <= last <= MAX_ATTEMPTS:
                where = unlisted(destination, names=True)
                routes, ahead = data.get("routes", []), data.get("ahead", 0)
                texts = isinstance(routes, list) and all(isinstance(one, str) for one in routes)
                if isinstance(routes, list) and texts and isinstance(ahead, int):
                    return cls(
                        request_uri, local, remote, call_id, sent_by, token, where, cseq, last,
                        tuple(routes), ahead,
                    )  # fmt: skip
        raise ValueError("not a record of an INVITE of ours")


def _mark(server: Address) -> str:
    """Tells the servers of a trunk apart, always in the same way."""
    text = f"{transport_of(server)} {server[0]} {server[1]}"
    return f"{crc32(text.encode()):08x}"
