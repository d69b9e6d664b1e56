"""The state machine of a call, as a table: state x event -> transition.

A call is steered by requests and lives in a network that loses, repeats and crosses messages, so
everything can happen in every state. The table therefore has a row for every pair; where nothing is
to be done, it says so with ``ignore``. House rules:

- A transition is a plain function ``(call, event) -> (call, effects)``; it reads no clock.
- A request is answered exactly once: by Refuse, by Accept, by Overtake, or (after Reserve) by whoever
  prepared it when it reports PreparationFailed.
- A refused request leaves the call equal to what it was.
- The terminal notification is an effect of entering ENDED and of nothing else; ENDED is never left.
- A forced Hangup is prepared beside whatever the call does (``Call.forcing``); every other block is
  prepared in the state PREPARING, which falls back to where it came from when preparation fails.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from onhook.call import events as ev
from onhook.call import work_events as heard
from onhook.call.effects import (
    Accept,
    Answer,
    Effect,
    HangUp,
    Notify,
    Overtake,
    Play,
    Refuse,
    Reject,
    Reserve,
    StopMedia,
)
from onhook.call.ending import Contact, End, EndedBy, Fields, Gone
from onhook.call.model import Call, Limits, State, later
from onhook.call.work import Job, Over, Then, Turn
from onhook.call.works.gather import END
from onhook.urls import WebUrl

_OUTCOMES = ("busy", "unanswered", "failed")
"""What can have become of a call that was not answered, in the words of dial_status."""

_TYPED_MAX = 255
"""Digits kept for the next Gather: as many as one can ask for, the newest."""

Effects = tuple[Effect, ...]
Step = tuple[Call, Effects]
Transition = Callable[[Call, Any], Step]


def step(call: Call, event: ev.Event) -> Step:
    """The call after ``event``, and what has to be done, in order."""
    return TABLE[call.state, type(event)](call, event)


def arrive(session: str, forward_to: WebUrl, limits: Limits, at: float, told: Fields = ()) -> Step:
    """An incoming call begins to ring, and the application of its number is told; ``told`` besides what
    every notification says."""
    contact = Contact("answer", forward_to, fields=told)
    due_at, expires_at = at + limits.ringing_s, at + limits.session_s
    call = Call(session, contact, limits, due_at=due_at, expires_at=expires_at)
    return call, (Notify(contact, "ringing"),)


def dial(
    session: str, job: Job, limits: Limits, at: float, *, ring_s: float, max_s: float | None
) -> Step:
    """An outgoing call is placed for ``job``; it rings for ``ring_s``, and lasts ``max_s`` at the most."""
    call = Call(
        session,
        _contact(job),
        limits,
        state=State.DIALLING,
        job=job,
        outgoing=True,
        due_at=at + ring_s,
        expires_at=at + limits.session_s,
        max_s=max_s,
    )
    return call, ()


def ignore(call: Call, event: ev.Event) -> Step:
    """Nothing happens: the event came too late or means nothing here."""
    return call, ()


# Requests -------------------------------------------------------------------------------------


def reserve(call: Call, event: ev.Requested) -> Step:
    """RINGING, WAITING: the block may be prepared, unless a Hangup is already on its way."""
    job = event.job
    status = _refusal(call, job)
    if not status and not job.force:
        status = job.work.refusal(held=call.held, monitored=call.monitor is not None)
    if status:
        return call, (Refuse(job.request_id, status),)
    if job.force:
        return later(call, forcing=job), (Reserve(job.request_id),)
    prepared = later(call, state=State.PREPARING, job=job, due_at=None, held_due_at=call.due_at)
    return prepared, (Reserve(job.request_id),)


def reserve_held(call: Call, event: ev.Requested) -> Step:
    """HELD: only what takes the call off hold, or ends it by force."""
    ends_hold = event.job.force or event.job.work.ends_hold
    return reserve(call, event) if ends_hold else reserve_forced(call, event)


def reserve_forced(call: Call, event: ev.Requested) -> Step:
    """DIALLING, PREPARING, RUNNING: only a forced Hangup may come in between."""
    job = event.job
    status = _refusal(call, job)
    if not status and not job.force:
        status = job.work.not_ready
    if status:
        return call, (Refuse(job.request_id, status),)
    return later(call, forcing=job), (Reserve(job.request_id),)


def reserve_cut(call: Call, event: ev.Requested) -> Step:
    """ENDING: a forced Hangup may cut the message of an unforced one short, once."""
    job = event.job
    if job.force and call.forcing is None:
        status = "error_cannot_play_msg_with_force" if job.speaks else ""
    else:
        status = _already(job)
    if status:
        return call, (Refuse(job.request_id, status),)
    return later(call, forcing=job), (Reserve(job.request_id),)


def refuse_closing(call: Call, event: ev.Requested) -> Step:
    """CLOSING: the call is on its way out."""
    return call, (Refuse(event.job.request_id, _already(event.job)),)


def refuse_ended(call: Call, event: ev.Requested) -> Step:
    """ENDED: nothing can be asked of the call any more."""
    return call, (Refuse(event.job.request_id, "error_session_ended"),)


def _refusal(call: Call, job: Job) -> str:
    """The first rule that the request breaks, in the documented order; empty if none."""
    if call.hangup_reserved:
        return _already(job)
    if job.force and job.speaks:
        return "error_cannot_play_msg_with_force"
    return ""


def _already(job: Job) -> str:
    return "error_hangup_already_in_progress" if job.hangs_up else job.work.not_ready


# Preparation ----------------------------------------------------------------------------------


def begin(call: Call, event: ev.Prepared) -> Step:
    """PREPARING: the reserved block begins; or a forced Hangup takes the call away from it."""
    if _is(call.forcing, event):
        return force(call, event)
    job = call.job
    if job is None or job.request_id != event.request_id:
        return call, ()
    contact = call.contact if job.work.keeps_contact else _contact(job)
    if not job.answers:
        cause = "hangup" if call.answered else "rejected"
        end = End(event.at, EndedBy.APPLICATION, cause)
        return _close(later(call, contact=contact), end, job)
    effects: tuple[Effect, ...] = (Accept(job.request_id),)
    answered_at = call.answered_at
    if answered_at is None:
        answered_at = event.at
        recording = job.work.records if job.work.records_at_once(job) else ""
        effects = (*effects, Answer(recording))
    state = State.ENDING if job.hangs_up else State.RUNNING
    call = later(
        call,
        contact=contact,
        answered_at=answered_at,
        state=state,
        held=False,
        held_due_at=None,
    )
    return _then(effects, _start(call, event.at) if call.acknowledged else (call, ()))


def force(call: Call, event: ev.Prepared) -> Step:
    """RINGING to ENDING: a forced Hangup was prepared; it ends the call, whatever goes on."""
    job = call.forcing
    if job is None or job.request_id != event.request_id:
        return call, ()
    rejects = not call.answered and not call.outgoing
    cause = "rejected" if rejects else "forced_hangup"
    end = End(event.at, EndedBy.APPLICATION, cause)
    # Without a notify_url of its own, a forced Hangup leaves the earlier Hangup's in place.
    keeps = call.state is State.ENDING or job.work.keeps_contact
    contact = _contact(job) or (call.contact if keeps else None)
    # What it cuts short has come to something all the same: whoever is told of the end is told that.
    came_to = _came_to(call, end)
    cut = None if call.state in (State.DIALLING, State.RUNNING) else call.job
    return _close(_with_fields(later(call, contact=contact, job=cut), came_to), end, job)


def fail(call: Call, event: ev.PreparationFailed) -> Step:
    """Any state with a reservation: it is given up, and the call is as it was before."""
    if _is(call.forcing, event):
        return later(call, forcing=None), ()
    return call, ()


def fail_reserved(call: Call, event: ev.PreparationFailed) -> Step:
    """PREPARING: the call rings or waits again, with what was left of its time, not more.

    A call whose every request fails would otherwise ring, or be billed, for ever.
    """
    if not _is(call.job, event):
        return fail(call, event)
    call = later(call, state=call.rest, job=None, due_at=call.held_due_at, held_due_at=None)
    return call, ()


# What the phone says --------------------------------------------------------------------------


def acknowledge(call: Call, event: ev.Acknowledged) -> Step:
    """The caller is ready to hear: what waited for it begins."""
    if call.acknowledged or not call.answered:
        return call, ()
    call = later(call, acknowledged=True)
    return _start(call, event.at) if call.state in (State.RUNNING, State.ENDING) else (call, ())


def connect(call: Call, event: ev.Connected) -> Step:
    """DIALLING: the callee answered, so its block begins."""
    call = later(call, state=State.RUNNING, answered_at=event.at, acknowledged=True, due_at=None)
    if call.max_s is not None and (call.expires_at or math.inf) > event.at + call.max_s:
        call = later(call, expires_at=event.at + call.max_s, limited=True)
    return _start(call, event.at)


def not_reached(call: Call, event: ev.Unreached) -> Step:
    """DIALLING: busy, unanswered or failed; that is all that the application is told."""
    outcome = event.outcome
    by = EndedBy.CALLEE if outcome == "busy" else EndedBy.SYSTEM
    end = End(event.at, by, outcome, event.sip_cause, event.sip_code, event.sip_reason)
    return _finish(call, end)


def no_answer(call: Call, event: heard.Due) -> Step:
    """DIALLING: it rang for as long as it may."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "unanswered"))


def far_end_left(call: Call, event: ev.HungUp) -> Step:
    """BYE from the far end, in any state before CLOSING."""
    by = EndedBy.CALLEE if call.outgoing else EndedBy.CALLER
    end = End(event.at, by, "hangup", event.sip_cause, sip_reason=event.sip_reason)
    stop: Effects = (StopMedia(),) if call.answered else ()
    return _finish(call, end, *stop)


def caller_gave_up(call: Call, event: ev.Cancelled) -> Step:
    """CANCEL while it rang."""
    if call.answered:
        return call, ()
    end = End(event.at, EndedBy.CALLER, "cancelled", event.sip_cause, sip_reason=event.sip_reason)
    return _finish(call, end)


def closed(call: Call, event: ev.HungUp | ev.HangupDone | ev.Cancelled | ev.Unreached) -> Step:
    """CLOSING: our BYE, CANCEL or rejection is through, or the far end's own crossed it."""
    if isinstance(event, ev.Cancelled) and call.answered:
        return call, ()  # a CANCEL means nothing after the final response (RFC 3261, 9.2)
    if call.end is None:
        raise AssertionError("a closing call knows how it ended")
    gone = event.gone if isinstance(event, ev.HangupDone) and call.answered else None
    lost = gone is not None and call.end.by is not EndedBy.NETWORK
    return _finish(call, _lost(call, gone) if gone and lost else call.end)


def never_acknowledged(call: Call, event: ev.Unacknowledged) -> Step:
    """The signalling gave up waiting for an ACK; it has already sent the BYE."""
    if not call.answered:
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "no_ack"))


def media_lost(call: Call, event: ev.MediaLost) -> Step:
    """The far end is gone, or can no longer be reached by audio."""
    if not call.answered:
        return call, ()
    if event.gone is not None:
        return _close(call, _lost(call, event.gone))
    return _close(call, End(event.at, EndedBy.SYSTEM, "crash" if event.crashed else "media_lost"))


def shut_down(call: Call, event: ev.Shutdown) -> Step:
    """Any state before CLOSING: the process ends, so the call is hung up, or rejected with 503."""
    return _close(call, End(event.at, EndedBy.SYSTEM, "shutdown"), reject_code=503)


def expire(call: Call, event: ev.SessionExpired) -> Step:
    """Any state before CLOSING: no call lasts for ever, whatever keeps it going."""
    cause = "max_duration" if call.limited else "session_timeout"
    return _close(call, End(event.at, EndedBy.SYSTEM, cause), reject_code=480)


def out_of_credit(call: Call, event: ev.OutOfCredit) -> Step:
    """Any state before CLOSING: nobody pays for more, so the call is hung up, or rejected with 480.

    480 and not 402, which no phone explains to its user, nor 503, upon which a trunk sends the call
    elsewhere and us no further ones for a while (RFC 3261, 21.4.18, 21.4.3, 21.5.4).
    """
    return _close(call, End(event.at, EndedBy.SYSTEM, "insufficient_credit"), reject_code=480)


# What the media plane and the clock say -------------------------------------------------------


def go_on(call: Call, event: heard.WorkEvent) -> Step:
    """RUNNING: the block takes what happened; when it is over, the application is told and has the word.

    Without a notify_url there is nobody to say what comes next, so the call is hung up (reference,
    section 3). A block that waits for the caller's ACK has not begun: a key is then typed ahead.
    """
    job = call.job
    if not call.acknowledged:
        return typed_ahead(call, event) if isinstance(event, heard.Digit) else (call, ())
    if job is None or (isinstance(event, heard.Played) and event.request_id != job.request_id):
        return call, ()
    if isinstance(event, heard.Due) and not _is_due(call, event):
        return call, ()
    turn = job.work.happen(job, event)
    if turn is not None:
        return _turned(call, event.at, turn)
    return typed_ahead(call, event) if isinstance(event, heard.Digit) else (call, ())


def typed_ahead(call: Call, event: heard.Digit) -> Step:
    """WAITING, PREPARING and what does not listen: the digit is kept for the next Gather."""
    if not call.answered or call.held:
        return call, ()
    typed = _kept(call.typed + event.digit)
    return (call if typed == call.typed else later(call, typed=typed)), ()


def broken_off(call: Call, event: ev.MessageBroken) -> Step:
    """RUNNING, ENDING: the rest of the message cannot be had; what was made of it was heard."""
    settling = call.state is State.ENDING and call.due_at is not None
    if not _is(call.job, event) or settling:
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "message_incomplete"))


def heard_last(call: Call, event: heard.Played) -> Step:
    """ENDING: the last frame left; the BYE follows once jitter buffers have played it out."""
    if not _is(call.job, event) or call.due_at is not None:
        return call, ()
    return later(call, due_at=event.at + call.limits.settle_s), ()


def ring_timeout(call: Call, event: heard.Due) -> Step:
    """RINGING: the application did not act."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "ring_timeout"), reject_code=480)


def untold(call: Call, event: ev.Untold) -> Step:
    """RINGING: nobody will ever act, so the caller is not kept waiting.

    480 as for an application that does not act: it may be repaired, and no trunk needs to be avoided.
    """
    return _close(call, End(event.at, EndedBy.SYSTEM, "forward_to_refused"), reject_code=480)


def idle_timeout(call: Call, event: heard.Due) -> Step:
    """WAITING: no block was requested for too long."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "idle_timeout"))


def settled(call: Call, event: heard.Due) -> Step:
    """ENDING: the message was heard, the settle time is over."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.APPLICATION, "hangup"))


# Shared steps ---------------------------------------------------------------------------------


def _then(first: Effects, later: Step) -> Step:
    call, effects = later
    return call, (*first, *effects)


def _start(call: Call, at: float) -> Step:
    """The block begins: the other side can hear it."""
    job = call.job
    if job is None:
        raise AssertionError("a call in which nothing runs has nothing to begin")
    if call.state is State.ENDING:
        return call, (Play(job.request_id),)
    doing = job.work
    call = later(call, monitor=doing.monitor(job) or call.monitor)
    return _turned(call, at, doing.begin(job, at, call.typed), typed="")


def _turned(call: Call, at: float, turn: Turn, typed: str | None = None) -> Step:
    """The block went on, and may be over."""
    kept = _kept((call.typed if typed is None else typed) + turn.left)
    job = replace(call.job, work=turn.work) if call.job else None
    call = later(call, job=job, typed=kept, due_at=turn.due_at)
    over = turn.over
    return _then(turn.effects, _over(call, at, over)) if over else (call, turn.effects)


def _kept(typed: str) -> str:
    """Of digits that nobody asked for those that the next Gather gets.

    Many press # after a number that was complete without it: such a one must not end what is asked next.
    """
    return typed.lstrip(END)[-_TYPED_MAX:]


def _over(call: Call, at: float, over: Over) -> Step:
    """The block is over: who has the word now?"""
    call = _with_fields(call, over.fields)
    if over.then is Then.HOLD:
        return later(call, state=State.HELD, job=None, held=True, typed=""), ()
    if over.end is not None:
        return _close(later(call, job=None), over.end)
    if call.contact is None:
        return later(call, state=State.ENDING, due_at=at + call.limits.settle_s), ()
    due_at = at + call.limits.idle_s
    notify = Notify(call.contact, "ongoing")
    return later(call, state=State.WAITING, job=None, due_at=due_at), (notify,)


def _with_fields(call: Call, fields: Fields) -> Call:
    """Whoever is told next is told this too; where nobody is, it is kept for those who ask."""
    if not fields:
        return call
    if call.contact is None:
        return later(call, untold=fields)
    return later(call, contact=replace(call.contact, fields=fields))


def _is(
    job: Job | None, event: ev.Prepared | ev.PreparationFailed | heard.Played | ev.MessageBroken
) -> bool:
    return job is not None and job.request_id == event.request_id


def _lost(call: Call, gone: Gone) -> End:
    """The network ended it, at the last moment at which the far end is known to have been there."""
    since = max(gone.since, call.answered_at or gone.since)
    return End(since, EndedBy.NETWORK, "media_lost", received_at=gone.received_at)


def _is_due(call: Call, event: heard.Due) -> bool:
    """A timer that was set for an earlier state of the call may still fire."""
    return call.due_at is not None and event.at >= call.due_at


def _contact(job: Job) -> Contact | None:
    return Contact(job.block, job.notify_url, job.tag) if job.notify_url else None


def _overtaken(call: Call, end: End, accepted: Job | None = None) -> Effects:
    """Answers the requests that are still being prepared when the call goes to its end."""
    pending = (call.forcing, call.job if call.state is State.PREPARING else None)
    beaten = end.by is EndedBy.APPLICATION
    return tuple(
        Overtake(
            job.request_id, _already(job) if beaten and job.hangs_up else "error_session_ended"
        )
        for job in pending
        if job is not None and job is not accepted
    )


def _close(call: Call, end: End, accepted: Job | None = None, reject_code: int = 0) -> Step:
    """Hangs up (or rejects a call that was never answered) and waits for that to be through."""
    call = _parting(call, end)
    accept = (Accept(accepted.request_id),) if accepted else ()
    overtaken = _overtaken(call, end, accepted)
    job = accepted or _hangup_in_progress(call)
    code = reject_code or (job and job.reject) or call.limits.reject_code
    if job:
        by = job.operator if end.by is EndedBy.APPLICATION else ""
        if by or job.sip_headers:
            end = replace(end, headers=job.sip_headers, operator=by)
    if not (call.answered or call.outgoing):
        end = replace(end, sip_code=code)
    leave = _leave(call, code, end.headers)
    call = later(call, state=State.CLOSING, end=end, due_at=None, held_due_at=None, forcing=None)
    return call, (*leave, *accept, *overtaken)


def _hangup_in_progress(call: Call) -> Job | None:
    """The Hangup that was accepted, and whose message was heard."""
    return call.job if call.state is State.ENDING and call.job and call.job.hangs_up else None


def _leave(call: Call, reject_code: int, headers: Fields) -> Effects:
    if call.answered:
        return (StopMedia(), HangUp(headers))
    if call.outgoing:
        return (HangUp(headers),)
    return (Reject(reject_code, headers),)


def _parting(call: Call, end: End) -> Call:
    """What the block in progress came to if it is cut short, for whoever is told of the end."""
    return _with_fields(call, _came_to(call, end))


def _came_to(call: Call, end: End) -> Fields:
    if call.job is None:
        return ()
    if call.state is State.DIALLING:
        return (("dial_status", _reached(end)),)
    if call.state is State.RUNNING:
        return (*call.job.work.parting(), *call.monitoring)
    return ()


def _reached(end: End) -> str:
    """What became of a call out that was not answered; one that was taken back was not (487)."""
    if end.by is EndedBy.APPLICATION:
        return "unanswered"
    return end.cause if end.cause in _OUTCOMES else "failed"


def _finish(call: Call, end: End, *effects: Effect) -> Step:
    """Enters ENDED: whoever still waits for a reply gets one, and the application is told once."""
    call = _parting(call, end)
    overtaken = _overtaken(call, end)
    call = later(
        call, state=State.ENDED, end=end, due_at=None, held_due_at=None, forcing=None, job=None
    )
    told = last_contacts(call.contact, call.monitor)
    return call, (*effects, *overtaken, *(Notify(contact, "ended") for contact in told))


def last_contacts(contact: Contact | None, monitor: Contact | None) -> tuple[Contact, ...]:
    """Who gets a terminal notification: whoever is to be told, and the monitor's; once, if they are one."""
    if contact and monitor and replace(contact, fields=()) == replace(monitor, fields=()):
        both = dict((*contact.fields, *monitor.fields))
        contact = replace(contact, fields=tuple(both.items()))
        monitor = None
    return tuple(told for told in (contact, monitor) if told is not None)


def _row(**transitions: Transition) -> tuple[Transition, ...]:
    """The transitions of an event by the names of the states; where none is named, nothing happens."""
    row = tuple(transitions.pop(state.value, ignore) for state in State)
    if transitions:
        raise AssertionError(f"no states: {', '.join(transitions)}")
    return row


def _in(states: str, transition: Transition) -> dict[str, Transition]:
    return dict.fromkeys(states.split(), transition)


_ANSWERED = "waiting preparing running held ending"
_ALIVE = f"dialling ringing {_ANSWERED}"


def _table() -> dict[tuple[State, type], Transition]:
    """Every pair of state and event, a row an event."""
    rows: dict[type, tuple[Transition, ...]] = {
        ev.Requested: _row(
            ringing=reserve,
            waiting=reserve,
            held=reserve_held,
            ending=reserve_cut,
            closing=refuse_closing,
            ended=refuse_ended,
            **_in("dialling preparing running", reserve_forced),
        ),
        ev.Prepared: _row(
            preparing=begin, **_in("dialling ringing waiting running held ending", force)
        ),
        ev.PreparationFailed: _row(
            preparing=fail_reserved, **_in("dialling ringing waiting running held ending", fail)
        ),
        ev.Acknowledged: _row(**_in(_ANSWERED, acknowledge)),
        ev.Unacknowledged: _row(**_in(_ANSWERED, never_acknowledged)),
        ev.Connected: _row(dialling=connect),
        ev.Unreached: _row(dialling=not_reached, closing=closed),
        heard.Played: _row(running=go_on, ending=heard_last),
        ev.MessageBroken: _row(running=broken_off, ending=broken_off),
        heard.Digit: _row(running=go_on, waiting=typed_ahead, preparing=typed_ahead),
        heard.PeerRang: _row(running=go_on),
        heard.PeerAnswered: _row(running=go_on),
        heard.PeerFailed: _row(running=go_on),
        heard.PeerLeft: _row(running=go_on),
        heard.Kicked: _row(running=go_on),
        ev.HungUp: _row(closing=closed, **_in(_ALIVE, far_end_left)),
        ev.Cancelled: _row(ringing=caller_gave_up, preparing=caller_gave_up, closing=closed),
        ev.HangupDone: _row(closing=closed),
        ev.MediaLost: _row(**_in(_ANSWERED, media_lost)),
        ev.Shutdown: _row(**_in(_ALIVE, shut_down)),
        ev.SessionExpired: _row(**_in(_ALIVE, expire)),
        ev.OutOfCredit: _row(**_in(_ALIVE, out_of_credit)),
        ev.Untold: _row(ringing=untold),
        heard.Due: _row(
            dialling=no_answer,
            ringing=ring_timeout,
            waiting=idle_timeout,
            running=go_on,
            ending=settled,
        ),
    }
    return {
        (state, event): transition
        for event, row in rows.items()
        for state, transition in zip(State, row, strict=True)
    }


TABLE: Final = _table()
"""The machine: (state, event class) -> transition. Complete: every pair has a row."""
