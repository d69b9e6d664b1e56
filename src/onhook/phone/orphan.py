"""Ends a call that a process before this one left behind. Pure.

What is known of a call of ours that was not answered is one of its INVITEs. Others may have followed, to
answer challenges; it may have been answered meanwhile, and then its 2xx comes again until somebody
acknowledges it. So every INVITE that there can be is cancelled, and whatever their phones answer is dealt
with as RFC 3261 9.1 and 13.2.2.4 say. Should none of them be known any more, a phone that was heard
to ring gets a BYE: the call was answered, and the ACK was the last thing that process did.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from onhook.phone.cause import SipCause, cause_of_refusal, cause_of_response
from onhook.phone.dialog import DialogRecord, SipDialog
from onhook.phone.digest import Authenticator
from onhook.phone.invite import MAX_FORKS, OutgoingInvite
from onhook.phone.message import Address, Response
from onhook.phone.reason import TEMPORARY_FAILURE
from onhook.phone.reply import HeaderLines
from onhook.phone.requests import OwnRequests
from onhook.phone.transactions import ClientInvite
from onhook.phone.trunk import is_numeric

MAX_SERVERS = 8
"""A trunk that is named may have gone to any of its servers; so many of them are told."""


class OrphanSignalling(Protocol):
    """What this needs of the endpoint."""

    requests: OwnRequests

    def unreached_because(self, peer: Address) -> str:
        """Why what is sent to `peer` cannot arrive; empty if it may."""

    def sent_by(self, peer: Address) -> str:
        """Our host and port as `peer` can reach them."""


class Orphan:
    """One call left behind; `on_done` hears once how it ended."""

    def __init__(
        self,
        record: DialogRecord,
        signalling: OrphanSignalling,
        authenticator: Authenticator | None,
        on_done: Callable[[SipCause], None],
        headers: HeaderLines = (),
    ) -> None:
        self.signalling = signalling
        self._headers = (*headers,)
        self._record = record
        self._authenticator = authenticator
        self._on_done: Callable[[SipCause], None] | None = on_done
        self._open = 0

    def hang_up(self, record: DialogRecord, tried: tuple[int, ...] = ()) -> None:
        """Send BYE; again, if a challenge to it can be answered."""

        def done(final: Response | None) -> None:
            if final and self._authenticator and self._authenticator.take(final, tried):
                following = replace(record, next_cseq=record.next_cseq + 1)
                self.hang_up(following, (*tried, final.status))
            else:
                self.ended(self._cause_of(final, record.destination))

        headers: HeaderLines = (TEMPORARY_FAILURE.header, *self._headers)
        if self._authenticator:
            headers = (*headers, *self._authenticator.headers("BYE", record.request_uri))
        self.signalling.requests.within(record, "BYE", headers, done)

    def _cause_of(self, final: Response | None, destination: Address) -> SipCause:
        """How the BYE was answered: 503 if it was not sent, and why; the call may go on at the phone."""
        why = "" if final is not None else self.signalling.unreached_because(destination)
        return SipCause(503, None, why) if why else cause_of_response(final)

    def withdraw(self, servers: tuple[Address, ...]) -> None:
        """Cancel the INVITE and those that may have followed it, at each of these servers of its trunk."""
        sent = self._record.pending_out
        if sent is None or not servers:
            self.ended(SipCause(503, None, "the host of the trunk is not known"))
            return
        attempts = [
            replace(towards, cseq=number)
            for towards in (self._towards(sent, server) for server in servers[:MAX_SERVERS])
            for number in range(sent.cseq, sent.last + 1)
        ]
        self._open = len(attempts)
        for attempt in attempts:
            _CancelledInvite(self, attempt).begin()

    def _towards(self, sent: OutgoingInvite, server: Address) -> OutgoingInvite:
        """The INVITE as it went to a server. A record that has the name of a trunk was made before it was
        known by which address of ours that is reached, and a CANCEL has to say that too (RFC 3261 17.2.3)."""
        if not is_numeric(sent.destination[0]):
            sent = replace(sent, sent_by=self.signalling.sent_by(server))
        return sent.towards(server)

    def ended(self, cause: SipCause) -> None:
        """Tells whoever waits, once, what ended the call."""
        on_done, self._on_done = self._on_done, None
        if on_done is not None:
            on_done(cause)

    def nothing(self, cause: SipCause) -> None:
        """One INVITE is not there any more."""
        self._open -= 1
        if self._open:
            return
        if ";tag=" in self._record.remote and self._on_done is not None:
            self.hang_up(self._record)
        else:
            self.ended(cause)


class _CancelledInvite:
    """One of the INVITEs that an orphan may have sent, which is cancelled (an InviteUser)."""

    def __init__(self, orphan: Orphan, sent: OutgoingInvite) -> None:
        self._orphan = orphan
        self._sent = sent
        self._told = False
        self._acks: dict[str, Callable[[], None]] = {}
        """By the tag of each phone that answered: sends its ACK once more."""
        self._transaction: ClientInvite | None = None

    def begin(self) -> None:
        requests = self._orphan.signalling.requests
        self._transaction = requests.resume_invite(self._sent, self)
        self._transaction.withdraw()
        requests.cancel(self._sent, (TEMPORARY_FAILURE.header,), self._cancelled)

    def responded(self, response: Response) -> None:
        """A 2xx is acknowledged and hung up."""
        if response.status >= 200:
            self._answered(response)

    def refused(self, response: Response, acknowledge: Callable[[], None]) -> None:
        """Behind a challenge the next INVITE has its own attempt."""
        acknowledge()
        if response.status in (401, 407):
            self._nothing(response.status)
        elif not self._told:
            self._told = True
            self._orphan.ended(cause_of_refusal(response))

    def unanswered(self, reached: bool) -> None:
        """The CANCEL was too late, or nobody is there."""
        why = self._orphan.signalling.unreached_because(self._sent.destination)
        self._nothing(408 if reached and not why else 503, why)

    def _cancelled(self, final: Response | None) -> None:
        if final is None or final.status < 300:
            return  # the INVITE's own end follows, or its time does
        if self._transaction is not None:
            self._transaction.terminate()
        self._nothing(final.status)

    def _nothing(self, status: int, why: str = "") -> None:
        if not self._told:
            self._told = True
            self._orphan.nothing(SipCause(status, None, why))

    def _answered(self, response: Response) -> None:
        tag = response.to_tag
        if tag in self._acks:
            self._acks[tag]()
            return
        if len(self._acks) >= MAX_FORKS:
            return
        try:
            dialog = SipDialog.of_answer(self._sent, response)
        except ValueError:
            dialog = SipDialog.without_routes(self._sent, response)
        record = dialog.record()
        numbered = replace(record, next_cseq=self._sent.cseq)
        self._acks[tag] = self._orphan.signalling.requests.acknowledge(numbered)
        self._told = True
        self._orphan.hang_up(record)
