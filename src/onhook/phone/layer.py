"""The transaction layer: finds the transaction that a message belongs to (RFC 3261 17.1.3, 17.2.3).

No I/O: messages come in by `receive`, bytes go out through the `send` it was made with, and time
is the clock it was given.

How much it holds is bounded. Transactions that somebody waits for are bounded by their owner, who
decides how many calls there may be. Those that only linger, to absorb repetitions for up to 32
seconds, are bounded here: beyond the limit the oldest is forgotten, which costs at most a wrong
answer to a very late repetition. Of what requests within dialogs leave behind, one dialog and one address
have a share (`shares`): who has used it up gets no further request served, but for its BYE.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from onhook.phone.addresses import flow_of
from onhook.phone.invite import OutgoingInvite
from onhook.phone.message import Address, Request, Response, TcpAddress, TransactionKey
from onhook.phone.routing import return_address
from onhook.phone.shares import Shares
from onhook.phone.timer_queues import TimerQueues
from onhook.phone.timers import Clock, SipTimers
from onhook.phone.transactions import (
    ClientEnding,
    ClientInvite,
    ClientNonInvite,
    ClientTransaction,
    InviteUser,
    MergeKey,
    Send,
    ServerInvite,
    ServerNonInvite,
    Transaction,
    TransactionOwner,
    TxEvent,
    TxState,
    Written,
)

_ENDING = frozenset({"BYE", "CANCEL"})
_REFUSED = (TxState.COMPLETED, TxState.CONFIRMED)


def _nobody_asked(response: Response) -> None:
    """What a response means that nobody waits for: nothing."""


class TransactionUser(Protocol):
    """What stands above the layer: takes requests that belong to no transaction."""

    def requested(self, request: Request) -> None:
        """A new request, not an ACK."""

    def acknowledged(self, request: Request) -> None:
        """An ACK that belongs to no failed INVITE: it is for a 2xx, so for a dialog, or stray."""


class TransactionLayer(TransactionOwner):
    """All transactions of an endpoint, by which a message finds its own (RFC 3261 17.1.3, 17.2.3)."""

    def __init__(
        self,
        send: Send,
        user: TransactionUser,
        clock: Clock,
        timers: SipTimers,
        *,
        max_lingering: int,
    ) -> None:
        self._send = send
        self._user = user
        self._clock = TimerQueues(clock)
        self._timers = timers
        self._max_lingering = max_lingering
        self._servers: dict[TransactionKey, ServerInvite | ServerNonInvite] = {}
        self._clients: dict[TransactionKey, ClientNonInvite | ClientInvite] = {}
        self._lingering: OrderedDict[TransactionKey, Transaction] = OrderedDict()
        self._invites: dict[MergeKey, TransactionKey] = {}
        self._shares = Shares(max_lingering // 4)
        self.excessive = 0
        """Requests within dialogs for which there was no room."""
        self.retransmissions = 0
        """Messages that were sent again, for whatever reason."""
        self.on_stray_success: Callable[[Response], None] = _nobody_asked
        """Hears a 2xx to an INVITE of ours that is not known any more, or that another process sent."""

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def receive(self, message: Request | Response) -> None:
        """Give a message to its transaction, or to the user."""
        if isinstance(message, Response):
            client = self._clients.get((message.branch, message.method))
            if client is not None:
                client.receive(message)
            elif message.method == "INVITE" and 200 <= message.status < 300:
                self.on_stray_success(message)
            return
        server = self._servers.get(message.transaction_key)
        if message.method == "ACK":
            # Some old agents give the ACK of a 2xx the branch of its INVITE: that one goes up.
            if server is not None and server.state in _REFUSED:
                server.handle(TxEvent.ACK)
            else:
                self._user.acknowledged(message)
        elif server is not None:
            server.handle(TxEvent.REQUEST)
        else:
            self._user.requested(message)

    def serve_invite(self, request: Request) -> ServerInvite:
        """Open the transaction of a received INVITE; answer through it."""
        self._shares.keep(request)
        return self._server_invite(
            request.transaction_key,
            return_address(request.via, request.source),
            (request.call_id, request.from_tag, request.cseq),
            TxState.PROCEEDING,
        )

    def _server_invite(
        self, key: TransactionKey, peer: Address, merge_key: MergeKey, state: TxState
    ) -> ServerInvite:
        transaction = ServerInvite(
            key,
            peer,
            state=state,
            send=self._send,
            clock=self._clock,
            timers=self._timers,
            owner=self,
        )
        transaction.on_cancel = transaction.on_unacknowledged = transaction.on_unheard = None
        self._servers[key] = transaction
        transaction.local_tag = ""
        transaction.merge_key = merge_key
        self._invites[merge_key] = key
        return transaction

    def resume_accepted(
        self, key: TransactionKey, peer: Address, merge_key: MergeKey
    ) -> ServerInvite:
        """Take up a received INVITE that another process answered with 2xx; nothing is sent yet."""
        return self._server_invite(key, peer, merge_key, TxState.ACCEPTED)

    def answer(self, request: Request, data: bytes) -> None:
        """Answer any other request; if it is repeated, so is the answer."""
        self.serve(request).respond(data)

    def serve(self, request: Request) -> ServerNonInvite:
        """Open the transaction of any other request; answer through it. Till then repetitions are dropped."""
        transaction = ServerNonInvite(
            request.transaction_key,
            return_address(request.via, request.source),
            state=TxState.TRYING,
            send=self._send,
            clock=self._clock,
            timers=self._timers,
            owner=self,
        )
        self._servers[transaction.key] = transaction
        self._shares.keep(request)
        return transaction

    def has_room(self, request: Request) -> bool:
        """Whether a request within a dialog may be served; what is served is kept, against repetitions."""
        room = self._shares.has_room(request)
        self.excessive += not room
        return room

    def request(
        self,
        way: Written,
        *,
        branch: str,
        method: str,
        on_final: Callable[[Response | None], None],
        otherwise: Written | None = None,
    ) -> None:
        """Send a request of ours, not an INVITE, until it is answered; `otherwise` if there is no
        connection."""
        kind = ClientEnding if method in _ENDING else ClientNonInvite
        transaction = kind(
            (branch, method),
            way.peer,
            state=TxState.TRYING,
            send=self._send,
            clock=self._clock,
            timers=self._timers,
            owner=self,
        )
        self._clients[transaction.key] = transaction
        transaction.start(way.data, on_final, otherwise)

    def invite(
        self,
        sent: OutgoingInvite,
        way: Written,
        user: InviteUser,
        otherwise: Written | None = None,
    ) -> ClientInvite:
        """Send an INVITE of ours; `user` hears what comes of it."""
        sent = sent.by_way_of(way.peer, way.sent_by)
        transaction = self._client_invite(sent, TxState.CALLING)
        transaction.start(sent, way.data, user, otherwise)
        return transaction

    def resume_invite(self, sent: OutgoingInvite, user: InviteUser) -> ClientInvite:
        """Take up an INVITE that a process before this one sent, and whose phone rings."""
        transaction = self._client_invite(sent, TxState.PROCEEDING)
        transaction.resume(sent, user)
        return transaction

    def _client_invite(self, sent: OutgoingInvite, state: TxState) -> ClientInvite:
        transaction = ClientInvite(
            (sent.branch, "INVITE"),
            sent.destination,
            state=state,
            send=self._send,
            clock=self._clock,
            timers=self._timers,
            owner=self,
        )
        self._clients[transaction.key] = transaction
        return transaction

    def is_used(self, peer: TcpAddress) -> bool:
        """Whether anybody waits for something over the connection with this peer."""
        flow = flow_of(peer)
        return any(
            flow_of(transaction.peer) == flow and key not in self._lingering
            for key, transaction in (*self._servers.items(), *self._clients.items())
        )

    def disconnected(self, peer: Address, event: TxEvent) -> None:
        """Tell all that wait for an answer over TCP that it is `UNREACHABLE`, or `LOST`."""
        flow = flow_of(peer)
        for client in [*self._clients.values()]:
            if client.over_tcp and flow_of(client.peer) == flow:
                has_another = event is TxEvent.UNREACHABLE and client.otherwise is not None
                client.handle(TxEvent.NO_TCP if has_another else event)

    @property
    def owes(self) -> bool:
        """Whether somebody waits for the first word of ours about a request."""
        return any(each.owes for each in self._servers.values())

    def invite_of(self, cancel: Request) -> ServerInvite | None:
        """The INVITE that a CANCEL is for (RFC 3261 9.2)."""
        found = self._servers.get(cancel.key_of("INVITE"))
        return found if isinstance(found, ServerInvite) else None

    def is_merged(self, request: Request) -> bool:
        """Whether this new INVITE is one we already have that took another path (RFC 8.2.2.2)."""
        key = (request.call_id, request.from_tag, request.cseq)
        return not request.to_tag and key in self._invites

    def close(self) -> None:
        """Forget everything and stop every timer."""
        for transaction in [*self._servers.values(), *self._clients.values()]:
            transaction.terminate()

    def lingers(self, transaction: Transaction) -> None:
        """From a transaction: nobody waits for it any more."""
        self._lingering[transaction.key] = transaction
        if len(self._lingering) > self._max_lingering:
            self._lingering.popitem(last=False)[1].terminate()

    def terminated(self, transaction: Transaction) -> None:
        """From a transaction: it is over."""
        key = transaction.key
        self._lingering.pop(key, None)
        if isinstance(transaction, ClientTransaction):
            self._clients.pop(key, None)
            return
        self._servers.pop(key, None)
        self._shares.forget(key)
        if isinstance(transaction, ServerInvite):
            self._invites.pop(transaction.merge_key, None)

    def repeated(self, transaction: Transaction) -> None:
        """From a transaction: it sends something again."""
        self.retransmissions += 1
