"""A call to be placed: what the INVITE says that its trunk gets, as the trunk wants it. Pure."""

from dataclasses import dataclass, field

from onhook import numbers
from onhook.phone.addresses import Address, bracketed, over
from onhook.phone.invite import MAX_CHALLENGES, MAX_LENGTHENED, OutgoingInvite
from onhook.phone.reply import ALLOW, SUPPORTED
from onhook.phone.trunk import SIP_PORT, ShownCaller, Trunk, called_user, default_port
from onhook.phone.trunks.checks import HostPort
from onhook.phone.trunks.number_format import written

ANONYMOUS = "anonymous"
NOWHERE = "anonymous.invalid"
"""RFC 3323 4.1.1.3."""
_WITHHOLDING = frozenset(("id", "user"))
"""What of a trunk's `privacy` leaves From to nobody in particular."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A call to be placed, before it is known by which address of ours. ValueError if it cannot be.

    `call_id`, `tag` and `token` are unguessable and of this call alone.
    """

    trunk: Trunk
    called: str
    caller: ShownCaller
    call_id: str
    tag: str
    token: str
    extra: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Headers of the application."""

    def __post_init__(self) -> None:
        called_user(self.called)

    @property
    def destination(self) -> Address:
        """Where the INVITE goes, by number or name: to the trunk, or to its outbound proxy."""
        host, port, transport = self.trunk.next_hop
        files = self.trunk.tls_files
        return over(transport, host, port or default_port(transport), name=host, files=files)

    def sent(self, destination: Address, sent_by: str) -> OutgoingInvite:
        """The INVITE that goes to a destination; `sent_by` is our host and port there."""
        trunk = self.trunk
        callee = f"sip:{called_user(self._number(self.called))}@{_where(trunk.host, trunk.port)}"
        return OutgoingInvite(
            request_uri=callee + _transport(trunk.transport),
            local=f"{self._sender(sent_by)};tag={self.tag}",
            remote=f"<{callee}>",
            call_id=self.call_id,
            sent_by=sent_by,
            token=self.token,
            destination=destination,
            last=1
            + (MAX_CHALLENGES if trunk.username else 0)
            + (MAX_LENGTHENED if trunk.session_timer else 0),
            routes=(
                *((route_of(trunk.next_hop),) if trunk.outbound_proxy else ()),
                *trunk.service_route,
            ),
        )

    def headers(self, sent_by: str, contact: str, user_agent: str) -> tuple[tuple[str, str], ...]:
        """What an INVITE says beyond what identifies it."""
        number = self._number(self.caller.number)
        identity = f"<sip:{number}@{self._domain(sent_by)}>"
        asserted = [(name, identity) for name in self._identities()] if number else []
        privacy = ";".join(self._privacy())
        return (
            ("Contact", contact),
            *asserted,
            *((("Privacy", privacy),) if privacy else ()),
            ("Allow", ALLOW),
            ("Supported", SUPPORTED),
            ("Accept", "application/sdp"),
            ("User-Agent", user_agent),
            *self.trunk.headers,
            *self.extra,
        )

    def _identities(self) -> tuple[str, ...]:
        """The headers that the caller stands in. A trunk whose From names one of its users decides
        itself whom it asserts: it is also told whom we should like (RFC 3325 9.2)."""
        return ("P-Asserted-Identity", *(("P-Preferred-Identity",) if self.trunk.from_user else ()))

    def _privacy(self) -> tuple[str, ...]:
        """What the callee is not to see, by the trunk and by the caller (RFC 3323 4.2, RFC 3325 9.3)."""
        always = () if self.trunk.privacy == "none" else tuple(self.trunk.privacy.split(","))
        return always if "id" in always or not self.caller.private else (*always, "id")

    def _sender(self, sent_by: str) -> str:
        """From. What the trunk is to see there it sees of a caller too who is withheld from the callee: by
        this it knows whose call it is."""
        trunk = self.trunk
        if _WITHHOLDING.intersection(self._privacy()):
            user, host = trunk.from_user or ANONYMOUS, bracketed(trunk.from_domain or NOWHERE)
            return f'"Anonymous" <sip:{user}@{host}>'
        user = trunk.from_user or self._number(self.caller.number)
        host = self._domain(sent_by)
        return f"<sip:{user}@{host}>" if user else f"<sip:{host}>"

    def _domain(self, sent_by: str) -> str:
        """Whose users we are: the trunk's word, or our address without its port."""
        return bracketed(self.trunk.from_domain) or sent_by.rpartition(":")[0]

    def _number(self, number: str) -> str:
        """As the trunk writes numbers; what is none, as it is."""
        return written(number, self.trunk.number_format) if numbers.is_e164(number) else number


def route_of(hop: HostPort) -> str:
    """A loose route (RFC 3261 8.1.2) to an outbound proxy."""
    return f"<sip:{_where(hop.host, hop.port)}{_transport(hop.transport)};lr>"


def _where(host: str, port: int | None) -> str:
    """Host and port of a URI; a port that was not said stays unsaid (RFC 3263 4.2)."""
    return f"{bracketed(host)}:{port}" if port and port != SIP_PORT else bracketed(host)


def _transport(transport: str) -> str:
    return "" if transport == "udp" else f";transport={transport}"
