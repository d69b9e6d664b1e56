"""Whatever happens to a call, at any time and in any order: what must hold all the same."""

from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from call.books import Books
from call.lives import FORWARD, LIMITS, contact, forced, hangup, play
from onhook.call import (
    Accept,
    Acknowledged,
    Call,
    Cancelled,
    Due,
    Effect,
    Event,
    HangupDone,
    HungUp,
    Job,
    MediaLost,
    Notify,
    OutOfCredit,
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
    arrive,
    step,
)

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

URLS = st.sampled_from(
    ["http://app.example/1", "http://app.example/2", "http://app.example/3", None]
)
TAGS = st.sampled_from(["", "t"])
PICK = st.integers(0, 9)
"""Which of several, counted round."""
MOSTLY = st.sampled_from([True, True, True, False])

MOVES: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "ask_to_play": (4, (URLS, TAGS)),
    "ask_to_hang_up": (2, (MOSTLY, URLS, TAGS)),
    "ask_to_hang_up_by_force": (1, (MOSTLY, URLS, TAGS)),
    "report": (8, (PICK, MOSTLY)),
    "report_what_nobody_waits_for": (1, (PICK, st.booleans())),
    "acknowledge": (3, ()),
    "play_to_the_end": (4, ()),
    "tell_an_end_again": (1, (PICK,)),
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
    min_size=20,
    max_size=50,
)


class AnyCall:
    """A call in a world in which everything can happen; time only never runs backwards."""

    def __init__(self) -> None:
        self.now = 0.0
        self.books = Books()
        self.call, effects = arrive("S1", FORWARD.url, LIMITS, self.now)
        assert effects == (Notify(FORWARD, "ringing"),)
        self.reservations: dict[int, tuple[Call, Call]] = {}
        """The call before and after each reservation."""

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

    # The application asks -------------------------------------------------------------------------

    def ask(self, job: Job) -> None:
        before = self.call
        status = self.books.verdict(job)
        self.books.ask(job)
        assert self.happen(Requested(self.now, job)) == (
            (Refuse(job.request_id, status) if status else Reserve(job.request_id)),
        )
        self.reservations[job.request_id] = (before, self.call)

    def ask_to_play(self, url: str | None, tag: str) -> None:
        self.ask(play(len(self.books.jobs), url, tag))

    def ask_to_hang_up(self, speaks: bool, url: str | None, tag: str) -> None:
        self.ask(hangup(len(self.books.jobs), speaks=speaks, url=url, tag=tag))

    def ask_to_hang_up_by_force(self, silent: bool, url: str | None, tag: str) -> None:
        self.ask(forced(len(self.books.jobs), speaks=not silent, url=url, tag=tag))

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
            self.books.reply(request_id, "error_unable_to_resolve_notify_url")
            assert not untouched or self.call == before

    def report_what_nobody_waits_for(self, pick: int, succeeds: bool) -> None:
        request_id = pick % (len(self.books.jobs) + 1)
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
            self.books.acknowledged = True
            self.happen(Acknowledged(self.now))

    def play_to_the_end(self) -> None:
        if self.books.playing is None:
            return
        job = self.books.heard()
        effects = self.happen(Played(self.now, job.request_id))
        goes_on = job.notify_url and not job.hangs_up
        assert effects == ((Notify(contact(job), "ongoing"),) if goes_on else ())

    def tell_an_end_again(self, pick: int) -> None:
        played = self.books.played
        if played:
            self.happen_in_vain(Played(self.now, played[pick % len(played)]))

    def come_to_an_end(self, ending: type[Ending]) -> None:
        """Whatever can end a call, where it makes sense and where it does not."""
        if ending is not Unacknowledged or not self.books.acknowledged:
            self.happen(ending(self.now))

    # Time passes ----------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def fall_due(self) -> None:
        if self.call.due_at is None:
            return
        self.now = max(self.now, self.call.due_at)
        assert self.happen(Due(self.now))
        assert self.books.left

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
        assert books.told == ([books.to_tell] if books.ended and books.to_tell else [])
        if call.state is not State.PREPARING:
            assert call.held_due_at is None
        if books.left or books.ended:
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


@settings(max_examples=250, deadline=None)
@given(LIVES)
def test_any_life_keeps_the_rules(life: list[tuple[Any, ...]]) -> None:
    call = AnyCall()
    for name, *values in life:
        getattr(call, name)(*values)
        call.check()
    call.end()
    call.check_the_end()
