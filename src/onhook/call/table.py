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

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from onhook.call import events as ev
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
from onhook.call.model import Call, Contact, End, EndedBy, Job, Limits, State

Effects = tuple[Effect, ...]
Step = tuple[Call, Effects]
Transition = Callable[[Call, Any], Step]
_OfRequest = ev.Prepared | ev.PreparationFailed | ev.Played | ev.BrokenOff


def step(call: Call, event: ev.Event) -> Step:
    """The call after ``event``, and what has to be done, in order."""
    return TABLE[call.state, type(event)](call, event)


def arrive(session: str, forward_to: str, limits: Limits, at: float) -> Step:
    """An incoming call begins to ring, and the application of its number is told."""
    contact = Contact("answer", forward_to)
    due_at, expires_at = at + limits.ringing_s, at + limits.session_s
    call = Call(session, contact, limits, due_at=due_at, expires_at=expires_at)
    return call, (Notify(contact, "ringing"),)


def ignore(call: Call, event: ev.Event) -> Step:
    """Nothing happens: the event came too late or means nothing here."""
    return call, ()


# Requests -------------------------------------------------------------------------------------


def reserve(call: Call, event: ev.Requested) -> Step:
    """RINGING, WAITING: the block may be prepared, unless a Hangup is already on its way."""
    job = event.job
    status = _refusal(call, job)
    if status:
        return call, (Refuse(job.request_id, status),)
    if job.force:
        return replace(call, forcing=job), (Reserve(job.request_id),)
    prepared = replace(call, state=State.PREPARING, job=job, due_at=None, held_due_at=call.due_at)
    return prepared, (Reserve(job.request_id),)


def reserve_forced(call: Call, event: ev.Requested) -> Step:
    """PREPARING, RUNNING: only a forced Hangup may come in between."""
    job = event.job
    status = _refusal(call, job)
    if not status and not job.force:
        status = "error_session_not_ready"
    if status:
        return call, (Refuse(job.request_id, status),)
    return replace(call, forcing=job), (Reserve(job.request_id),)


def reserve_cut(call: Call, event: ev.Requested) -> Step:
    """ENDING: a forced Hangup may cut the message of an unforced one short, once."""
    job = event.job
    if job.force and call.forcing is None:
        status = "error_cannot_play_msg_with_force" if job.speaks else ""
    else:
        status = _already(job)
    if status:
        return call, (Refuse(job.request_id, status),)
    return replace(call, forcing=job), (Reserve(job.request_id),)


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
    return "error_hangup_already_in_progress" if job.hangs_up else "error_session_not_ready"


# Preparation ----------------------------------------------------------------------------------


def begin(call: Call, event: ev.Prepared) -> Step:
    """PREPARING: the reserved block begins; or a forced Hangup takes the call away from it."""
    if _is(call.forcing, event):
        return force(call, event)
    job = call.job
    if job is None or job.request_id != event.request_id:
        return call, ()
    call = replace(call, contact=_contact(job))
    if job.hangs_up and not job.speaks:
        cause = "hangup" if call.answered else "rejected"
        return _close(call, End(event.at, EndedBy.APPLICATION, cause), job)
    state = State.ENDING if job.hangs_up else State.RUNNING
    effects: list[Effect] = [Accept(job.request_id)]
    if not call.answered:
        call = replace(call, answered_at=event.at)
        effects.append(Answer())
    if call.acknowledged:
        effects.append(Play(job.request_id))
    return replace(call, state=state, held_due_at=None), tuple(effects)


def force(call: Call, event: ev.Prepared) -> Step:
    """RINGING to ENDING: a forced Hangup was prepared; it ends the call, whatever goes on."""
    job = call.forcing
    if job is None or job.request_id != event.request_id:
        return call, ()
    cut_hangup = call.state is State.ENDING
    # Without a notify_url of its own, a forced Hangup leaves the earlier Hangup's in place.
    contact = _contact(job) or (call.contact if cut_hangup else None)
    cause = "forced_hangup" if call.answered else "rejected"
    end = End(event.at, EndedBy.APPLICATION, cause)
    return _close(replace(call, contact=contact), end, job)


def fail(call: Call, event: ev.PreparationFailed) -> Step:
    """Any state with a reservation: it is given up, and the call is as it was before."""
    if _is(call.forcing, event):
        return replace(call, forcing=None), ()
    return call, ()


def fail_reserved(call: Call, event: ev.PreparationFailed) -> Step:
    """PREPARING: the call rings or waits again, with what was left of its time, not more.

    A call whose every request fails would otherwise ring, or be billed, for ever.
    """
    if not _is(call.job, event):
        return fail(call, event)
    state = State.WAITING if call.answered else State.RINGING
    call = replace(call, state=state, job=None, due_at=call.held_due_at, held_due_at=None)
    return call, ()


# What the phone says --------------------------------------------------------------------------


def acknowledge(call: Call, event: ev.Acknowledged) -> Step:
    """The caller is ready to hear: what waited for it begins."""
    if call.acknowledged or not call.answered:
        return call, ()
    call = replace(call, acknowledged=True)
    if call.job is not None and call.state in (State.RUNNING, State.ENDING):
        return call, (Play(call.job.request_id),)
    return call, ()


def far_end_left(call: Call, event: ev.HungUp) -> Step:
    """BYE from the far end, in any state before CLOSING."""
    end = End(event.at, EndedBy.CALLER, "hangup", event.sip_cause)
    stop: Effects = (StopMedia(),) if call.answered else ()
    return _finish(call, end, *stop)


def caller_gave_up(call: Call, event: ev.Cancelled) -> Step:
    """CANCEL while it rang."""
    if call.answered:
        return call, ()
    return _finish(call, End(event.at, EndedBy.CALLER, "cancelled", event.sip_cause))


def closed(call: Call, event: ev.HungUp | ev.HangupDone | ev.Cancelled) -> Step:
    """CLOSING: our BYE or rejection is through, or the far end's own crossed it."""
    if isinstance(event, ev.Cancelled) and call.answered:
        return call, ()  # a CANCEL means nothing after the final response (RFC 3261, 9.2)
    if call.end is None:
        raise AssertionError("a closing call knows how it ended")
    return _finish(call, call.end)


def never_acknowledged(call: Call, event: ev.Unacknowledged) -> Step:
    """The signalling gave up waiting for an ACK; it has already sent the BYE."""
    if not call.answered:
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "no_ack"))


def media_lost(call: Call, event: ev.MediaLost) -> Step:
    """The far end is gone, or can no longer be reached by audio."""
    if not call.answered:
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "media_lost"))


def shut_down(call: Call, event: ev.Shutdown) -> Step:
    """Any state before CLOSING: the process ends, so the call is hung up, or rejected with 503."""
    return _close(call, End(event.at, EndedBy.SYSTEM, "shutdown"), reject_code=503)


def expire(call: Call, event: ev.SessionExpired) -> Step:
    """Any state before CLOSING: no call lasts for ever, whatever keeps it going."""
    return _close(call, End(event.at, EndedBy.SYSTEM, "session_timeout"), reject_code=480)


def out_of_credit(call: Call, event: ev.OutOfCredit) -> Step:
    """Any state before CLOSING: nobody pays for more, so the call is hung up, or rejected with 480.

    480 and not 402, which no phone explains to its user, nor 503, upon which a trunk sends the call
    elsewhere and us no further ones for a while (RFC 3261, 21.4.18, 21.4.3, 21.5.4).
    """
    return _close(call, End(event.at, EndedBy.SYSTEM, "insufficient_credit"), reject_code=480)


# What the media plane and the clock say -------------------------------------------------------


def heard(call: Call, event: ev.Played) -> Step:
    """RUNNING: the message of a Middle block was heard; the application is told and has the word.

    Without a notify_url there is nobody to say what comes next, so the call is hung up (reference,
    section 3).
    """
    job = call.job
    if job is None or job.request_id != event.request_id:
        return call, ()
    if call.contact is None:
        return replace(call, state=State.ENDING, due_at=event.at + call.limits.settle_s), ()
    due_at = event.at + call.limits.idle_s
    return (
        replace(call, state=State.WAITING, job=None, due_at=due_at),
        (Notify(call.contact, "ongoing"),),
    )


def heard_last(call: Call, event: ev.Played) -> Step:
    """ENDING: the last frame left; the BYE follows once jitter buffers have played it out."""
    if not _is(call.job, event) or call.due_at is not None:
        return call, ()
    return replace(call, due_at=event.at + call.limits.settle_s), ()


def broken_off(call: Call, event: ev.BrokenOff) -> Step:
    """RUNNING, ENDING: the message cannot go on, so the call is hung up after what was heard of it."""
    if not _is(call.job, event) or call.due_at is not None:
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "message_incomplete"))


def ring_timeout(call: Call, event: ev.Due) -> Step:
    """RINGING: the application did not act."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "ring_timeout"), reject_code=480)


def idle_timeout(call: Call, event: ev.Due) -> Step:
    """WAITING: no block was requested for too long."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.SYSTEM, "idle_timeout"))


def settled(call: Call, event: ev.Due) -> Step:
    """ENDING: the message was heard, the settle time is over."""
    if not _is_due(call, event):
        return call, ()
    return _close(call, End(event.at, EndedBy.APPLICATION, "hangup"))


# Shared steps ---------------------------------------------------------------------------------


def _is(job: Job | None, event: _OfRequest) -> bool:
    return job is not None and job.request_id == event.request_id


def _is_due(call: Call, event: ev.Due) -> bool:
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
    leave: Effects = (
        (StopMedia(), HangUp())
        if call.answered
        else (Reject(reject_code or call.limits.reject_code),)
    )
    accept = (Accept(accepted.request_id),) if accepted else ()
    overtaken = _overtaken(call, end, accepted)
    call = replace(call, state=State.CLOSING, end=end, due_at=None, held_due_at=None, forcing=None)
    return call, (*leave, *accept, *overtaken)


def _finish(call: Call, end: End, *effects: Effect) -> Step:
    """Enters ENDED: whoever still waits for a reply gets one, and the application is told once."""
    overtaken = _overtaken(call, end)
    call = replace(
        call, state=State.ENDED, end=end, due_at=None, held_due_at=None, forcing=None, job=None
    )
    notify = (Notify(call.contact, "ended"),) if call.contact else ()
    return call, (*effects, *overtaken, *notify)


def _table() -> dict[tuple[State, type], Transition]:
    """Every pair of state and event; a column an event, in the order of the states below."""
    states = list(State)
    rows: dict[type, tuple[Transition, ...]] = {
        # RINGING, WAITING, PREPARING, RUNNING, ENDING, CLOSING, ENDED
        ev.Requested: (
            reserve,
            reserve,
            reserve_forced,
            reserve_forced,
            reserve_cut,
            refuse_closing,
            refuse_ended,
        ),
        ev.Prepared: (force, force, begin, force, force, ignore, ignore),
        ev.PreparationFailed: (fail, fail, fail_reserved, fail, fail, ignore, ignore),
        ev.Acknowledged: (
            ignore,
            acknowledge,
            acknowledge,
            acknowledge,
            acknowledge,
            ignore,
            ignore,
        ),
        ev.Unacknowledged: (
            ignore,
            never_acknowledged,
            never_acknowledged,
            never_acknowledged,
            never_acknowledged,
            ignore,
            ignore,
        ),
        ev.Played: (ignore, ignore, ignore, heard, heard_last, ignore, ignore),
        ev.BrokenOff: (ignore, ignore, ignore, broken_off, broken_off, ignore, ignore),
        ev.HungUp: (
            far_end_left,
            far_end_left,
            far_end_left,
            far_end_left,
            far_end_left,
            closed,
            ignore,
        ),
        ev.Cancelled: (caller_gave_up, ignore, caller_gave_up, ignore, ignore, closed, ignore),
        ev.HangupDone: (ignore, ignore, ignore, ignore, ignore, closed, ignore),
        ev.MediaLost: (ignore, media_lost, media_lost, media_lost, media_lost, ignore, ignore),
        ev.Shutdown: (
            shut_down,
            shut_down,
            shut_down,
            shut_down,
            shut_down,
            ignore,
            ignore,
        ),
        ev.SessionExpired: (expire, expire, expire, expire, expire, ignore, ignore),
        ev.OutOfCredit: (
            out_of_credit,
            out_of_credit,
            out_of_credit,
            out_of_credit,
            out_of_credit,
            ignore,
            ignore,
        ),
        ev.Due: (ring_timeout, idle_timeout, ignore, ignore, settled, ignore, ignore),
    }
    return {
        (state, event): transition
        for event, row in rows.items()
        for state, transition in zip(states, row, strict=True)
    }


TABLE: Final = _table()
"""The machine: (state, event class) -> transition. Complete: every pair has a row."""
