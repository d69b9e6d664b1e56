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

import structlog

from onhook import call as machine
from onhook.call import Call, Effect, Event, State
from onhook.calls import clock, dialogs
from onhook.calls.call_book import CallBook
from onhook.calls.call_requests import CallRequests
from onhook.calls.credit import Meter
from onhook.calls.first_leg import FirstLeg
from onhook.calls.keypad import Keypad
from onhook.calls.media_listener import MediaListener
from onhook.calls.peer_listener import PeerListener
from onhook.calls.pending_request import PendingRequest
from onhook.calls.performer import PERFORM, Performer
from onhook.calls.phone_listener import PhoneListener
from onhook.calls.presence import Presence
from onhook.calls.services import CallServices
from onhook.media.errors import NotRunning
from onhook.store import NO_DIALOGS, CallRecord, StoredDialogs

log = structlog.get_logger()

RETRY_LATER = (("Retry-After", "10"),)
"""Beside the 503 of a call that could not be taken now."""


class LiveCall:
    """The owner of one call: its state, its timers, and what is written of it (OngoingCall)."""

    held: ExitStack
    """Gives back what it has of others, once it is over; of a call that has begun."""

    def __init__(
        self,
        record: CallRecord,
        call: Call,
        leg: FirstLeg,
        services: CallServices,
        meter: Meter,
    ) -> None:
        self.now = call
        self._leg = leg
        self._meter = meter
        self._loop = loop = asyncio.get_running_loop()
        self._book = book = CallBook(
            record, self, services.journal, services.metrics, services.deliver
        )
        self._timer: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._presence = Presence()
        keypad = Keypad(self._pressed, lambda digit: self._performer.pass_on(digit))
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
        self._go_on(effects, before=None, accepted=(placed,) if placed else ())

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

    def _pressed(self, digit: str) -> None:
        self.feed(machine.Digit(clock.now_s(), digit))

    # The state machine --------------------------------------------------------------------------

    def feed(self, event: Event) -> None:
        """Something happened."""
        before = self.now
        self.now, effects = machine.step(before, event)
        if self.now is not before or effects:
            self._go_on(effects, before)

    def _go_on(
        self,
        effects: Sequence[Effect],
        before: Call | None,
        accepted: Sequence[PendingRequest] = (),
    ) -> None:
        """Performs the effects, sets the timers, and writes what changed with what it caused."""
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
        self._arm(before)
        self._meter.follow(self.now, self)
        if self.now.state in (State.CLOSING, State.ENDED):
            self._leave()
        launch, self._performer.launch = self._performer.launch, None
        self._book.write(self.now, taken, told, self._dialog(), launch)
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
        rejected = self._leg.reject(status, headers)
        at_s = clock.now_s()
        if self.now.outgoing and not self.now.answered:
            self.feed(machine.Shutdown(at_s))
        else:
            self.feed(machine.MediaLost(at_s, crashed=status == 503))
        if rejected:
            self.feed(machine.HangupDone(at_s))

    def lose_media(self) -> None:
        """The process that has its audio is gone, if it had any: it ends, as after a crash."""
        if self._media.stream is None:
            return
        at_s = clock.now_s()
        if self.now.answered:
            self.feed(machine.MediaLost(at_s, crashed=True))
        else:
            self.feed(machine.Shutdown(at_s))

    def _arm(self, before: Call | None) -> None:
        """Two timers a call: what the present state asks for, and its longest life."""
        due_at, expires_at = self.now.due_at, self.now.expires_at
        if before is None or due_at != before.due_at:
            self._timer = self._set(self._timer, due_at, machine.Due)
        if before is None or expires_at != before.expires_at:
            self._expiry = self._set(self._expiry, expires_at, machine.SessionExpired)

    def _set(
        self,
        timer: asyncio.TimerHandle | None,
        at_s: float | None,
        event: type[machine.Due] | type[machine.SessionExpired],
    ) -> asyncio.TimerHandle | None:
        if timer is not None:
            timer.cancel()
        if at_s is None:
            return None
        # Loops round to their own tick; an event that came a hair early would be ignored.
        return self._loop.call_later(
            max(0.0, at_s - clock.now_s()), lambda: self.feed(event(max(at_s, clock.now_s())))
        )

    def _leave(self) -> None:
        """The call is on its way out: nothing is heard, watched or held any more."""
        self._audio.stop()
        self._expiry = self._set(self._expiry, None, machine.SessionExpired)
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
        self._dialog_changed = True
        self._book.write(self.now, (), (), self._dialog(), then)

    def _dialog(self) -> StoredDialogs | None:
        """What it takes to end the call at the phones after a restart; None if nothing changed.

        Of a call that is over this can be its peer: the BYE or CANCEL to it is still under way.
        """
        over = self.now.state is State.ENDED
        if not (self._dialog_changed or over):
            return None
        self._dialog_changed = False
        peer = self._performer.peer
        first = None if over else self._leg.dialog()
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

    def unrecorded(self) -> None:
        """Nothing can be written, and nobody was told of the call: it is as if it never came."""
        self._leave()
        self._timer = self._set(self._timer, None, machine.Due)
        self.held.close()
        if not self._leg.reject(503, RETRY_LATER):
            self._leg.hangup()
