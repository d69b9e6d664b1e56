"""Puts the sentence together: the rule's clause, what each side heard last, and what to do. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from onhook.calls.why.evidence import Evidence, evidence_of
from onhook.calls.why.finding import Finding
from onhook.calls.why.hearing import heard
from onhook.calls.why.known import Known, what_failed
from onhook.calls.why.rules import RULES
from onhook.store.reports import CallReport


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a call ended. Of one that goes on ``ended_by`` and ``cause`` are empty."""

    ended_by: str
    cause: str
    sentence: str
    """Who ended it, why, by which message, and what each side heard last."""
    evidence: tuple[Evidence, ...]
    advice: str
    """What to do."""


def verdict_of(
    report: CallReport, further: Iterable[Evidence] = (), *, for_application: bool = False
) -> Verdict:
    """Of any call; a record of a version that knows other causes has a sentence too. ``further`` is evidence
    from elsewhere than the store. What is said ``for_application`` names no operator."""
    known = Known(report, for_application)
    finding = _finding(known)
    return Verdict(
        ended_by=known.record.ended_by if known.over else "",
        cause=known.record.cause if known.over else "",
        sentence=f"{finding.clause}; {heard(known)}.",
        evidence=evidence_of(known, further),
        advice=" ".join([finding.advice, *_and_nobody_knows(known)]),
    )


def _finding(known: Known) -> Finding:
    record = known.record
    if not known.over:
        return Finding(f"The call goes on ({known.state})", "Ask again when it is over.")
    rule = RULES.get((record.ended_by, record.cause))
    if rule is not None:
        return rule(known)
    return Finding(
        f"It was ended by {record.ended_by or 'nobody'}, cause {record.cause or 'unknown'}, {known.after}",
        "This version of Onhook does not know that cause: ask the one that wrote it.",
    )


def _and_nobody_knows(known: Known) -> tuple[str, ...]:
    """Where the application does not know of the end."""
    untold = known.untold
    if untold is None or not known.over:
        return ()
    told = untold.notification
    if told.state == "given_up":
        again = f"'onhook notifications replay {told.notification_id}' sends it once more."
    else:
        again = "It is tried again by itself."
    return (f"The application does not know of the end: {what_failed(untold)}. {again}",)
