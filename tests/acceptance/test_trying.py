"""``onhook call place`` and ``onhook call hangup``: an operator tries it, without a line of HTTP."""

import asyncio
import json
import os
import pwd
from pathlib import Path
from typing import Any

import aiohttp

from acceptance.harness import Callee, Customer, Onhook
from acceptance.test_operator_commands import command, run
from onhook.testing.call_log import How


async def test_a_call_is_placed_says_something_and_is_explained(
    customer: Customer, callee: Callee
) -> None:
    number = callee.another()
    arguments = ["call", "place", number, "--app", customer.app_id, "--msg", "This is a test."]
    placing = asyncio.create_task(command(customer.server, *arguments, "--json"))
    call = await callee.phone.incoming(called=number)
    call.ring()
    await call.answer()
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 0.3
    told = json.loads(await placing)
    assert (told["answered"], told["ended_by"], told["cause"]) == (True, "application", "hangup")
    assert "the callee heard what a request without notify_url plays" in told["sentence"]


async def test_a_call_that_nobody_answers_is_status_1(customer: Customer, callee: Callee) -> None:
    number = callee.another()
    arguments = ["call", "place", number, "--app", customer.app_id]
    placing = asyncio.create_task(asyncio.to_thread(run, customer.server, *arguments))
    call = await callee.phone.incoming(called=number)
    call.reject(486)
    ended = await placing
    assert ended.exit_code == 1
    assert "The callee was busy" in ended.stdout
    assert "What to do: " in ended.stdout


async def test_a_call_is_hung_up_at_once_or_after_a_message(customer: Customer) -> None:
    for message in ([], ["--msg", "We are closed."]):
        call, told = await customer.call()
        await command(customer.server, "call", "hangup", told["session"], *message)
        ended = await call.ended(timeout_s=60)
        assert ended.how is (How.BYE_RECEIVED if message else How.REJECTED)
        why = await why_ended(customer.server, told["session"])
        me = pwd.getpwuid(os.getuid()).pw_name
        assert why["sentence"].startswith(f"The operator {me}, by 'onhook call hangup', ")
        assert why["ended_by"] == "application"


async def why_ended(server: Onhook, session: str) -> dict[str, Any]:
    """What `calls why` says of it once it is over; nobody is told of these ends."""
    while True:
        found = json.loads(await command(server, "calls", "why", session, "--json"))
        if found["ended_by"]:
            return dict(found)


async def test_an_application_cannot_say_that_an_operator_hung_up(customer: Customer) -> None:
    call, told = await customer.call()
    params = {
        "app_id": customer.app_id,
        "access_token": customer.access_token,
        "session": told["session"],
    }
    said = {"X-Onhook-Operator": "root 0123456789abcdef0123"}
    url = f"{customer.server.url}/open/ivr/end/hangup"
    async with aiohttp.ClientSession() as http, http.post(url, data=params, headers=said) as reply:
        assert (await reply.json())["status"] == "success_ok"
    await call.ended()
    why = await why_ended(customer.server, told["session"])
    assert why["sentence"].startswith("The application rejected the call")


async def test_what_is_refused_is_one_sentence(customer: Customer, tmp_path: Path) -> None:
    async def said(server: Onhook, *arguments: str) -> str:
        ended = await asyncio.to_thread(run, server, "call", *arguments)
        assert ended.exit_code == 1
        assert len(ended.stderr.splitlines()) == 1
        return ended.stderr

    server, mine = customer.server, ("--app", customer.app_id)
    assert "error_dest_invalid" in await said(server, "place", "12", *mine)
    assert "There is no application" in await said(server, "place", "+6531230000", "--app", "x")
    assert "There is no call" in await said(server, "hangup", "Snobody")
    call, told = await customer.call()
    await call.cancel()
    await customer.receiver.next(session=told["session"], call_state="ended")
    assert "error_session_ended" in await said(server, "hangup", told["session"])
