"""A dialog, whoever placed the call (RFC 3261 12), and what has to be kept to end it later. Pure."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from onhook.phone import grammar
from onhook.phone.addresses import (
    Address,
    TcpAddress,
    flow_of,
    listed,
    transport_of,
    unlisted,
    vouched,
)
from onhook.phone.invite import OutgoingInvite
from onhook.phone.kept.reading import Fields
from onhook.phone.message import Request, Response
from onhook.phone.pending import PendingInvite
from onhook.phone.reply import HeaderLines
from onhook.phone.routing import host_of, next_hop, origin_of, request_uri_and_routes

HEADROOM = 10
"""So many requests may a process have sent within a dialog that its record does not tell of: the next one
leaves out as many numbers (`headroom_of`)."""
_COUNTED = 1000
MAX_ROUTES = 20
"""A longer Record-Route is refused: all of it goes into each request of ours."""


@dataclass(frozen=True, slots=True)
class DialogRecord:
    """All that a BYE needs, also in another process, after a restart.

    `local` and `remote` are complete header values, with their tags; `next_cseq` has not been used;
    `routes` and `request_uri` are those of the message, `destination` is numeric. `pending` is the
    INVITE for as long as the caller may still be waiting for its final response; `pending_out` is an
    INVITE of ours for as long as we are waiting for one: until then `remote` has a tag only if the
    phone was heard to ring, and `destination` may be a name.
    """

    call_id: str
    local: str
    remote: str
    next_cseq: int
    request_uri: str
    routes: tuple[str, ...]
    destination: Address
    pending: PendingInvite | None = None
    pending_out: OutgoingInvite | None = None

    @property
    def local_tag(self) -> str:
        """Our tag, with which `local` ends."""
        return self.local.rpartition(";tag=")[2]

    def as_dict(self) -> dict[str, object]:
        """The record as JSON can hold it."""
        return {
            "call_id": self.call_id,
            "local": self.local,
            "remote": self.remote,
            "next_cseq": self.next_cseq,
            "request_uri": self.request_uri,
            "routes": list(self.routes),
            "destination": listed(self.destination),
            "pending": self.pending.as_dict() if self.pending else None,
            "pending_out": self.pending_out.as_dict() if self.pending_out else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "DialogRecord":
        """The reverse of `as_dict`. Raises ValueError for anything else."""
        match data:
            case {
                "call_id": str(call_id),
                "local": str(local),
                "remote": str(remote),
                "next_cseq": int(next_cseq),
                "request_uri": str(request_uri),
                "routes": [*routes],
                "destination": destination,
            }:
                texts = tuple(route for route in routes if isinstance(route, str))
                if len(texts) == len(routes):
                    kept, sent = _pending(data.get("pending")), _sent(data.get("pending_out"))
                    where = unlisted(destination, names=sent is not None)
                    return cls(
                        call_id, local, remote, next_cseq, request_uri, texts, where, kept, sent
                    )
        raise ValueError("not a dialog record")


class _Way(NamedTuple):
    """How a request within a dialog reaches the peer."""

    request_uri: str
    routes: tuple[str, ...]
    destination: Address


def headroom_of(number: int) -> int:
    """How many numbers the process with this number leaves out in dialogs of one before it: those that come
    after one another leave out more and more, as each may have died before it had written any of its own.
    From time to time that begins anew, as numbers end with 2^31 (RFC 3261 8.1.1.5). Pure."""
    return HEADROOM * (1 + number % _COUNTED)


class SipDialog:
    """The state of one dialog; `source` is an address that is known to reach the peer, `origin` the numeric
    one that its phone was heard from by a proxy, or empty.

    `local` and `remote` are From and To as we write them.
    """

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        remote: str,
        remote_tag: str,
        target: str,
        routes: tuple[str, ...],
        source: Address,
        remote_cseq: int,
        next_cseq: int,
        origin: str = "",
    ) -> None:
        self.call_id = call_id
        self.local_tag = local.rpartition(";tag=")[2]
        self.remote_tag = remote_tag
        self.remote_cseq = remote_cseq
        self.routes = routes
        self.target = target
        self._source = source
        self._origin = origin
        self._local = local
        self._remote = remote
        self._next_cseq = next_cseq
        self._way: tuple[str, Address, _Way] | None = None
        self._recorded: DialogRecord | None = None
        self._adopted_at = 0
        self._kept: dict[str, Any] = {}
        self._kept_source: Address | None = None

    @classmethod
    def of_invite(
        cls, invite: Request, local_tag: str, trunk: Address | None = None
    ) -> "SipDialog":
        """Of a call to us, by a trunk that is known by this address. Raises ValueError for an INVITE that
        cannot make one."""
        return cls(
            call_id=invite.call_id,
            local=f"{invite.first('to')};tag={local_tag}",
            remote=invite.first("from"),
            remote_tag=invite.from_tag,
            target=_caller(invite),
            routes=_route_set(invite),
            source=vouched(invite.source, trunk) if trunk else invite.source,
            remote_cseq=invite.cseq,
            next_cseq=1,
            origin=origin_of(invite),
        )

    @classmethod
    def of_answer(cls, sent: OutgoingInvite, response: Response) -> "SipDialog":
        """Of a call of ours, from a response to its INVITE (RFC 3261 12.1.2).

        A Contact that is missing or of no use is replaced by where the INVITE went: a call that was
        answered has to be acknowledged. Raises ValueError for a Record-Route that cannot be read.
        """
        return cls._ours(sent, response, _route_set(response)[::-1])

    @classmethod
    def without_routes(cls, sent: OutgoingInvite, response: Response | None = None) -> "SipDialog":
        """Of a call of ours that nobody answered yet, or in a way that cannot be read."""
        return cls._ours(sent, response, ())

    @classmethod
    def _ours(
        cls, sent: OutgoingInvite, response: Response | None, routes: tuple[str, ...]
    ) -> "SipDialog":
        target = sent.request_uri
        if response is not None:
            with contextlib.suppress(ValueError):
                target = _contact(response)
        return cls(
            call_id=sent.call_id,
            local=sent.local,
            remote=response.first("to") if response else sent.remote,
            remote_tag=response.to_tag if response else "",
            target=target,
            routes=routes,
            source=sent.destination,
            remote_cseq=0,  # unknown until the peer's first request
            next_cseq=sent.cseq + 1 + sent.ahead,
        )

    @classmethod
    def of_kept(cls, fields: Fields, headroom: int) -> "SipDialog":
        """Go on with a dialog of another process, so many numbers later. Raises `KeptUnreadable`."""
        local = fields.text("local")
        dialog = cls(
            call_id=fields.text("call_id"),
            local=local,
            remote=fields.text("remote"),
            remote_tag=fields.text("remote_tag"),
            target=fields.text("target"),
            routes=fields.texts("routes"),
            source=fields.address("source", names=True),
            remote_cseq=fields.number("remote_cseq"),
            next_cseq=fields.number("next_cseq") + headroom,
            origin=fields.text("origin"),
        )
        dialog._adopted_at = dialog.remote_cseq
        return dialog

    def kept(self) -> dict[str, Any]:
        """What another process needs to go on with it; the same object, while there is nothing new in it."""
        kept = self._kept
        if (
            not kept
            or kept["next_cseq"] != self._next_cseq
            or kept["remote_cseq"] != self.remote_cseq
            or kept["target"] is not self.target
            or self._kept_source is not self._source
        ):
            self._kept_source = self._source
            kept = self._kept = {
                "call_id": self.call_id,
                "local": self._local,
                "remote": self._remote,
                "remote_tag": self.remote_tag,
                "target": self.target,
                "routes": [*self.routes],
                "source": listed(self._source),
                "origin": self._origin,
                "remote_cseq": self.remote_cseq,
                "next_cseq": self._next_cseq,
            }
        return kept

    @property
    def source(self) -> Address:
        """Where the peer's last INVITE or UPDATE came from, or ours went."""
        return self._source

    @property
    def signalling_ips(self) -> tuple[str, ...]:
        """The numeric addresses that the peer's signalling names: where its last INVITE or UPDATE came
        from, or ours went; the phone behind the proxy that sent it; and its Contact, which proxies
        rewrite that know about NAT."""
        named = (self._source[0], self._origin, host_of(self.target))
        return tuple(dict.fromkeys(ip for ip in named if ip))

    def is_with(self, peer: TcpAddress) -> bool:
        """Whether its messages come over the connection with this peer, or go over it."""
        ends = (self._source, self._found_way().destination)
        return any(flow_of(end) == flow_of(peer) for end in ends)

    def matches(self, request: Request) -> bool:
        """Whether a request with our Call-ID and our tag also has the peer's tag."""
        return request.from_tag == self.remote_tag

    def in_order(self, request: Request) -> bool:
        """Check the CSeq and remember it (RFC 3261 12.2.2); False means answer 500."""
        if request.cseq < self.remote_cseq:
            return False
        self.remote_cseq = request.cseq
        return True

    def was_served(self, request: Request) -> bool:
        """Whether it is the last one that another process took before this one: whoever sent it has had no
        answer to it, which may have been lost with that process."""
        return request.cseq == self._adopted_at > 0

    def heard_over(self, source: Address) -> None:
        """The peer said something within the dialog. One that had connected to us, and has connected again,
        is reached over its new connection: that it cannot be connected to is why it did (RFC 5626 5.3)."""
        known = self._source
        if (
            isinstance(source, TcpAddress)
            and isinstance(known, TcpAddress)
            and source.local
            and known.local
            and source.host == known.host
            and flow_of(source) != flow_of(known)
            and transport_of(source) == transport_of(known)
        ):
            self._source = vouched(source, known)

    def refresh(self, request: Request) -> None:
        """Take over the remote target of a re-INVITE or UPDATE, and where it came from.

        Raises ValueError when there is a Contact that cannot be read; without one all stays.
        """
        if "contact" in request.headers:
            self.target = _contact(request)
        self._source = vouched(request.source, self._source)
        self._origin = origin_of(request)

    def retarget(self, response: Response) -> None:
        """Take over the remote target of a 2xx to our re-INVITE or UPDATE (RFC 3261 12.2.1.2); a Contact that
        is missing or of no use changes nothing."""
        with contextlib.suppress(ValueError):
            self.target = _contact(response)

    def record(
        self, pending: PendingInvite | None = None, pending_out: OutgoingInvite | None = None
    ) -> DialogRecord:
        """A snapshot from which this dialog can be ended; the same one, while there is nothing new in it."""
        way, last = self._found_way(), self._recorded
        if (
            last is None
            or last.next_cseq != self._next_cseq
            or last.destination is not way.destination
            or last.request_uri is not way.request_uri
            or last.pending is not pending
            or last.pending_out is not pending_out
        ):
            last = self._recorded = DialogRecord(
                call_id=self.call_id,
                local=self._local,
                remote=self._remote,
                next_cseq=self._next_cseq,
                request_uri=way.request_uri,
                routes=way.routes,
                destination=way.destination,
                pending=pending,
                pending_out=pending_out,
            )
        return last

    def _found_way(self) -> _Way:
        """How requests reach the peer; looked for again when its target or its source is another."""
        known = self._way
        if known is None or known[0] is not self.target or known[1] is not self._source:
            uri, routes = request_uri_and_routes(self.target, self.routes)
            way = _Way(uri, routes, next_hop(self.target, self.routes, self._source))
            self._way = known = self.target, self._source, way
        return known[2]

    def follow(self, early: "SipDialog") -> None:
        """Go on where the early dialog with the same peer was: its numbers are those of this one."""
        self._next_cseq = max(self._next_cseq, early._next_cseq)
        self.remote_cseq = max(self.remote_cseq, early.remote_cseq)

    def take_cseq(self) -> None:
        """Mark `next_cseq` of the last record as used."""
        self._next_cseq += 1


def write_request(
    record: DialogRecord,
    method: str,
    *,
    branch: str,
    sent_by: str,
    user_agent: str,
    headers: HeaderLines = (),
    body: bytes = b"",
) -> bytes:
    """A request inside the dialog; `sent_by` is our host and port, `headers` say what a body is."""
    routes = "".join([f"Route: {route}\r\n" for route in record.routes])
    extra = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return (
        f"{method} {record.request_uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport_of(record.destination)} {sent_by};branch={branch};rport\r\n"
        f"Max-Forwards: 70\r\n"
        f"{routes}"
        f"From: {record.local}\r\n"
        f"To: {record.remote}\r\n"
        f"Call-ID: {record.call_id}\r\n"
        f"CSeq: {record.next_cseq} {method}\r\n"
        f"User-Agent: {user_agent}\r\n"
        f"{extra}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode("utf-8", "surrogateescape") + body


def _sent(data: object) -> OutgoingInvite | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise ValueError("not a dialog record")
    return OutgoingInvite.from_dict(data)


def _pending(data: object) -> PendingInvite | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise ValueError("not a dialog record")
    return PendingInvite.from_dict(data)


def _contact(message: Request | Response) -> str:
    """The URI of the Contact, as written (RFC 3261 12.1.1)."""
    if "contact" not in message.headers:
        raise ValueError("Missing Contact Header Field")
    try:
        values = message.values("contact")
        address = grammar.name_addr(values[0]) if len(values) == 1 else None
    except ValueError:
        address = None
    if address is None or not address.uri[:5].lower().startswith(("sip:", "sips:")):
        raise ValueError("Bad Contact Header Field")
    return address.uri.partition("?")[0]


def _caller(invite: Request) -> str:
    """Where requests to the caller go. An agent older than RFC 3261 need not say so: then it is From."""
    if "contact" in invite.headers or invite.from_tag:
        return _contact(invite)
    if not invite.sender.uri.lower().startswith("sip:"):
        raise ValueError("Missing Contact Header Field")
    return invite.sender.uri.partition("?")[0]


def _route_set(message: Request | Response) -> tuple[str, ...]:
    """The Record-Route values in their order, which is that of the callee (RFC 3261 12.1.1)."""
    try:
        routes = tuple(message.values("record-route"))
        addresses = [grammar.name_addr(route) for route in routes]
    except ValueError as error:
        raise ValueError("Bad Record-Route Header Field") from error
    if len(routes) > MAX_ROUTES or any(
        not address.uri[:5].lower().startswith(("sip:", "sips:")) for address in addresses
    ):
        raise ValueError("Bad Record-Route Header Field")
    return routes
