"""A re-INVITE of ours, from when it leaves until all is said (RFC 3261 14.1)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from onhook import identifiers
from onhook.phone.dialog import DialogRecord
from onhook.phone.invite import OutgoingInvite
from onhook.phone.message import Response
from onhook.phone.reply import HeaderLines
from onhook.phone.transactions import ClientInvite, InviteUser


class Inviting(Protocol):
    """What this needs of our requests."""

    def invite_within(
        self, record: DialogRecord, headers: HeaderLines, body: bytes, user: InviteUser, token: str
    ) -> ClientInvite:
        """Send an INVITE within a dialog until it is answered; its branch is made of the token."""

    def acknowledge(self, record: DialogRecord, headers: HeaderLines = ()) -> Callable[[], None]:
        """Send the ACK of a 2xx; what sends it once more."""


class Reinvite:
    """One re-INVITE (an InviteUser); `on_final` hears once how it was answered, None if not at all.

    Its 2xx is acknowledged as often as it comes, whatever became of the call meanwhile. `where` tells the
    dialog as the 2xx leaves it: the ACK goes to the remote target that it names (RFC 3261 12.2.1.2). One with
    the same `token` and CSeq number is the same, to the peer.
    """

    def __init__(
        self,
        requests: Inviting,
        record: DialogRecord,
        credentials: HeaderLines,
        where: Callable[[Response], DialogRecord],
        on_final: Callable[[Response | None], None],
        token: str = "",
    ) -> None:
        self._requests = requests
        self._record = record
        self._token = token or identifiers.token_hex(8)
        self._credentials = tuple(credentials)
        self._where = where
        self._on_final: Callable[[Response | None], None] | None = on_final
        self._repeat_ack: Callable[[], None] | None = None
        self._transaction: ClientInvite | None = None

    def send(self, headers: HeaderLines, body: bytes) -> None:
        """It leaves; once. Not any more, if the call ends."""
        if self._on_final is not None:
            described = (("Content-Type", "application/sdp"),)
            lines = (*headers, *self._credentials, *described)
            self._transaction = self._requests.invite_within(
                self._record, lines, body, self, self._token
            )

    def kept(self, keys: dict[str, str]) -> dict[str, Any]:
        """What another process needs to go on with it; credentials are a secret."""
        if self._credentials:
            keys["reinvite"] = json.dumps([*self._credentials])
        return {"token": self._token, "cseq": self._record.next_cseq}

    def stop(self) -> None:
        """The call ends: a final response is waited for no longer than that of a CANCEL would be."""
        self._on_final = None
        if self._transaction is not None:
            self._transaction.withdraw()

    def responded(self, response: Response) -> None:
        """A response to it that does not refuse it."""
        if response.status < 200:
            return
        self._acknowledge(response)
        self._tell(response)

    def refused(self, response: Response, acknowledge: Callable[[], None]) -> None:
        """The call goes on as it was agreed before."""
        acknowledge()
        self._tell(response)

    def unanswered(self, reached: bool) -> None:
        """Nobody answered."""
        self._tell(None)

    def _acknowledge(self, response: Response) -> None:
        if self._repeat_ack is not None:
            self._repeat_ack()
            return
        record = replace(self._where(response), next_cseq=self._record.next_cseq)
        self._repeat_ack = self._requests.acknowledge(record, self._credentials)

    def _tell(self, response: Response | None) -> None:
        on_final, self._on_final = self._on_final, None
        if on_final is not None:
            on_final(response)


def invite_within(record: DialogRecord, sent_by: str, token: str) -> OutgoingInvite:
    """What an INVITE within a dialog has in common with its ACK."""
    return OutgoingInvite(
        request_uri=record.request_uri,
        local=record.local,
        remote=record.remote,
        call_id=record.call_id,
        sent_by=sent_by,
        token=token,
        destination=record.destination,
        cseq=record.next_cseq,
        last=record.next_cseq,
        routes=record.routes,
    )
