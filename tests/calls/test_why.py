"""Why a call ended, in one sentence: every end in the code has a rule, and rules read what is known."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import onhook
from onhook import urls
from onhook.call import EndedBy
from onhook.calls import recovery
from onhook.calls.outcomes import outcome_of
from onhook.calls.why import CAUSES, RULES, Evidence, verdict_of
from onhook.store import (
    AttemptRecord,
    CallRecord,
    NotificationContext,
    RefusedRequest,
    StoredNotification,
)
from onhook.store.reports import CallReport, NotificationReport
from store.samples import call, notification

SOURCES = Path(onhook.__file__).parent
OUTCOMES = {outcome_of(status) for status in (None, *range(300, 700))}
"""What `End` is given as a value of a field: those of Unreached.outcome."""


@dataclass(frozen=True)
class Ending:
    """A place in the code where an end is made: all that it may be."""

    where: str
    by: set[str]
    causes: set[str]


def endings() -> Iterator[Ending]:
    """Every `End(…)` in the code."""
    for path in SOURCES.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for made in ast.walk(function):
                if isinstance(made, ast.Call) and ast.unparse(made.func).split(".")[-1] == "End":
                    by, cause = made.args[1:3]
                    where = f"{path.relative_to(SOURCES)}:{made.lineno}"
                    yield Ending(where, values(by, function), values(cause, function))


def values(node: ast.expr, function: ast.AST) -> set[str]:
    """What an expression may be: constants, choices between them, and names that stand for such."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Attribute(attr="outcome"):
            return OUTCOMES
        case ast.Attribute(attr=name) if name in EndedBy.__members__:
            return {EndedBy[name].value}
        case ast.IfExp(body=one, orelse=other):
            return values(one, function) | values(other, function)
        case ast.Name(id=name):
            found: set[str] = set()
            for each in ast.walk(function):
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name:
                    found |= values(each.value, function)
            assert found, f"what {name} may be is not known"
            return found
    raise AssertionError(f"an end is made of what this test cannot read: {ast.unparse(node)}")


def test_every_end_that_is_in_the_code_has_a_rule() -> None:
    found = list(endings())
    assert len(found) >= 20, "this test finds them no more"
    for one in found:
        if one.causes == OUTCOMES:  # busy is the callee's word, the others are ours
            pairs = {("callee" if cause == "busy" else "system", cause) for cause in one.causes}
        else:
            pairs = set(product(one.by, one.causes))
        missing = pairs - set(RULES)
        assert not missing, f"{one.where}: calls.why.rules has no rule for {missing}"
    assert (EndedBy.SYSTEM.value, recovery.CAUSE) in RULES


def test_every_cause_that_is_documented_has_a_rule() -> None:
    """In the docstring of `End`, which a new one is added to."""
    said = str(onhook.call.End.__doc__)
    words = {word for word in said.split("``") if word.isidentifier()}
    assert words - {"cause", "sip_cause", "sip_code"} == CAUSES


def test_the_end_of_a_call_is_looked_for_where_it_is_made() -> None:
    """Recovery writes its end without `End`; nobody else does."""
    writers = [
        path.name for path in SOURCES.rglob("*.py") if "ended_by=EndedBy." in path.read_text()
    ]
    assert writers == ["recovery.py"]


# What it says -----------------------------------------------------------------------------------------


def report(
    by: str,
    cause: str,
    *told: NotificationReport,
    refused: tuple[RefusedRequest, ...] = (),
    **changes: object,
) -> CallReport:
    """A call of ten seconds that rang for three, and was answered unless told otherwise."""
    known: dict[str, Any] = {"state": "ended", "began_ms": 1000, "answered_ms": 4000,
                                "ended_ms": 14_000, "duration_ms": 10_000,
                                "ended_by": by, "cause": cause,
                                "contact_block": "play" if told else ""}  # fmt: skip
    return CallReport(call(**{**known, **changes}), told, refused)


def told(
    block: str, call_state: str = "ongoing", *tries: AttemptRecord, **changes: object
) -> NotificationReport:
    """A notification of a block, delivered unless told otherwise."""
    fields = {"ivr_block": block, "call_state": call_state}
    made: dict[str, object] = {
        "state": "delivered",
        "created_ms": 2000,
        "fields": fields,
        **changes,
    }
    one: StoredNotification = notification("S1", 1, **made)
    return NotificationReport(
        one, tries or (AttemptRecord(one.notification_id, 1, 2000, 9, 200, ""),)
    )


def failed(error: str = "", status: int | None = None) -> AttemptRecord:
    return AttemptRecord("msg_S1_1", 1, 2000, 9, status, error)


def media(**figures: object) -> NotificationContext:
    return NotificationContext(media=tuple((name, str(value)) for name, value in figures.items()))


@pytest.mark.parametrize(("by", "cause"), sorted(RULES))
@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_every_rule_says_something_of_any_call(
    by: str, cause: str, answered: bool, direction: str
) -> None:
    rung: dict[str, Any] = {} if answered else {"answered_ms": None, "duration_ms": 0}
    for told_of in ((), (told("play"),), (told("answer", "ringing", failed("refused")),)):
        verdict = verdict_of(report(by, cause, *told_of, direction=direction, **rung))
        assert (verdict.ended_by, verdict.cause) == (by, cause)
        assert verdict.sentence.endswith(".")
        assert verdict.sentence.count(". ") == 0, "one sentence"
        assert verdict.advice
        assert verdict.evidence
        assert "NAME" not in verdict.sentence


def sentence(found: CallReport) -> str:
    return verdict_of(found).sentence


def test_what_each_side_heard_last() -> None:
    both = media(received_packets=500, received_loss="0.40", sent_packets=480)
    one = report("caller", "hangup", told("answer", "ringing"), told("play"), facts=both)
    assert sentence(one) == (
        "The caller hung up (BYE) 10.0 s after the answer; the caller last heard the message of a Play, "
        "which was over, and audio came from it (500 packets, and 0.40 % were lost)."
    )
    untold = replace(one, call=one.call.changed({"contact_block": ""}))
    assert "or what a request without notify_url played after it, and" in sentence(untold)
    during = replace(one, call=one.call.changed({"contact_block": "gather"}))
    assert "heard the prompt of a Gather, and" in sentence(during)
    nothing = report("caller", "hangup", told("answer", "ringing"), facts=media(received_packets=0))
    assert "and no audio at all came from it" in sentence(nothing)
    assert "--public-address" in verdict_of(nothing).advice
    unanswered = report("caller", "cancelled", answered_ms=None, duration_ms=0)
    assert sentence(unanswered).endswith("; neither side had heard anything.")


def test_what_the_audio_was_like_is_said_in_words() -> None:
    way = {"lost": 2, "loss": "0.40", "jitter_ms": "1.4", "mos": "4.30"}
    came = {f"received_{name}": figure for name, figure in {"packets": 500, **way}.items()}
    facts = media(**came, sent_packets=480, round_trip_ms="20.5")
    found = verdict_of(report("caller", "hangup", told("play"), facts=facts)).evidence
    assert [one.text for one in found if one.source == "media"] == [
        "from the phone: 500 packets, 2 lost (0.40 %), jitter 1.4 ms, MOS 4.30",
        "to the phone: 480 packets; the phone does not tell what arrived",
        "round trip: 20.5 ms",
    ]


@pytest.mark.parametrize(
    ("code", "reason", "says", "advises"),
    [
        (503, "Q.850;cause=34", 'the trunk spare answered 503, it is in trouble, which said "Q.850;cause=34"',
         "onhook trunk test spare"),
        (404, "", "answered 404, it does not know the number", "--number-format"),
        (488, "", "none of the audio", "--codecs"),
        (699, "", "the callee refuses", "call again"),
        (499, "", "refuses the request", "rule"),
        (None, "", "no response came", "onhook trunk test spare"),
    ],
)  # fmt: skip
def test_a_call_that_could_not_be_made(
    code: int | None, reason: str, says: str, advises: str
) -> None:
    facts = NotificationContext(trunk="spare", sip_reason=reason)
    one = report("system", "failed", direction="out", sip_code=code, answered_ms=None,
                 duration_ms=0, facts=facts)  # fmt: skip
    assert says in sentence(one)
    assert advises in verdict_of(one).advice


REFUSED = RefusedRequest(
    "S1", 1, 3000, "ivr/middle/play", "error_msg_invalid_xml", "It breaks off.", 2
)


def test_an_application_that_did_not_act() -> None:
    """It was not told, it was told and said nothing, or it asked in vain: three things to be mended."""
    rang: dict[str, Any] = {"answered_ms": None, "duration_ms": 0}
    down = told(
        "answer", "ringing", failed("connection refused"), failed(status=500), state="pending"
    )
    cases = (
        (report("system", "ring_timeout", down, **rang), "could not be told: HTTP 500", "with 200"),
        (report("system", "ring_timeout", told("answer", "ringing"), **rang), "rejected it (480)",
         "asked for nothing"),
        (report("system", "idle_timeout", told("play"), refused=(REFUSED,)),
         "refused its ivr/middle/play with error_msg_invalid_xml", "It breaks off."),
    )  # fmt: skip
    for one, says, advises in cases:
        assert says in sentence(one)
        assert advises in verdict_of(one).advice


def test_what_was_refused_before_the_application_had_its_last_turn_is_no_reason() -> None:
    later = told("play", created_ms=5000)
    assert "refused" not in sentence(report("system", "idle_timeout", later, refused=(REFUSED,)))


def test_who_does_not_know_of_the_end_is_said() -> None:
    gone = told("hangup", "ended", failed(status=410), state="given_up")
    advice = verdict_of(report("application", "hangup", gone)).advice
    assert "does not know of the end: HTTP 410" in advice
    assert "onhook notifications replay msg_S1_1" in advice


def test_what_it_rests_on_is_in_order_and_says_no_number_and_no_secret() -> None:
    secret = urls.parse("https://shop.example/told?token=secret")
    one = report("caller", "hangup", told("answer", "ringing", url=secret), refused=(REFUSED,),
                 facts=NotificationContext(fields=(("digits", "4711"),)))  # fmt: skip
    further = (Evidence(2500, "trace", "180 Ringing"),)
    verdict = verdict_of(one, further)
    moments = [one.at_ms for one in verdict.evidence]
    assert moments == [1000, 2000, 2500, 3000, 4000, 14_000]
    for text in (verdict.sentence, verdict.advice, *(one.text for one in verdict.evidence)):
        for private in ("secret", "+65", "4711"):
            assert private not in text
    assert any("https://shop.example/told" in one.text for one in verdict.evidence)


def test_of_a_call_that_goes_on_it_is_said_so() -> None:
    verdict = verdict_of(CallReport(call(state="running", answered_ms=4000), ()))
    assert (verdict.ended_by, verdict.cause) == ("", "")
    assert verdict.sentence.startswith("The call goes on (running)")


def test_an_end_that_a_later_version_wrote_is_told_as_it_is() -> None:
    assert sentence(report("aliens", "abducted")).startswith(
        "It was ended by aliens, cause abducted"
    )


def test_a_record_that_says_little() -> None:
    empty = CallRecord("", "", "", "", "", "", "", 0, "", "")
    assert verdict_of(CallReport(empty, ())).sentence


@pytest.mark.parametrize("cause", ["hangup", "forced_hangup", "rejected"])
def test_an_application_is_told_of_an_operator_and_not_which_one(cause: str) -> None:
    """The names are those by which they sign in."""
    facts = NotificationContext(operator="console mei")
    found = report("application", cause, facts=facts)
    assert sentence(found).startswith("The operator mei, in the console, ")
    verdict = verdict_of(found, for_application=True)
    assert verdict.sentence.startswith("An operator, in the application's place, ")
    assert "mei" not in str(verdict)
