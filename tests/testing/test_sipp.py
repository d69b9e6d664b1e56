"""The SIPp scenarios against the scripted answerer: each passes, and each can fail."""

import re

import pytest

from onhook.testing import silence, tone
from sipp_run import PATH_OF_SIPP, SCENARIOS, run_sipp
from testing.answerer import Answerer, Manner, header

pytestmark = pytest.mark.skipif(PATH_OF_SIPP is None, reason="sipp is not installed")

SHORT = Manner(plays=tone(440, 100))
GOOD = {
    "server_bye": (SHORT, ["INVITE", "ACK"]),
    "caller_bye": (Manner(plays=silence(5000)), ["INVITE", "ACK", "BYE"]),
    "late_ack": (Manner(plays=tone(440, 100), repeat_answer_s=0.5), ["INVITE", "ACK"]),
    "lost_ack": (Manner(plays=tone(440, 100), repeat_answer_s=0.2), ["INVITE", "ACK"]),
    "unknown_number": (SHORT, ["INVITE", "ACK"]),
    "no_common_codec": (SHORT, ["INVITE", "ACK"]),
    "cancel_ringing": (Manner(answers=False), ["INVITE", "CANCEL", "ACK"]),
    "options": (SHORT, ["OPTIONS"]),
    "repeated_invite": (Manner(plays=tone(440, 100), answer_after_s=0.5), ["INVITE", "ACK"]),
}
NEEDS_A_SERVER = {"no_ack", "glare", "bye_crossing", "bye_twice", "cancel_crossing"}
"""Beyond what the answerer can; in acceptance/test_sipp.py they pass."""
IN_DIALOG = ("server_bye", "caller_bye", "late_ack", "lost_ack", "repeated_invite")


def test_every_scenario_is_tested() -> None:
    callers = {path.stem for path in SCENARIOS.glob("*.xml") if not path.stem.startswith("uas_")}
    assert callers == set(GOOD) | NEEDS_A_SERVER


@pytest.mark.parametrize("scenario", GOOD)
async def test_a_scenario_passes(scenario: str) -> None:
    manner, methods = GOOD[scenario]
    number = "404" if scenario == "unknown_number" else "+6531234567"
    async with Answerer(manner) as server:
        result = await run_sipp(scenario, server.address, number=number, timeout_s=30, pause_ms=200)
        assert result.passed, result.log
        assert (result.ok, result.failed) == (1, 0)
        # SIPp sends again by itself what is not answered soon on a busy machine
        assert [text.split(" ", 1)[0] for text in dict.fromkeys(server.requests)] == methods
        if scenario == "repeated_invite":
            assert server.methods().count("INVITE") >= 2
        if scenario == "options":
            return
        requests = {text.split(" ", 1)[0]: text for text in server.requests}
        same = header(requests["ACK"], "Via") == header(requests["INVITE"], "Via")
        assert same == (scenario not in IN_DIALOG)
        for text in requests.values():
            assert header(text, "Content-Length"), text  # nothing cut the headers short
            assert re.match(r"\w+ sip:", text)


@pytest.mark.parametrize(
    ("scenario", "manner"),
    [
        ("server_bye", Manner(rejects=(503, "Service Unavailable"))),
        ("unknown_number", Manner(rejects=(403, "Forbidden"))),
        ("no_common_codec", Manner(rejects=(415, "Unsupported Media Type"))),
        ("cancel_ringing", Manner(rejects=(480, "Temporarily Unavailable"))),
        ("lost_ack", Manner(rejects=(480, "Temporarily Unavailable"))),
        *((scenario, Manner(rejects=(480, "No"))) for scenario in sorted(NEEDS_A_SERVER)),
    ],
)
async def test_a_scenario_fails_on_another_answer(scenario: str, manner: Manner) -> None:
    async with Answerer(manner) as server:
        result = await run_sipp(scenario, server.address, timeout_s=30)
        assert not result.passed
        assert result.failed == 1
        assert "SIP/2.0" in result.log


async def test_a_second_call_for_the_repeated_invite_is_noticed() -> None:
    """A server that takes a repeated INVITE for a new call answers it with another tag."""
    async with Answerer(Manner(plays=tone(440, 100), answer_after_s=0.5)) as server:
        answer = server.response

        def forgetful(
            text: str, status: str, tag: str = "", extra: str = "", body: str = ""
        ) -> str:
            again = sum(request.startswith("INVITE") for request in server.requests) > 1
            return answer(text, status, f"{tag}2" if again else tag, extra, body)

        server.response = forgetful  # type: ignore[method-assign]
        result = await run_sipp("repeated_invite", server.address, timeout_s=30)
        assert not result.passed
        assert "has another tag" in result.log


async def test_several_calls() -> None:
    async with Answerer(SHORT) as server:
        result = await run_sipp("server_bye", server.address, calls=4, rate=20, timeout_s=30)
        assert (result.ok, result.failed) == (4, 0), result.log
        assert len(server.calls) == 4


async def test_a_server_that_says_nothing_is_a_failure_in_time() -> None:
    async with Answerer(Manner(answers_invite_from=99)) as server:
        result = await run_sipp("server_bye", server.address, timeout_s=1)
        assert not result.passed
        assert result.failed == 1
