"""A call that is going on: it turns what happens into events, and has the effects performed.

One object a call, on the event loop, without a task of its own: the phone, the media plane, requests
and timers call in; every change goes through :func:`onhook.call.step`. What changed is written in one
transaction with the notifications it caused, and only then do those leave and requests get their reply
(:mod:`onhook.calls.call_book`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import structlog

from onhook import at_hand
from onhook import call as machine
from onhook.call import Call, Effect, Event, State
from onhook.calls import clock, dialogs
from onhook.calls.call_book import CallBook
from onhook.calls.call_requests import CallRequests
from onhook.calls.call_timers import CallTimers
from onhook.calls.credit import Meter
from onhook.calls.first_leg import FirstLeg
from onhook.calls.going_on import KeptCall
from onhook.calls.keeping import Keeping
from onhook.calls.keypad import Keypad
from onhook.calls.media_listener import MediaListener
from onhook.calls.peer_listener import PeerListener
from onhook.calls.pending_request import PendingRequest
from onhook.calls.performer import PERFORM, Performer
from onhook.calls.phone_listener import PhoneListener
from onhook.calls.poisonous import KINDS
from onhook.calls.presence import Presence
from onhook.calls.services import CallServices
from onhook.calls.taken_over import LeftBehind, Takeover
from onhook.media.errors import NotRunning
from onhook.store import NO_DIALOGS, CallRecord, StoredDialogs

log = structlog.get_logger()

_QUIET: Final = frozenset(
    {
        machine.Requested,
        machine.PreparationFailed,
        machine.Played,
        machine.MessageBroken,
        machine.Digit,
        machine.Due,
        machine.Kicked,
    }
)
"""What happens in the middle of a call, and is said by no phone but in audio."""

_SIGNALLED: Final = frozenset(
    {machine.Answer, machine.Reject, machine.HangUp, machine.Reach, machine.DropPeer}
)
"""Effects that phones are told of."""

RETRY_LATER = (("Retry-After", "10"),)
"""Beside the 503 of a call that could not be taken now."""


class LiveCall:
    """The owner of one call: its state, its timers, and what is written of it (OngoingCall)."""

    def __init__(
        self,
        record: CallRecord,
        call: Call,
        leg: FirstLeg,
        services: CallServices,
        meter: Meter,
    ) -> None:
        self.now = call
        self.held = ExitStack()
        """Gives back what it has of others, once it is over."""
        self._session = record.session
        self._number = at_hand.number(record.session)
        self._leg = leg
        self._meter = meter
        self._services = services
        self._happened = services.happened
        self._loop = loop = asyncio.get_running_loop()
        self._book = book = CallBook(
            record, self, services.journal, services.metrics, services.deliver
        )
        self._timers = CallTimers(self.feed)
        self._presence = Presence()
        self._keypad = keypad = Keypad(
            lambda digit: self.feed(machine.Digit(clock.now_s(), digit)),
            lambda digit: self._performer.pass_on(digit),
        )
        self._audio = MediaListener(self, leg, keypad, self._presence, services)
        self._media = media = self._audio.media
        self.requests = CallRequests(self, services, meter, media.reserve)
        self._performer = Performer(
            self,
            leg,
            media,
            self.requests,
            services,
            hear=lambda resources: PeerListener(self, resources, book, meter),
            soon=loop.call_soon,
        )
        self._phone = PhoneListener(
            self, leg, media, keypad, self._presence, self._audio.one_way.answered
        )
        self._dialog_changed = True
        self._keeping = Keeping(leg, media, self._performer, self.requests, keypad, services)
        self._closed = self._released = False

    @property
    def srtp(self) -> str:
        """The suite by which the audio of its first phone is encrypted; empty in the clear."""
        return self._media.srtp

    @property
    def logged(self) -> Mapping[str, object]:
        """What the log says of its first leg."""
        return self._leg.logged

    @property
    def record(self) -> CallRecord:
        """The record of the call as it is now."""
        return self._book.record

    @property
    def hung_up_by_application(self) -> bool:
        """Whether the call is over, or on its way out, because the application hung it up."""
        end = self.now.end
        return end is not None and end.by is machine.EndedBy.APPLICATION

    def reserve_port(self, held: ExitStack) -> None:
        """Gets a port for the audio, which ``held`` gives back. Raises RuntimeError if there is none left."""
        self._media.reserve()
        held.callback(self._media.close)

    def begin(
        self, effects: Sequence[Effect], held: ExitStack, placed: PendingRequest | None = None
    ) -> None:
        """Performs the effects of the call's beginning; it rings as soon as that is on disk.

        Until then the caller hears nothing, and repeats its INVITE: should this process die, then to
        the next one, for which it is a new call. So no caller waits on a call that is forgotten.
        A call that we place has the request for it: ``placed`` is answered once it is on disk. What is
        ``held`` for the call is given back when it is over.
        """
        self._attach(held)
        if placed is not None:
            self.requests.place(placed)
        self._go_on(effects, accepted=(placed,) if placed else ())

    def take_over(self, kept: KeptCall, left: LeftBehind, held: ExitStack) -> None:
        """Goes on with a call of an earlier process, which is how its record says, and of which that ``left``
        something. It hears nothing before the media plane and the phone are let tell.

        Raises ValueError if its phone cannot be gone on with; whatever is raised, nothing of it is left here.
        What its audio fails of ends it.
        """
        try:
            self._attach(held)
            self._book.take_over()
            self._audio.heard_until = self._keeping.heard_until = kept.event
            self._keypad.resume(kept.keys)
            self.requests.take_over(self.now.job, kept.last_request, left.resources)
            self._timers.follow(self.now)
            self._meter.resume(self.now, self, left.resources.rate)
            parts = Takeover(
                self, self._leg, self._media, self._performer, self.requests, self._services
            )
            self.guarded(partial(parts.go_on, kept, left))
            self._audio.resume()
            self.save_dialog()  # the numbers of its dialogs go on from here, should this process die as well
            self.recorded()
        except BaseException:
            self._leave(abandoned=True)
            raise

    def turn_away(self, held: ExitStack) -> None:
        """Rejects the call, which its account cannot pay for; the application is told of its end only."""
        self._attach(held)
        self.out_of_credit(clock.now_s())

    def _attach(self, held: ExitStack) -> None:
        self._leg.attach(self._phone, self._media, self._presence.signalled)
        self.held = held.pop_all()

    def out_of_credit(self, at_s: float) -> None:
        """The account's credit covers the call until ``at_s`` (credit.MeterListener)."""
        self.feed(machine.OutOfCredit(at_s))

    # The state machine --------------------------------------------------------------------------

    def feed(self, event: Event) -> None:
        """Something happened. Should this process die of it, it is known whose event it was."""
        at_hand_before = at_hand.begins(self._number + KINDS[type(event)])
        try:
            if self._happened is not None:
                self._happened(self._session, event)
            before = self.now
            self.now, effects = machine.step(before, event)
            if self.now is not before or effects:
                self._go_on(effects, quiet=type(event) in _QUIET)
        finally:
            at_hand.ends(at_hand_before)

    def _go_on(
        self,
        effects: Sequence[Effect],
        accepted: Sequence[PendingRequest] = (),
        *,
        quiet: bool = False,
    ) -> None:
        """Performs the effects, sets the timers, and writes what changed with what it caused. ``quiet`` is
        what phones had no part in."""
        taken = list(accepted)
        told: list[machine.Notify] = []
        for effect in effects:
            match effect:
                case machine.Accept(request_id):
                    taken.append(self.requests.of(request_id))
                case machine.Notify():
                    told.append(effect)
                case _:
                    self.guarded(partial(PERFORM[type(effect)], self._performer, effect))
        if taken:
            self.requests.measure(taken)
        self._timers.follow(self.now)
        self._meter.follow(self.now, self)
        if self.now.state in (State.CLOSING, State.ENDED):
            self._leave()
        launch, self._performer.launch = self._performer.launch, None
        legs = not quiet or self._dialog_changed or not _SIGNALLED.isdisjoint(map(type, effects))
        going_on = self._keeping.now(self.now, legs=legs)
        self._book.write(self.now, taken, told, self._dialog(), launch, going_on)
        self.requests.drop_answered()

    def guarded(self, work: Callable[[], None]) -> None:
        """Does what the machine takes for done. If it cannot be, the call ends: nothing else of it
        would ever happen, no message would be through and no hangup."""
        try:
            work()
        except NotRunning:  # the plane is being started again: whoever calls may try again soon
            log.warning(
                "call_without_audio", session=self.record.session, state=self.now.state.value
            )
            self._loop.call_soon(self._break_off, 503, RETRY_LATER)
        except Exception:  # whatever it is, it is logged and ends the call
            log.exception("call_broken", session=self.record.session, state=self.now.state.value)
            self._loop.call_soon(self._break_off, 500, ())

    def _break_off(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The caller of an unanswered call gets its rejection, a callee its CANCEL."""
        if self._released:
            return
        rejected = self._leg.reject(status, headers)
        at_s = clock.now_s()
        if self.now.outgoing and not self.now.answered:
            self.feed(machine.Shutdown(at_s))
        else:
            self.feed(machine.MediaLost(at_s, crashed=status == 503))
        if rejected:
            self.feed(machine.HangupDone(at_s))

    def lose_media(self) -> None:
        """The process that had its audio is gone, and no other has it: it ends, as after a crash."""
        if self._media.stream is None or self._media.stream.is_open:
            return
        at_s = clock.now_s()
        if self.now.answered:
            self.feed(machine.MediaLost(at_s, crashed=True))
        else:
            self.feed(machine.Shutdown(at_s))

    def _leave(self, *, abandoned: bool = False) -> None:
        """The call is on its way out: nothing is heard, watched or held any more. If it is abandoned, it is
        settled without this process, and nothing of it is said or written here either."""
        if abandoned:
            self._book.abandon()
            self._timers.stop()
            self._keypad.stop()
            self._leg.hangup(None)
            self.held.close()
            if self._performer.peer is not None:
                self._performer.peer.drop(None)
        self._audio.stop()
        self._timers.leave()
        self._performer.drop_peer()
        self.requests.release()
        self._media.close()
        self._book.note_media(self._media.figures, self._media.carried)

    # What is written (BookOwner) ----------------------------------------------------------------

    def dialog_changed(self) -> None:
        """What it takes to end the call at its phones is another now; it is written with what is next."""
        self._dialog_changed = True

    def save_dialog(self, then: Callable[[], None] | None = None) -> None:
        """The same, and it is written at once; ``then`` is called when it is on disk."""
        if self._released:
            _soon(self._loop, then)
            return
        self._dialog_changed = True
        self._book.write(
            self.now, (), (), self._dialog(), then, self._keeping.now(self.now, legs=True)
        )
        self._release_if_through()

    def note_audio(self, then: Callable[[], None] | None = None) -> None:
        """Something else plays or is recorded than before, or a leg has something else to keep; it is written
        soon, and ``then`` is called when it is on disk."""
        if self._released:
            _soon(self._loop, then)
            return
        going_on = self._keeping.now(self.now, legs=then is not None or self._dialog_changed)
        self._book.write(self.now, (), (), self._dialog(), then, going_on)

    def _dialog(self) -> StoredDialogs | None:
        """What it takes to end the call at the phones after a restart; None if nothing changed.

        Of a call that is over this can be its peer, the BYE or CANCEL to it being still under way, and a
        caller who gave up and is to be told so when that is on disk.
        """
        over = self.now.state is State.ENDED
        if not self._dialog_changed and not over:
            return None
        self._dialog_changed = False
        peer = self._performer.peer
        first = self._leg.dialog() if not over or self._leg.owes_refusal else None
        second = peer.dialog() if peer is not None else None
        left = [one for one in (first, second) if one is not None]
        return NO_DIALOGS if over and not left else dialogs.kept(left)

    def recorded(self) -> None:
        """Its beginning is on disk: now it rings, here or at the callee's."""
        if self.now.state in (State.DIALLING, State.RINGING):
            self.guarded(self._leg.alert)

    def closed_book(self) -> None:
        """Its end is on disk."""
        self.held.close()
        self._closed = True
        self._release_if_through()

    def _release_if_through(self) -> None:
        """A call that is over, and so are its phones, lets go of its parts, which refer to it: it is freed at
        once, and not when garbage is collected. What still happens to it means nothing."""
        peer = self._performer.peer
        if not self._closed or self._book.record.dialog.left:
            return  # of a peer that has let go, that has still to be written
        self._released = True
        if peer is not None:
            peer.release()
        self._leg.release()
        self._keypad.stop()
        self._audio.release()
        self._book.release()
        del self._leg, self._timers, self._keypad, self._audio, self._media, self.requests
        del self._performer, self._phone, self._keeping, self._meter

    def unrecorded(self) -> None:
        """Nothing can be written, and nobody was told of the call: it is as if it never came."""
        self._leave()
        self._timers.stop()
        self.held.close()
        if not self._leg.reject(503, RETRY_LATER):
            self._leg.hangup()


def _soon(loop: asyncio.AbstractEventLoop, then: Callable[[], None] | None) -> None:
    if then is not None:
        loop.call_soon(then)
