"""The state machines of RFC 3261 17 and RFC 6026, as tables: (state, event) -> (state, actions).

An event that has no entry for the state a transaction is in does nothing; that is how late
timers, repeated ACKs and stray responses are absorbed.

Server INVITE. Two things are added to RFC 3261: Accepted (RFC 6026 7.1), which keeps the
transaction after a 2xx, so that an INVITE repeated then is not taken for a new call; and the repeating
of the 2xx itself (RFC 3261 13.3.1.4), which belongs to the user agent but runs on the same clock. A
repeated INVITE gets the 2xx again until the ACK came; afterwards it is absorbed in silence.

Client INVITE. It acknowledges what refuses it once its user has it do so, then each repetition; the ACK of a
2xx is for its user, who hears of every 2xx, of its repetitions and of those from other forks, for 64*T1
after the first (RFC 6026 7.2). Once it is proceeding it waits for as long as the phone rings: timer C is its
user's affair. When that one sends CANCEL, `withdraw` starts the wait of RFC 3261 9.1.

The timers of the RFC and what they are here:

    A              REPEAT      doubling from T1 with no bound
    E, G           REPEAT      doubling from T1 up to T2 (F's Proceeding: T2 at once)
    B, F, H, L     GIVE_UP     64*T1 with no answer, or no ACK
    D, I, J, K, M  EXPIRED     the transaction has lingered long enough to absorb repetitions

Over TCP nothing is repeated but a 2xx (RFC 3261 13.3.1.4), and a request whose connection was lost before
anything came back: over a new one. A BYE and a CANCEL are also tried again where there is no connection. The
lingering stays, where RFC 3261 has no wait. A request that goes over TCP because of its size alone goes
`otherwise`, by UDP, when there is no connection (18.1.1).
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import partial
from typing import ClassVar, NamedTuple, Protocol

from onhook.phone.invite import OutgoingInvite
from onhook.phone.message import Address, Request, Response, TcpAddress, TransactionKey
from onhook.phone.timers import Clock, SipTimers, TimerHandle


class TxState(Enum):
    """The states of all four machines of a transaction."""

    __hash__ = object.__hash__  # each is one object, and Enum's own is slow
    CALLING = auto()
    """Our INVITE is out, and nothing came back yet."""
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    """Server: a 2xx was sent and is repeated until the ACK. Client: the first 2xx came."""
    ACKNOWLEDGED = auto()
    """The ACK of the 2xx came; repeated INVITEs are absorbed."""
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class TxEvent(Enum):
    """What can happen to a transaction."""

    __hash__ = object.__hash__  # each is one object, and Enum's own is slow
    REQUEST = auto()
    """Server: the request came again."""
    ACK = auto()
    PROVISIONAL = auto()
    """A 1xx: to be sent by a server, received by a client."""
    SUCCESS = auto()
    """A 2xx of an INVITE: to be sent by a server, received by a client."""
    FINAL = auto()
    """Any final response; for an INVITE 300 to 699."""
    UNREACHABLE = auto()
    """Client: the connection that was to carry it cannot be made."""
    NO_TCP = auto()
    """Client: nor that of one which has another way."""
    LOST = auto()
    """Client: the connection that carried it is gone; it may have arrived or not."""
    REPEAT = auto()
    GIVE_UP = auto()
    EXPIRED = auto()


Action = Callable[["Transaction"], None]
Table = Mapping[tuple[TxState, TxEvent], tuple[TxState, tuple[Action, ...]]]
MergeKey = tuple[str, str, int]
"""Call-ID, From tag and CSeq number."""
Send = Callable[[bytes, Address], None]


class Written(NamedTuple):
    """A request as it is sent: where to, our host and port as its Via says them, and its text."""

    peer: Address
    sent_by: str
    data: bytes


class TransactionOwner:
    """What a transaction layer is told by its transactions; the base does nothing."""

    def lingers(self, transaction: "Transaction") -> None:
        """Nobody waits for this transaction any more; it only absorbs repetitions."""

    def terminated(self, transaction: "Transaction") -> None:
        """Its branch may be used anew: the layer forgets it."""

    def repeated(self, transaction: "Transaction") -> None:
        """A retransmission leaves: the peer or the network lost something."""


class InviteUser(Protocol):
    """Who hears what becomes of an INVITE of ours."""

    def responded(self, response: Response) -> None:
        """A provisional response, or any 2xx as often as it comes."""

    def refused(self, response: Response, acknowledge: Callable[[], None]) -> None:
        """The response that refuses it, which comes again until `acknowledge` has sent its ACK."""

    def unanswered(self, reached: bool) -> None:
        """No final response came, and none will; `reached` is False if there was no connection."""


class Transaction:
    """What the four kinds have in common: a table, the last message, and the timers.

    `peer` is where its messages go.
    """

    __slots__ = ("_clock", "_expiry", "_interval_s", "_message", "_owner", "_repeat", "_send",
                 "_timers", "key", "peer", "state")  # fmt: skip
    table: ClassVar[Table] = {}

    def __init__(
        self,
        key: TransactionKey,
        peer: Address,
        *,
        state: TxState,
        send: Send,
        clock: Clock,
        timers: SipTimers,
        owner: TransactionOwner,
    ) -> None:
        self.key = key
        self.peer = peer
        self.state = state
        self._send = send
        self._clock = clock
        self._timers = timers
        self._owner = owner
        self._message = b""
        self._interval_s = timers.t1_s
        self._repeat: TimerHandle | None = None
        self._expiry: TimerHandle | None = None

    @property
    def over_tcp(self) -> bool:
        """Whether the transport is reliable, so that nothing has to be repeated."""
        return isinstance(self.peer, TcpAddress)

    @property
    def owes(self) -> bool:
        """Server: whether the request got no response yet."""
        return self.state in (TxState.TRYING, TxState.PROCEEDING) and not self._message

    def handle(self, event: TxEvent) -> None:
        """Take the edge for `event`, if the table has one."""
        edge = self.table.get((self.state, event))
        if edge is not None:
            self.state, actions = edge
            for action in actions:
                action(self)

    def terminate(self) -> None:
        """End it at once, without a word to anybody but the owner."""
        self.state = TxState.TERMINATED
        _terminate(self)

    def _start_expiry(self, delay_s: float, event: TxEvent) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = self._clock.call_later(delay_s, self.handle, event)


# The actions. They run after the state has changed, in the order in which the table names them.


def _send(transaction: Transaction) -> None:
    if transaction._message:
        transaction._send(transaction._message, transaction.peer)


def _resend(transaction: Transaction) -> None:
    if transaction._message:
        transaction._owner.repeated(transaction)
        _send(transaction)


def _repeat_later(transaction: Transaction) -> None:
    """Timers E and G: only over UDP."""
    if not transaction.over_tcp:
        _repeat_always(transaction)


def _repeat_doubling(transaction: Transaction) -> None:
    """Timer A: only over UDP, and never less often doubled (RFC 3261 17.1.1.2)."""
    if not transaction.over_tcp:
        interval_s, transaction._interval_s = transaction._interval_s, 2 * transaction._interval_s
        _repeat_after(transaction, interval_s)


def _repeat_always(transaction: Transaction) -> None:
    """Doubling, never above T2: what a 2xx needs over any transport."""
    interval_s = min(transaction._interval_s, transaction._timers.t2_s)
    transaction._interval_s = 2 * interval_s
    _repeat_after(transaction, interval_s)


def _repeat_after(transaction: Transaction, interval_s: float) -> None:
    """Set the one timer for it."""
    _stop_repeating(transaction)
    transaction._repeat = transaction._clock.call_later(
        interval_s, transaction.handle, TxEvent.REPEAT
    )


def _repeat_slowly(transaction: Transaction) -> None:
    """Timer E in Proceeding: T2 (RFC 3261 17.1.2.2)."""
    transaction._interval_s = transaction._timers.t2_s
    _repeat_later(transaction)


def _try_again_later(transaction: Transaction) -> None:
    """T2 over any transport: there was no connection. Who waits already is not put off by others."""
    if transaction._repeat is None:
        _repeat_after(transaction, transaction._timers.t2_s)


def _go_otherwise(transaction: Transaction) -> None:
    if isinstance(transaction, ClientTransaction):
        transaction.go_otherwise()


def _stop_repeating(transaction: Transaction) -> None:
    if transaction._repeat is not None:
        transaction._repeat.cancel()
        transaction._repeat = None


def _wait_for_the_user(transaction: Transaction) -> None:
    """Timer B is over: a phone may ring for as long as the user lets it."""
    if transaction._expiry is not None:
        transaction._expiry.cancel()
        transaction._expiry = None


def _give_up_later(transaction: Transaction) -> None:
    transaction._start_expiry(transaction._timers.give_up_s, TxEvent.GIVE_UP)


def _linger_long(transaction: Transaction) -> None:
    """Timers D, J, L and M: 64*T1."""
    transaction._start_expiry(transaction._timers.give_up_s, TxEvent.EXPIRED)


def _linger_briefly(transaction: Transaction) -> None:
    """Timers I and K: T4, in which repetitions are absorbed."""
    transaction._start_expiry(transaction._timers.t4_s, TxEvent.EXPIRED)


def _release(transaction: Transaction) -> None:
    transaction._owner.lingers(transaction)


def _forget_message(transaction: Transaction) -> None:
    """It will never be sent again; nor does the transaction keep its user alive while it lingers."""
    transaction._message = b""
    if isinstance(transaction, ClientTransaction):
        transaction.otherwise = None
    if isinstance(transaction, ServerInvite):
        transaction.on_cancel = transaction.on_unacknowledged = transaction.on_unheard = None


def _terminate(transaction: Transaction) -> None:
    for timer in (transaction._repeat, transaction._expiry):
        if timer is not None:
            timer.cancel()
    transaction._repeat = transaction._expiry = None
    transaction._owner.terminated(transaction)


def _unacknowledged(transaction: Transaction) -> None:
    if isinstance(transaction, ServerInvite) and transaction.on_unacknowledged is not None:
        transaction.on_unacknowledged()


def _unheard(transaction: Transaction) -> None:
    if isinstance(transaction, ServerInvite) and transaction.on_unheard is not None:
        transaction.on_unheard()


def _answered(transaction: Transaction) -> None:
    if isinstance(transaction, ClientNonInvite):
        transaction.tell(transaction.response)


def _unanswered(transaction: Transaction) -> None:
    if isinstance(transaction, ClientNonInvite):
        transaction.tell(None)
    elif isinstance(transaction, ClientInvite):
        transaction.tell_unanswered(reached=True)


def _unreached(transaction: Transaction) -> None:
    if isinstance(transaction, ClientInvite):
        transaction.tell_unanswered(reached=False)


def _report(transaction: Transaction) -> None:
    if isinstance(transaction, ClientInvite):
        transaction.tell()


def _report_refusal(transaction: Transaction) -> None:
    if isinstance(transaction, ClientInvite):
        transaction.tell_refused()


def _acknowledge_again(transaction: Transaction) -> None:
    if isinstance(transaction, ClientInvite):
        transaction.acknowledge_again()


class ServerInvite(Transaction):
    """A received INVITE (RFC 3261 17.2.1, RFC 6026 7.1).

    `on_unacknowledged` is called when no ACK came for a 2xx within 64*T1, `on_unheard` when none came for any
    other final response; `on_cancel` is for the transaction user, who looks the transaction up when a CANCEL
    arrives, and hands that over. `merge_key` is what an INVITE that came by another path has in common with
    this one (RFC 3261 8.2.2.2). `local_tag` is ours in its responses, empty if nobody has said so.
    """

    __slots__ = ("local_tag", "merge_key", "on_cancel", "on_unacknowledged", "on_unheard")
    table: ClassVar[Table] = {
        (TxState.PROCEEDING, TxEvent.REQUEST): (TxState.PROCEEDING, (_resend,)),
        (TxState.PROCEEDING, TxEvent.PROVISIONAL): (TxState.PROCEEDING, (_send,)),
        (TxState.PROCEEDING, TxEvent.SUCCESS): (
            TxState.ACCEPTED, (_send, _repeat_always, _give_up_later)),
        (TxState.PROCEEDING, TxEvent.FINAL): (
            TxState.COMPLETED, (_send, _repeat_later, _give_up_later, _release)),
        (TxState.ACCEPTED, TxEvent.REQUEST): (TxState.ACCEPTED, (_resend,)),
        (TxState.ACCEPTED, TxEvent.REPEAT): (TxState.ACCEPTED, (_resend, _repeat_always)),
        (TxState.ACCEPTED, TxEvent.ACK): (
            TxState.ACKNOWLEDGED, (_stop_repeating, _forget_message, _linger_long, _release)),
        (TxState.ACCEPTED, TxEvent.GIVE_UP): (TxState.TERMINATED, (_terminate, _unacknowledged)),
        (TxState.ACKNOWLEDGED, TxEvent.EXPIRED): (TxState.TERMINATED, (_terminate,)),
        (TxState.COMPLETED, TxEvent.REQUEST): (TxState.COMPLETED, (_resend,)),
        (TxState.COMPLETED, TxEvent.REPEAT): (TxState.COMPLETED, (_resend, _repeat_later)),
        (TxState.COMPLETED, TxEvent.ACK): (
            TxState.CONFIRMED, (_stop_repeating, _forget_message, _linger_briefly)),
        (TxState.COMPLETED, TxEvent.GIVE_UP): (TxState.TERMINATED, (_terminate, _unheard)),
        (TxState.CONFIRMED, TxEvent.EXPIRED): (TxState.TERMINATED, (_terminate,)),
    }  # fmt: skip

    local_tag: str
    merge_key: MergeKey
    on_cancel: Callable[[Request, Callable[[], None]], None] | None
    on_unacknowledged: Callable[[], None] | None
    on_unheard: Callable[[], None] | None

    def go_on(self, data: bytes, left_s: float) -> None:
        """Repeat the 2xx of another process, for as long as that one would have."""
        self._message = data
        _resend(self)
        _repeat_always(self)
        self._start_expiry(left_s, TxEvent.GIVE_UP)

    def respond(self, status: int, data: bytes) -> None:
        """Send a response; it is what a repeated INVITE gets from now on."""
        if self.state is not TxState.PROCEEDING:
            return
        self._message = data
        if status < 200:
            self.handle(TxEvent.PROVISIONAL)
        else:
            self.handle(TxEvent.SUCCESS if status < 300 else TxEvent.FINAL)


class ServerNonInvite(Transaction):
    """Any other received request (RFC 3261 17.2.2). We answer at once, so it has no Proceeding."""

    __slots__ = ()
    table: ClassVar[Table] = {
        (TxState.TRYING, TxEvent.FINAL): (
            TxState.COMPLETED,
            (_send, _linger_long, _release),
        ),
        (TxState.COMPLETED, TxEvent.REQUEST): (
            TxState.COMPLETED,
            (_resend,),
        ),
        (TxState.COMPLETED, TxEvent.EXPIRED): (
            TxState.TERMINATED,
            (_terminate,),
        ),
    }

    def respond(self, data: bytes) -> None:
        """Send the final response."""
        if self.state is TxState.TRYING:
            self._message = data
            self.handle(TxEvent.FINAL)


class ClientTransaction(Transaction):
    """A request of ours, and how it goes if there is no connection for it."""

    __slots__ = ("otherwise",)

    otherwise: Written | None

    def go_otherwise(self) -> None:
        """Send it the other way: from the beginning, as nothing has arrived."""
        way, self.otherwise = self.otherwise, None
        if way is not None:
            self.peer, self._message = way.peer, way.data
            self._interval_s = self._timers.t1_s
            self._turn_to(way)
            _send(self)

    def _turn_to(self, way: Written) -> None:
        """What else is sent for this transaction goes that way too."""


class ClientNonInvite(ClientTransaction):
    """A request of ours, such as BYE or OPTIONS (RFC 3261 17.1.2).

    `on_final` gets the final response, or None when none came within 64*T1.
    """

    __slots__ = ("_on_final", "response")
    table: ClassVar[Table] = {
        (TxState.TRYING, TxEvent.PROVISIONAL): (
            TxState.PROCEEDING, (_stop_repeating, _repeat_slowly)),
        (TxState.TRYING, TxEvent.REPEAT): (TxState.TRYING, (_resend, _repeat_later)),
        (TxState.PROCEEDING, TxEvent.REPEAT): (TxState.PROCEEDING, (_resend, _repeat_slowly)),
        (TxState.TRYING, TxEvent.FINAL): (
            TxState.COMPLETED, (_stop_repeating, _forget_message, _linger_briefly, _release,
                              _answered)),
        (TxState.PROCEEDING, TxEvent.FINAL): (
            TxState.COMPLETED, (_stop_repeating, _forget_message, _linger_briefly, _release,
                              _answered)),
        (TxState.TRYING, TxEvent.GIVE_UP): (TxState.TERMINATED, (_terminate, _unanswered)),
        (TxState.PROCEEDING, TxEvent.GIVE_UP): (TxState.TERMINATED, (_terminate, _unanswered)),
        (TxState.TRYING, TxEvent.UNREACHABLE): (TxState.TERMINATED, (_terminate, _unanswered)),
        (TxState.PROCEEDING, TxEvent.UNREACHABLE): (TxState.TERMINATED, (_terminate, _unanswered)),
        (TxState.TRYING, TxEvent.NO_TCP): (
            TxState.TRYING, (_go_otherwise, _repeat_later, _give_up_later)),
        (TxState.PROCEEDING, TxEvent.NO_TCP): (
            TxState.TRYING, (_go_otherwise, _repeat_later, _give_up_later)),
        (TxState.TRYING, TxEvent.LOST): (TxState.TRYING, (_resend,)),
        (TxState.PROCEEDING, TxEvent.LOST): (TxState.PROCEEDING, (_resend,)),
        (TxState.COMPLETED, TxEvent.EXPIRED): (TxState.TERMINATED, (_terminate,)),
    }  # fmt: skip

    response: Response | None
    _on_final: Callable[[Response | None], None] | None

    def start(
        self,
        data: bytes,
        on_final: Callable[[Response | None], None],
        otherwise: Written | None = None,
    ) -> None:
        """Send the request and start its timers."""
        self._message, self.otherwise = data, otherwise
        self._on_final = on_final
        self.response = None
        _repeat_later(self)
        _give_up_later(self)
        _send(self)  # last: there may be no connection, which is said at once

    def receive(self, response: Response) -> None:
        """Take a response that belongs to this transaction."""
        self.response = response
        self.handle(TxEvent.PROVISIONAL if response.status < 200 else TxEvent.FINAL)

    def tell(self, response: Response | None) -> None:
        """Report the end, once."""
        on_final, self._on_final, self.response = self._on_final, None, None
        if on_final is not None:
            on_final(response)


class ClientEnding(ClientNonInvite):
    """A BYE or a CANCEL of ours. Should it not arrive, what it ends goes on at the peer, whose connection
    may only have to be made anew: another is tried every T2 while there is time."""

    __slots__ = ()
    table: ClassVar[Table] = {
        **ClientNonInvite.table,
        (TxState.TRYING, TxEvent.REPEAT): (
            TxState.TRYING,
            (_stop_repeating, _resend, _repeat_later),
        ),
        (TxState.TRYING, TxEvent.UNREACHABLE): (TxState.TRYING, (_try_again_later,)),
        (TxState.PROCEEDING, TxEvent.UNREACHABLE): (TxState.TRYING, (_try_again_later,)),
    }


class ClientInvite(ClientTransaction):
    """An INVITE of ours (RFC 3261 17.1.1, RFC 6026 7.2). `sent` is the INVITE as it went."""

    __slots__ = ("_acknowledged", "_response", "_user", "sent")
    table: ClassVar[Table] = {
        (TxState.CALLING, TxEvent.REPEAT): (TxState.CALLING, (_resend, _repeat_doubling)),
        (TxState.CALLING, TxEvent.PROVISIONAL): (
            TxState.PROCEEDING, (_stop_repeating, _wait_for_the_user, _forget_message, _report)),
        (TxState.CALLING, TxEvent.SUCCESS): (
            TxState.ACCEPTED, (_stop_repeating, _forget_message, _linger_long, _release, _report)),
        (TxState.CALLING, TxEvent.FINAL): (
            TxState.COMPLETED, (_stop_repeating, _forget_message, _linger_long, _release,
                              _report_refusal)),
        (TxState.CALLING, TxEvent.GIVE_UP): (TxState.TERMINATED, (_terminate, _unanswered)),
        (TxState.CALLING, TxEvent.UNREACHABLE): (TxState.TERMINATED, (_terminate, _unreached)),
        (TxState.CALLING, TxEvent.NO_TCP): (
            TxState.CALLING, (_go_otherwise, _repeat_doubling, _give_up_later)),
        (TxState.CALLING, TxEvent.LOST): (TxState.CALLING, (_resend,)),
        (TxState.PROCEEDING, TxEvent.PROVISIONAL): (TxState.PROCEEDING, (_report,)),
        (TxState.PROCEEDING, TxEvent.SUCCESS): (
            TxState.ACCEPTED, (_linger_long, _release, _report)),
        (TxState.PROCEEDING, TxEvent.FINAL): (
            TxState.COMPLETED, (_linger_long, _release, _report_refusal)),
        (TxState.PROCEEDING, TxEvent.GIVE_UP): (TxState.TERMINATED, (_terminate, _unanswered)),
        (TxState.PROCEEDING, TxEvent.UNREACHABLE): (TxState.TERMINATED, (_terminate, _unreached)),
        (TxState.PROCEEDING, TxEvent.LOST): (TxState.TERMINATED, (_terminate, _unreached)),
        (TxState.ACCEPTED, TxEvent.SUCCESS): (TxState.ACCEPTED, (_report,)),
        (TxState.ACCEPTED, TxEvent.EXPIRED): (TxState.TERMINATED, (_terminate,)),
        (TxState.COMPLETED, TxEvent.FINAL): (TxState.COMPLETED, (_acknowledge_again,)),
        (TxState.COMPLETED, TxEvent.EXPIRED): (TxState.TERMINATED, (_terminate,)),
    }  # fmt: skip

    sent: OutgoingInvite
    _user: InviteUser | None
    _response: Response | None

    def start(
        self,
        sent: OutgoingInvite,
        data: bytes,
        user: InviteUser,
        otherwise: Written | None = None,
    ) -> None:
        """Send the INVITE and start its timers."""
        self.resume(sent, user)
        self._message, self.otherwise = data, otherwise
        _repeat_doubling(self)
        _give_up_later(self)
        _send(self)  # last: there may be no connection, which is said at once

    def resume(self, sent: OutgoingInvite, user: InviteUser) -> None:
        """Take up an INVITE that was sent before, without sending it."""
        self.sent, self._user, self._response = sent, user, None
        self._acknowledged = False
        self.otherwise = None

    def withdraw(self) -> None:
        """A CANCEL is out: wait for the final response no longer than 64*T1 (RFC 3261 9.1)."""
        if self.state is TxState.PROCEEDING:
            _give_up_later(self)

    def receive(self, response: Response) -> None:
        """Take a response with our branch; one that answers another request is dropped."""
        if not self.sent.is_answered_by(response):
            return
        self._response = response
        if response.status < 200:
            self.handle(TxEvent.PROVISIONAL)
        else:
            self.handle(TxEvent.SUCCESS if response.status < 300 else TxEvent.FINAL)
        self._response = None

    def tell(self) -> None:
        """Report the response at hand."""
        if self._user is not None and self._response is not None:
            self._user.responded(self._response)

    def tell_refused(self) -> None:
        """Report the refusal at hand; the user is let go, and says when it is acknowledged."""
        user, self._user, response = self._user, None, self._response
        if user is not None and response is not None:
            user.refused(response, partial(self._acknowledge, response))

    def tell_unanswered(self, *, reached: bool) -> None:
        """Report that there is no final response."""
        user, self._user = self._user, None
        if user is not None:
            user.unanswered(reached)

    def acknowledge_again(self) -> None:
        """The refusal came once more; nothing leaves before its user has it acknowledged."""
        if self._acknowledged and self._response is not None:
            self._acknowledge(self._response)

    def _acknowledge(self, refusal: Response) -> None:
        """Send its ACK (RFC 3261 17.1.1.3)."""
        self._acknowledged = True
        self._send(self.sent.ack(refusal.first("to")), self.peer)

    def _turn_to(self, way: Written) -> None:
        self.sent = self.sent.by_way_of(way.peer, way.sent_by)
