"""Whatever happens to a call, at any time and in any order: what must hold all the same."""

from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from call.books import LOOP, Books
from call.lives import ANSWERED, FORWARD, LIMITS, forced, hangup, play
from onhook import urls
from onhook.call import (
    Accept,
    Acknowledged,
    Call,
    Cancelled,
    Connected,
    Digit,
    Due,
    Effect,
    Event,
    HangupDone,
    HungUp,
    Job,
    Kicked,
    MediaLost,
    MessageBroken,
    Notify,
    OutOfCredit,
    PeerAnswered,
    PeerFailed,
    PeerLeft,
    PeerRang,
    Played,
    PreparationFailed,
    Prepared,
    Refuse,
    Requested,
    Reserve,
    SessionExpired,
    Shutdown,
    State,
    Unacknowledged,
    Unreached,
    Work,
    arrive,
    dial,
    step,
)
from onhook.call.works import (
    Gathering,
    Holding,
    Leaving,
    Meeting,
    Monitoring,
    Recording,
    SendingDigits,
    Transferring,
    Unholding,
)
from onhook.urls import WebUrl

Ending = (
    HungUp
    | Cancelled
    | MediaLost
    | Shutdown
    | SessionExpired
    | OutOfCredit
    | Unacknowledged
    | HangupDone
)
ENDINGS: tuple[type[Ending], ...] = get_args(Ending)

URL = st.sampled_from([urls.parse(f"http://app.example/{number}") for number in (1, 2, 3)])
URLS = URL | st.none()
TAGS = st.sampled_from(["", "t"])
PICK = st.integers(0, 9)
"""Which of several, counted round."""
MOSTLY = st.sampled_from([True, True, True, False])
OUTCOMES = st.sampled_from(["busy", "unanswered", "failed"])
KEYS = st.sampled_from("0123#*")

MOVES: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "ask_to_play": (4, (URLS, TAGS)),
    "ask_to_gather": (3, (URL, st.booleans(), st.integers(0, 3), st.integers(1, 3))),
    "ask_to_send_digits": (2, (URLS, st.booleans())),
    "ask_to_record": (2, (URL, st.booleans(), st.booleans())),
    "ask_to_monitor": (1, (URL, URLS, TAGS, st.booleans())),
    "ask_to_hold": (3, (st.booleans(),)),
    "ask_to_unhold": (4, (URLS, TAGS)),
    "ask_to_transfer": (3, (URLS, st.booleans(), MOSTLY)),
    "ask_to_meet": (1, (URLS, st.booleans())),
    "ask_to_hang_up": (1, (MOSTLY, URLS, TAGS)),
    "ask_to_hang_up_by_force": (1, (MOSTLY, URLS, TAGS)),
    "ask_to_hang_up_by_reference": (1, ()),
    "report": (18, (PICK, MOSTLY)),
    "report_what_nobody_waits_for": (1, (PICK, st.booleans())),
    "acknowledge": (5, ()),
    "connect": (5, ()),
    "refuse_to_answer": (1, (OUTCOMES,)),
    "play_to_the_end": (9, ()),
    "break_off": (1, ()),
    "tell_an_end_again": (1, (PICK,)),
    "press": (6, (KEYS,)),
    "ring_at_the_peer": (1, (st.booleans(),)),
    "answer_as_the_peer": (2, ()),
    "fail_as_the_peer": (1, (OUTCOMES,)),
    "leave_as_the_peer": (1, ()),
    "kick": (1, ()),
    "come_to_an_end": (1, (st.sampled_from(ENDINGS),)),
    "wait": (1, (st.sampled_from([0.1, 3.0, 61.0, 901.0]),)),
    "fall_due": (1, ()),
    "fire_an_old_timer": (1, ()),
}
"""What may happen: how often, and with what; weighted so that many lives grow old."""

LIVES = st.lists(
    st.sampled_from([name for name, (weight, _) in MOVES.items() for _ in range(weight)]).flatmap(
        lambda name: st.tuples(st.just(name), *MOVES[name][1])
    ),
    min_size=30,
    max_size=80,
)

DIALS = st.builds(
    lambda url, tag, speaks, does: Job(0, does[0], url, tag, speaks, work=does[1]),
    URLS,
    TAGS,
    st.booleans(),
    st.sampled_from(
        [
            ("dial", ANSWERED),
            ("call", Transferring(20.0, field="call_status_dest2")),
            ("call", Transferring(20.0, field="call_status_dest2", longest_s=30.0)),
            ("conference", Meeting(field="dial_status")),
        ]
    ),
)
"""How a call of ours begins."""


class AnyCall:
    """A call in a world in which everything can happen; time only never runs backwards."""

    def __init__(self, placed: Job | None = None) -> None:
        self.books = Books(placed)
        if placed is None:
            self.call, effects = arrive("S1", FORWARD.url, LIMITS, 0.0)
            assert effects == (Notify(FORWARD, "ringing"),)
        else:
            self.call, effects = dial("S1", placed, LIMITS, 0.0, ring_s=30.0, max_s=300.0)
            assert effects == ()
        self.reservations: dict[int, tuple[Call, Call]] = {}
        """The call before and after each reservation."""

    @property
    def now(self) -> float:
        return self.books.now

    def happen(self, event: Event) -> tuple[Effect, ...]:
        before = self.call
        self.call, effects = step(before, event)
        for effect in effects:
            self.books.enter(effect)
        self.books.ended = self.call.state is State.ENDED
        if any(isinstance(effect, Refuse) for effect in effects):
            assert self.call == before, "a refused request has no effect on the call"
        return effects

    def happen_in_vain(self, event: Event) -> None:
        before = self.call
        assert self.happen(event) == ()
        assert self.call == before

    def happen_if(self, means_something: bool, event: Event) -> None:
        """The books know whether this event can mean anything to the call."""
        if means_something:
            self.happen(event)
        else:
            self.happen_in_vain(event)

    # The application asks -------------------------------------------------------------------------

    def ask(self, job: Job) -> None:
        before = self.call
        status = self.books.verdict(job)
        self.books.ask(job)
        assert self.happen(Requested(self.now, job)) == (
            (Refuse(job.request_id, status) if status else Reserve(job.request_id)),
        )
        self.reservations[job.request_id] = (before, self.call)

    @property
    def next_id(self) -> int:
        return len(self.books.jobs)

    def ask_for(
        self, work: Work, block: str, url: WebUrl | None, tag: str = "", speaks: bool = False
    ) -> None:
        self.ask(Job(self.next_id, block, url, tag, speaks, work=work))

    def ask_to_play(self, url: WebUrl | None, tag: str) -> None:
        self.ask(play(self.next_id, url, tag))

    def ask_to_gather(self, url: WebUrl, speaks: bool, max_digits: int, attempts: int) -> None:
        self.ask_for(Gathering(max_digits, 10.0, attempts), "gather", url, speaks=speaks)

    def ask_to_send_digits(self, url: WebUrl | None, speaks: bool) -> None:
        self.ask_for(SendingDigits("1,2#"), "send_digits", url, speaks=speaks)

    def ask_to_record(self, url: WebUrl, speaks: bool, beep: bool) -> None:
        name = f"recording {self.next_id}"
        self.ask_for(Recording(name, f"/{name}", 60.0, beep), "record", url, speaks=speaks)

    def ask_to_monitor(self, url: WebUrl, last_url: WebUrl | None, tag: str, speaks: bool) -> None:
        name = f"monitor {self.next_id}"
        self.ask_for(Monitoring(name, f"/{name}", last_url), "monitor", url, tag, speaks)

    def ask_to_hold(self, speaks: bool) -> None:
        self.ask_for(Holding(), "hold", None, speaks=speaks)

    def ask_to_unhold(self, url: WebUrl | None, tag: str) -> None:
        self.ask_for(Unholding(), "unhold", url, tag)

    def ask_to_transfer(self, url: WebUrl | None, speaks: bool, goes_on: bool) -> None:
        self.ask_for(Transferring(20.0, goes_on), "transfer", url, speaks=speaks)

    def ask_to_meet(self, url: WebUrl | None, speaks: bool) -> None:
        self.ask_for(Meeting(), "transfer", url, speaks=speaks)

    def ask_to_hang_up(self, speaks: bool, url: WebUrl | None, tag: str) -> None:
        self.ask(hangup(self.next_id, speaks=speaks, url=url, tag=tag))

    def ask_to_hang_up_by_force(self, silent: bool, url: WebUrl | None, tag: str) -> None:
        self.ask(forced(self.next_id, speaks=not silent, url=url, tag=tag))

    def ask_to_hang_up_by_reference(self) -> None:
        self.ask(Job(self.next_id, "hangup", hangs_up=True, force=True, work=Leaving()))

    # Those who prepare report, in any order, also after the end -----------------------------------

    def report(self, pick: int, succeeds: bool) -> None:
        pending = self.books.in_preparation
        if not pending:
            return
        request_id = pending.pop(pick % len(pending))
        if request_id in self.books.replies:
            self.report_in_vain(request_id, succeeds)
        elif succeeds:
            assert Accept(request_id) in self.happen(Prepared(self.now, request_id))
            job = self.books.jobs[request_id]
            assert self.books.left == (job.hangs_up and not job.speaks), "a message is heard first"
        else:
            before, reserved = self.reservations[request_id]
            untouched = self.call == reserved
            assert self.happen(PreparationFailed(self.now, request_id)) == ()
            self.books.reply(request_id, "error_internal_server_error")
            assert not untouched or self.call == before

    def report_what_nobody_waits_for(self, pick: int, succeeds: bool) -> None:
        request_id = pick % (self.next_id + 1)
        if request_id not in self.books.in_preparation:
            self.report_in_vain(request_id, succeeds)

    def report_in_vain(self, request_id: int, succeeds: bool) -> None:
        report = Prepared if succeeds else PreparationFailed
        self.happen_in_vain(report(self.now, request_id))

    # The phone and the media plane tell -----------------------------------------------------------

    def acknowledge(self) -> None:
        if self.books.acknowledged:
            self.happen_in_vain(Acknowledged(self.now))
        elif self.books.answered:
            if not self.books.gone:
                self.books.acknowledge()
            self.happen(Acknowledged(self.now))

    def connect(self) -> None:
        """The callee of a call of ours answers, perhaps when it is taken back."""
        books = self.books
        if not books.outgoing or books.answered:
            return
        dialling = not books.gone
        if dialling:
            books.connect()
        self.happen_if(dialling, Connected(self.now))

    def refuse_to_answer(self, outcome: str) -> None:
        books = self.books
        if not books.outgoing or books.answered:
            return
        self.books.refused(outcome)
        self.happen_if(not books.ended, Unreached(self.now, outcome, 486))
        assert books.ended

    def play_to_the_end(self) -> None:
        if self.books.sound not in (None, LOOP):
            self.happen(Played(self.now, self.books.heard()))

    def break_off(self) -> None:
        """The message that plays cannot be made to its end; what was heard to its end was made."""
        sound = self.books.sound
        if sound not in (None, LOOP):
            self.happen(MessageBroken(self.now, sound))
            assert self.books.left
        elif self.books.leaving and self.books.said:
            self.happen_in_vain(MessageBroken(self.now, max(self.books.said)))

    def tell_an_end_again(self, pick: int) -> None:
        said = sorted(self.books.said - {self.books.sound})
        if said:
            self.happen_in_vain(Played(self.now, said[pick % len(said)]))

    def press(self, key: str) -> None:
        self.happen_if(self.books.press(key), Digit(self.now, key))

    def ring_at_the_peer(self, audible: bool) -> None:
        self.happen_if(self.books.peer_rings(audible), PeerRang(self.now, audible))

    def answer_as_the_peer(self) -> None:
        self.happen_if(self.books.peer_answers(), PeerAnswered(self.now))

    def fail_as_the_peer(self, outcome: str) -> None:
        self.happen_if(self.books.peer_fails(outcome), PeerFailed(self.now, outcome, 486))

    def leave_as_the_peer(self) -> None:
        self.happen_if(self.books.peer_leaves(), PeerLeft(self.now))

    def kick(self) -> None:
        if self.books.kicked():
            self.happen(Kicked(self.now))

    def come_to_an_end(self, ending: type[Ending]) -> None:
        """Whatever can end a call, where it makes sense and where it does not."""
        if ending is not Unacknowledged or not self.books.acknowledged:
            self.happen(ending(self.now))

    # Time passes ----------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        self.books.now += seconds

    def fall_due(self) -> None:
        if self.call.due_at is None:
            return
        self.books.now = max(self.now, self.call.due_at)
        goes_on = self.books.block is not None and self.books.block.begun
        self.books.time_is_up()
        self.happen(Due(self.now))
        assert goes_on or self.books.left

    def fire_an_old_timer(self) -> None:
        if self.call.due_at is None or self.now < self.call.due_at:
            self.happen_in_vain(Due(self.now))

    def end(self) -> None:
        """However far it came: it ends, and what is still being prepared is reported."""
        self.come_to_an_end(HungUp)
        while self.books.in_preparation:
            self.report(pick=0, succeeds=True)

    # What holds after each of these ---------------------------------------------------------------

    def check(self) -> None:
        """What must hold at any moment."""
        books, call = self.books, self.call
        assert call.answered == books.answered
        assert books.somebody_moves_next(call.due_at), "a call must never be stuck"
        assert books.told == (books.last_told() if books.ended else [])
        assert not books.to_be_told, "a block that is over is told of at once"
        assert books.sound == books.right_sound()
        assert books.gone or books.tapes == books.right_tapes()
        assert books.gone or books.bridged == books.right_bridge()
        if call.state is not State.PREPARING:
            assert call.held_due_at is None
        if books.block is not None and books.block.begun and not books.gone:
            assert call.due_at == books.block.until
        if books.gone:
            assert call.state in (State.CLOSING, State.ENDED)
            assert call.end is not None
            assert call.due_at is None
            assert call.forcing is None
        if books.ended:
            assert call.job is None

    def check_the_end(self) -> None:
        """What must hold when all is over: everybody has an answer, and who had to be told was."""
        self.check()
        assert self.books.ended
        assert self.books.replies.keys() == {job.request_id for job in self.books.jobs}


@settings(max_examples=120, deadline=None)
@given(st.none() | DIALS, LIVES)
def test_any_life_keeps_the_rules(placed: Job | None, life: list[tuple[Any, ...]]) -> None:
    call = AnyCall(placed)
    for name, *values in life:
        getattr(call, name)(*values)
        call.check()
    call.end()
    call.check_the_end()
