"""Takes back a call of ours that a process before this one placed, and that may still ring. Pure.

What is known of it is one of its INVITEs. Others may have followed, to answer challenges; it may have been
answered meanwhile, and then its 2xx comes again until somebody acknowledges it. So every INVITE that
there can be is cancelled, and whatever their phones answer is dealt with as RFC 3261 9.1 and
13.2.2.4 say. Should none of them be known any more, a phone that was heard to ring gets a BYE: the
call was answered, and the ACK was the last thing that process did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from onhook.phone.cause import SipCause, cause_of_refusal, cause_of_response
from onhook.phone.dialog import Dialog, DialogRecord
from onhook.phone.invite import MAX_FORKS, SentInvite
from onhook.phone.message import Address, Response
from onhook.phone.reply import HeaderLines
from onhook.phone.transactions import ClientInvite, InviteUser


class WithdrawingSignalling(Protocol):
    """What this needs of the endpoint."""

    def resume_invite(self, sent: SentInvite, user: InviteUser) -> ClientInvite:
        """Take up an INVITE that was sent before."""

    def send_cancel(
        self,
        sent: SentInvite,
        headers: HeaderLines = (),
        on_final: Callable[[Response | None], None] = ...,
    ) -> None:
        """Send its CANCEL until it is answered."""

    def acknowledge(self, record: DialogRecord, headers: HeaderLines = ()) -> bytes:
        """Send the ACK of a 2xx; what was sent."""

    def repeat(self, data: bytes, destination: Address) -> None:
        """Send an ACK once more."""

    def send_within(
        self,
        record: DialogRecord,
        method: str,
        headers: HeaderLines,
        on_final: Callable[[Response | None], None],
        body: bytes = b"",
    ) -> None:
        """Send a request within a dialog until it is answered."""


def withdraw(
    sent: SentInvite,
    record: DialogRecord,
    signalling: WithdrawingSignalling,
    on_done: Callable[[SipCause], None],
) -> None:
    """Cancel the INVITE and those that may have followed it; `on_done` hears once how that ended."""
    _Withdrawal(record, signalling, on_done).begin(sent)


class _Withdrawal:
    """All INVITEs of one call."""

    def __init__(
        self,
        record: DialogRecord,
        signalling: WithdrawingSignalling,
        on_done: Callable[[SipCause], None],
    ) -> None:
        self.signalling = signalling
        self._record = record
        self._on_done: Callable[[SipCause], None] | None = on_done
        self._open = 0

    def begin(self, sent: SentInvite) -> None:
        attempts = [replace(sent, cseq=number) for number in range(sent.cseq, sent.last + 1)]
        self._open = len(attempts)
        for attempt in attempts:
            _Attempt(self, attempt).begin()

    def ended(self, cause: SipCause) -> None:
        """The call is over."""
        on_done, self._on_done = self._on_done, None
        if on_done is not None:
            on_done(cause)

    def nothing(self, cause: SipCause) -> None:
        """One INVITE is not there any more."""
        self._open -= 1
        if self._open:
            return
        if ";tag=" in self._record.remote and self._on_done is not None:
            self.signalling.send_within(
                self._record, "BYE", (), lambda final: self.ended(cause_of_response(final))
            )
        else:
            self.ended(cause)


class _Attempt:
    """One INVITE (an InviteUser)."""

    def __init__(self, whole: _Withdrawal, sent: SentInvite) -> None:
        self._whole = whole
        self._sent = sent
        self._told = False
        self._acks: dict[str, tuple[bytes, Address]] = {}
        self._transaction: ClientInvite | None = None

    def begin(self) -> None:
        signalling = self._whole.signalling
        self._transaction = signalling.resume_invite(self._sent, self)
        signalling.send_cancel(self._sent, on_final=self._cancelled)

    def responded(self, response: Response) -> None:
        """What its phone says."""
        if 200 <= response.status < 300:
            self._answered(response)
        elif response.status in (401, 407):
            self._nothing(response.status)
        elif response.status >= 300 and not self._told:
            self._told = True
            self._whole.ended(cause_of_refusal(response))

    def unanswered(self, reached: bool) -> None:
        """The CANCEL was too late, or nobody is there."""
        self._nothing(408 if reached else 503)

    def _cancelled(self, final: Response | None) -> None:
        if final is None or final.status < 300:
            return  # the INVITE's own end follows, or its time does
        if self._transaction is not None:
            self._transaction.terminate()
        self._nothing(final.status)

    def _nothing(self, status: int) -> None:
        if not self._told:
            self._told = True
            self._whole.nothing(SipCause(status))

    def _answered(self, response: Response) -> None:
        signalling = self._whole.signalling
        tag = response.to_tag
        if tag in self._acks:
            signalling.repeat(*self._acks[tag])
            return
        if len(self._acks) >= MAX_FORKS:
            return
        try:
            dialog = Dialog.of_answer(self._sent, response)
        except ValueError:
            dialog = Dialog.without_routes(self._sent, response)
        record = dialog.record()
        ack = signalling.acknowledge(replace(record, next_cseq=self._sent.cseq))
        self._acks[tag] = (ack, record.destination)
        self._told = True
        signalling.send_within(
            record, "BYE", (), lambda final: self._whole.ended(cause_of_response(final))
        )
