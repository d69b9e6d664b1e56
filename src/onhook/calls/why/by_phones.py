"""Rules for what the phone of a call did, or somebody who was called. Pure."""

from onhook.calls.why.by_application import why_not_answered
from onhook.calls.why.finding import NAT, Finding
from onhook.calls.why.known import Known
from onhook.calls.why.responses import meaning_of

_AUDIO_LOST_PERCENT = 5.0


def hung_up(known: Known) -> Finding:
    """The far end left: its BYE."""
    who = known.record.ended_by
    if who == "callee" and not known.outgoing:
        who = "phone that it was transferred to"
    clause = f"The {who} hung up (BYE{known.reason}) {known.after}"
    if known.unheard:
        return Finding(clause, f"Perhaps nobody could be heard. {NAT}")
    lost = max(float(known.media.get(f"{way}_loss", "0")) for way in ("received", "sent"))
    if lost >= _AUDIO_LOST_PERCENT:
        return Finding(
            clause,
            f"{lost:.0f} % of the audio was lost: look at the network; docs/quality.md explains.",
        )
    return Finding(clause)


def cancelled(known: Known) -> Finding:
    """The caller left while it rang: its CANCEL."""
    clause = f"The caller gave up while it rang (CANCEL{known.reason}), after {known.rang}"
    return Finding(clause, why_not_answered(known) or "Nothing is wrong, unless it rang for long.")


def busy(known: Known) -> Finding:
    """A call of ours, and a response such as 486."""
    return _not_reached(known, "The callee was busy")


def unanswered(known: Known) -> Finding:
    """A call of ours: it rang for as long as it may, or a response such as 480."""
    if known.record.sip_code is None:
        clause = f"Nobody answered in {known.rang}, so Onhook took the call back (CANCEL)"
        return Finding(
            clause, "Let it ring for longer (`ring_time` of the Dial), or call again later."
        )
    return _not_reached(known, "Nobody answered")


def failed(known: Known) -> Finding:
    """A call of ours, and any other response, or none."""
    return _not_reached(known, "The call could not be made")


def _not_reached(known: Known, what: str) -> Finding:
    code = known.record.sip_code
    meaning = meaning_of(code)
    whose = f"the trunk {known.trunk}" if known.trunk else "the trunk"
    said = "no response came" if code is None else f"{whose} answered {code}, {meaning.says}"
    advice = meaning.advice.replace("NAME", known.trunk or "NAME")
    return Finding(f"{what}: {said}{known.reason}, {known.rang} after it had begun", advice)
