"""An INVITE that waits for its final response, as it is kept for a process after this one. Pure.

A caller whose INVITE was answered with 180 only waits for the final response, however long that takes.
If the process that owes it dies, the next one sends it: all that it needs is what every response
repeats (RFC 3261 8.2.6.2), and the address the INVITE came from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onhook.phone.addresses import Address, listed, unlisted
from onhook.phone.errors import SipMessageError
from onhook.phone.layer import TransactionLayer
from onhook.phone.message import Request, parse
from onhook.phone.reason import with_reason
from onhook.phone.reply import HeaderLines, response
from onhook.phone.timers import Clock, TimerHandle
from onhook.phone.transactions import TxState

_ECHOED = ("from", "to", "call-id", "cseq")
"""Beside Via. What a request has one of, or it is none."""


@dataclass(frozen=True, slots=True)
class PendingInvite:
    """`head` is the INVITE without anything but what a response repeats; `source` is numeric."""

    head: str
    source: Address

    @classmethod
    def of(cls, invite: Request) -> "PendingInvite":
        """What has to be kept of an INVITE."""
        headers = invite.headers
        lines = "".join([f"\r\n{name}: {headers[name][0]}" for name in _ECHOED])
        vias = "".join([f"\r\nvia: {value}" for value in headers["via"]])
        return cls(f"INVITE {invite.uri} SIP/2.0{vias}{lines}", invite.source)

    def as_dict(self) -> dict[str, object]:
        """The record as JSON can hold it."""
        return {"head": self.head, "source": listed(self.source)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "PendingInvite":
        """The reverse of `as_dict`. Raises ValueError for anything else."""
        match data:
            case {"head": str(head), "source": source}:
                return cls(head, unlisted(source))
        raise ValueError("not a record of a pending INVITE")

    def request(self) -> Request:
        """The INVITE again, as far as it was kept. Raises ValueError if it cannot be read."""
        try:
            read = parse(f"{self.head}\r\n\r\n".encode("utf-8", "surrogateescape"), self.source)
        except SipMessageError as error:
            raise ValueError("not a record of a pending INVITE") from error
        if not isinstance(read, Request) or read.method != "INVITE":
            raise ValueError("not a record of a pending INVITE")
        return read


def refuse_pending(
    layer: TransactionLayer,
    clock: Clock,
    pending: PendingInvite,
    *,
    status: int,
    local_tag: str,
    headers: HeaderLines,
    wait_s: float,
    on_told: Callable[[bool], None],
) -> TimerHandle:
    """Send the final response until the ACK; after `wait_s`, `on_told` hears whether one came.

    Without one the response is repeated all the same, for as long as RFC 3261 17.2.1 has it. A
    caller that repeated its INVITE meanwhile has a new call, and is not refused. The timer returned is
    the one of that wait. Raises ValueError if the record cannot be read.
    """
    invite = pending.request()
    if layer.invite_of(invite) is not None:  # repeated to us before we got here: a new call
        return clock.call_later(0, lambda: on_told(True))
    data = response(invite, status, to_tag=local_tag, headers=with_reason(status, headers))
    transaction = layer.serve_invite(invite)
    transaction.respond(status, data)
    return clock.call_later(wait_s, lambda: on_told(transaction.state is not TxState.COMPLETED))
