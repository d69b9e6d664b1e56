"""Schemathesis attacks a running server through the server's own OpenAPI document.

It sends what the document allows and what it forbids: every parameter present, absent, empty, too
long, of another type, twice; bodies that are none; methods that nobody documented. Whatever comes
back has to be what the document says. Sessions are made up, so no request gets as far as a call or
another server.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest

from acceptance.harness import Callee, Customer, Onhook
from briefly import slow_but
from onhook.cli import accounts
from onhook.testing.receiver import Notification

TESTS = Path(__file__).resolve().parents[1]
EXCLUDED = (
    "unsupported_method",  # by contract 200 with error_invalid_http_method: see the hooks
    "negative_data_rejection",  # by contract 200 with an error status
)
DEADLINE_S = 300
SOME = "^/open/(ivr/end|user)/"
"""Two blocks, and what is asked of an account: parameters of each kind are among theirs."""


def attack(server: Onhook, directory: Path, phases: str, paths: str, **environment: str) -> None:
    """Runs Schemathesis on the paths that match; fails with what it said when it found anything."""
    report = directory / "report.json"
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *("--phases", phases, "--max-examples", "8", "--generation-deterministic"),
            *(
                "--suppress-health-check",
                "too_slow",
            ),  # how long an example takes is the machine's affair
            *("--workers", "1", "--request-timeout", "60", "--warnings", "off", "--no-color"),
            *("--include-path-regex", paths, "--exclude-checks", ",".join(EXCLUDED)),
            *("--report", "json", "--report-json-path", str(report)),
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
            "SCHEMATHESIS_HOOKS": "acceptance.schemathesis_hooks",
            **environment,
        },
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    came_to: dict[str, Any] = json.loads(report.read_text())
    assert came_to["operations"]["tested"] == came_to["operations"]["selected"] > 4
    assert came_to["test_cases"]["generated"] > 200


@pytest.mark.slow  # what an application may not ask for, nor who is none: the tests of the API say so first
def test_a_stranger_gets_documented_replies_and_nothing_done(
    server: Onhook, tmp_path: Path
) -> None:
    # Whoever is a stranger to one request is one to all, so the blocks stand for the others.
    attack(server, tmp_path, "examples,coverage", "^/open/ivr/|^/(?!open/)")


@pytest.mark.parametrize("paths", slow_but([SOME], [SOME, "^/open/"]), ids=["some", "all"])
def test_an_application_gets_documented_replies(server: Onhook, tmp_path: Path, paths: str) -> None:
    made = asyncio.run(accounts.create_application(server.data, "schemathesis"))
    attack(
        server,
        tmp_path,
        "examples,coverage,fuzzing",
        paths,
        ONHOOK_TEST_APP_ID=made["app_id"],
        ONHOOK_TEST_ACCESS_TOKEN=made["access_token"],
    )


def undocumented(document: dict[str, Any], title: str, told: Notification) -> list[str]:
    """What is wrong with a notification by the document, which is to name every field of it."""
    schema = document["components"]["schemas"][f"{title}Notification"]
    strict = {**schema, "additionalProperties": False}
    validator = jsonschema_rs.Draft202012Validator(strict)
    return [error.message for error in validator.iter_errors(told.form)]


async def test_the_notifications_of_a_call_are_as_documented(customer: Customer) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{customer.server.url}/openapi.json") as reply,
    ):
        document = await reply.json()
    call, rang = await customer.call()
    session = rang["session"]
    url = customer.receiver.url("/told")
    played = await customer.post("ivr/middle/play", session=session, msg="One.", notify_url=url)
    assert played == {"status": "success_ok"}
    heard = await customer.receiver.next(session=session, ivr_block="play")
    await customer.hangup(session, notify_url=url, tag="7")
    over = await customer.receiver.next(session=session, ivr_block="hangup")
    await call.ended()

    assert undocumented(document, "Answer", rang) == []
    assert undocumented(document, "Play", heard) == []
    assert undocumented(document, "Hangup", over) == []
    assert undocumented(document, "Hangup", rang)


async def test_the_notifications_of_every_block_are_as_documented(
    customer: Customer, callee: Callee
) -> None:
    """Those that go on and the last ones, of calls of both directions."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{customer.server.url}/openapi.json") as reply,
    ):
        document = await reply.json()
    receiver, url = customer.receiver, customer.receiver.url("/told")
    number, monitor = callee.another(), receiver.url("/monitor")
    dialled = await customer.post("ivr/start/dial", dest=number, notify_url=url)
    call = await callee.phone.incoming(called=number)
    await call.answer()
    session = dialled["session"]
    told = [("Dial", await receiver.next(session=session))]
    await customer.block("middle/monitor", session, monitor_notify_url=monitor)
    told.append(("Monitor", await receiver.next(session=session)))
    await customer.block("middle/gather", session, max_digits="1")
    await call.send_digits("1")
    told.append(("Gather", await receiver.next(session=session)))
    await customer.block("middle/send_digits", session, digits="1")
    told.append(("SendDigits", await receiver.next(session=session)))
    await customer.block("middle/record", session, max_duration="1")
    told.append(("Record", await receiver.next(session=session)))
    await customer.post("ivr/middle/hold", session=session)
    await customer.block("middle/unhold", session)
    told.append(("Unhold", await receiver.next(session=session)))
    busy = callee.another()
    await customer.block("end/transfer", session, dest=busy, on_failure="continue")
    (await callee.phone.incoming(called=busy)).reject(486)
    told.append(("Transfer", await receiver.next(session=session)))
    await call.hang_up()
    told.append(("Transfer", await receiver.next(session=session, ivr_block="transfer")))
    told.append(("Monitor", await receiver.next(session=session, ivr_block="monitor")))

    first, second = callee.another(), callee.another()
    await customer.post("voice/call", dest1=first, dest2=second, notify_url=url)
    (await callee.phone.incoming(called=first)).reject(486)
    told.append(("VoiceCall", await receiver.next(dest1=first)))
    await customer.post("conference/call", dest=second, notify_url=url)
    (await callee.phone.incoming(called=second)).reject(486)
    told.append(("ConferenceCall", await receiver.next(dest=second)))
    for title, one in told:
        assert undocumented(document, title, one) == [], title
