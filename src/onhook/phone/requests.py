"""Requests of ours, whatever they are about: how each leaves.

What is too large for UDP goes over TCP, and by UDP all the same where there is no TCP (RFC 3261 18.1.1); that
holds for all methods, so it is decided here and nowhere else. A CANCEL and the ACK of a refusal go where
their INVITE went (9.1, 17.1.1.3). Our Contact and what follows in the dialog stay as they were: how one
request gets there says nothing of where we like to be called.
"""

from collections.abc import Callable
from dataclasses import replace

from onhook import identifiers
from onhook.phone.addresses import Address, TcpAddress
from onhook.phone.dialog import DialogRecord, write_request
from onhook.phone.invite import OutgoingInvite
from onhook.phone.layer import TransactionLayer
from onhook.phone.message import MAGIC_COOKIE, Response
from onhook.phone.reinvite import invite_within
from onhook.phone.reply import HeaderLines
from onhook.phone.transactions import ClientInvite, InviteUser, Send, Written

MAX_UDP_BYTES = 1300
"""Larger requests go over TCP (RFC 3261 18.1.1): fragments of datagrams get lost in NATs and firewalls."""
MAX_WITHOUT_TCP = 1000
"""So many peers are remembered to take no TCP; beyond it the one that was found so first is asked again."""

OnFinal = Callable[[Response | None], None]
"""Hears the final response; None if there was none."""
Write = Callable[[Address, str], bytes]
"""The text of a request for where it goes, with our host and port as they are reached from there."""


def _not_awaited(final: Response | None) -> None:
    """Nobody waits for the answer."""


class Ack:
    """The ACK of a 2xx to an INVITE of ours."""

    def __init__(self, send: Callable[[], None], on_repeated: Callable[[], None]) -> None:
        self._send = send
        self._on_repeated = on_repeated
        self._sent = False

    def send(self) -> None:
        """Send it, for the first time."""
        if not self._sent:
            self._sent = True
            self._send()

    def again(self) -> None:
        """The 2xx came again: so does this, unless it has not been sent yet."""
        if self._sent:
            self._on_repeated()
            self._send()


class OwnRequests:
    """`layer` is that of the endpoint once it is started, `sent_by` our host and port as a peer reaches
    them, `send` sends what has no transaction."""

    def __init__(
        self,
        layer: Callable[[], TransactionLayer],
        send: Send,
        sent_by: Callable[[Address], str],
        user_agent: str,
    ) -> None:
        self._layer = layer
        self._send = send
        self._sent_by = sent_by
        self._user_agent = user_agent
        self._without_tcp: dict[Address, None] = {}

    def within(
        self,
        record: DialogRecord,
        method: str,
        headers: HeaderLines,
        on_final: OnFinal = _not_awaited,
        body: bytes = b"",
    ) -> None:
        """Send a request within a dialog until it is answered."""
        branch = MAGIC_COOKIE + identifiers.token_hex(8)
        if not isinstance(record.destination, TcpAddress):
            sent_by = self._sent_by(record.destination)
            data = self._written(record, method, branch, sent_by, headers, body)
            if len(data) <= MAX_UDP_BYTES:
                way = Written(record.destination, sent_by, data)
                self._layer().request(way, branch=branch, method=method, on_final=on_final)
                return
        write = self._writer(record, method, branch, headers, body)
        self.outside(write, record.destination, branch=branch, method=method, on_final=on_final)

    def outside(
        self, write: Write, destination: Address, *, branch: str, method: str, on_final: OnFinal
    ) -> None:
        """Send a request until it is answered."""
        way, otherwise = self._ways(destination, write)
        self._layer().request(
            way, branch=branch, method=method, on_final=on_final, otherwise=otherwise
        )

    def invite(
        self, sent: OutgoingInvite, write: Callable[[OutgoingInvite], bytes], user: InviteUser
    ) -> ClientInvite:
        """Send an INVITE until it is answered; `user` hears every response, `write` gives its text."""
        way, otherwise = self._ways(
            sent.destination, lambda peer, sent_by: write(sent.by_way_of(peer, sent_by))
        )
        return self._layer().invite(sent, way, user, otherwise)

    def invite_within(
        self, record: DialogRecord, headers: HeaderLines, body: bytes, user: InviteUser, token: str
    ) -> ClientInvite:
        """Send an INVITE within a dialog until it is answered; its branch is made of the token."""
        sent = invite_within(record, self._sent_by(record.destination), token)
        write = self._writer(record, "INVITE", sent.branch, headers, body)
        return self.invite(sent, lambda each: write(each.destination, each.sent_by), user)

    def resume_invite(self, sent: OutgoingInvite, user: InviteUser) -> ClientInvite:
        """Take up an INVITE that a process before this one sent."""
        return self._layer().resume_invite(sent, user)

    def cancel(
        self, sent: OutgoingInvite, headers: HeaderLines = (), on_final: OnFinal = _not_awaited
    ) -> None:
        """Send the CANCEL of an INVITE, where that went, until it is answered."""
        way = Written(sent.destination, sent.sent_by, sent.cancel(headers))
        self._layer().request(way, branch=sent.branch, method="CANCEL", on_final=on_final)

    def acknowledge(self, record: DialogRecord, headers: HeaderLines = ()) -> Callable[[], None]:
        """Send the ACK of a 2xx, to which nobody answers. What this returns sends it once more."""
        ack = self.ack_of(record, headers)
        ack.send()
        return ack.again

    def ack_of(self, record: DialogRecord, headers: HeaderLines = ()) -> "Ack":
        """The ACK of a 2xx, which is not sent yet."""
        branch = MAGIC_COOKIE + identifiers.token_hex(8)
        write = self._writer(record, "ACK", branch, headers, b"")

        def send() -> None:
            way, _ = self._ways(record.destination, write)
            self._send(way.data, way.peer)

        return Ack(send, self._count_repeated)

    def _count_repeated(self) -> None:
        self._layer().retransmissions += 1

    def has_no_tcp(self, peer: Address) -> None:
        """No connection could be made to a peer: what is large goes to it by UDP from now on."""
        self._without_tcp.pop(peer, None)
        self._without_tcp[peer] = None
        if len(self._without_tcp) > MAX_WITHOUT_TCP:
            del self._without_tcp[next(iter(self._without_tcp))]

    def _ways(self, destination: Address, write: Write) -> tuple[Written, Written | None]:
        """How a request goes, and then how it goes if there is no connection for that."""
        sent_by = self._sent_by(destination)
        plain = Written(destination, sent_by, write(destination, sent_by))
        if len(plain.data) <= MAX_UDP_BYTES or isinstance(destination, TcpAddress):
            return plain, None
        over_tcp = TcpAddress(*destination)
        if over_tcp in self._without_tcp:
            return plain, None
        sent_by = self._sent_by(over_tcp)
        return Written(over_tcp, sent_by, write(over_tcp, sent_by)), plain

    def _writer(
        self, record: DialogRecord, method: str, branch: str, headers: HeaderLines, body: bytes
    ) -> Write:
        def write(destination: Address, sent_by: str) -> bytes:
            towards = replace(record, destination=destination)
            return self._written(towards, method, branch, sent_by, headers, body)

        return write

    def _written(
        self,
        record: DialogRecord,
        method: str,
        branch: str,
        sent_by: str,
        headers: HeaderLines,
        body: bytes,
    ) -> bytes:
        return write_request(
            record,
            method,
            branch=branch,
            sent_by=sent_by,
            user_agent=self._user_agent,
            headers=headers,
            body=body,
        )
