"""A request with an idempotency key is carried out once, however often it is sent."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from acceptance.accounts import HEADER, once, own_account, replayed
from acceptance.asking import (
    HANGUP,
    OK,
    ask,
    assert_untouched,
    credentials,
    form,
    notifications_after_the_end,
    playing,
    rows,
    sentence,
)
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from briefly import slow_but
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

PATH = "ivr/end/hangup"
UNKNOWN_SESSION = "S00000000000000000000"
REUSED = "error_idempotency_key_reused"


# Replay ----------------------------------------------------------------------------------------


async def test_a_replayed_hangup_does_not_hang_up_twice(customer: Customer) -> None:
    call, told = await customer.call()
    params = {"session": told["session"], "notify_url": customer.receiver.url("/end")}
    first = await once(customer, PATH, "order 7", **params)
    assert (first.json, replayed(first)) == (OK, False)
    ended = await call.ended()
    assert ended.how is How.REJECTED
    again = await once(customer, PATH, "order 7", **params)
    assert (again.json, replayed(again)) == (OK, True)
    assert (await customer.receiver.next(session=told["session"]))["cause"] == "rejected"
    assert await notifications_after_the_end(customer.server, told["session"]) == 2
    # The same request without its key is a new one.
    assert (await customer.hangup(**params))["status"] == "error_session_ended"


async def test_header_and_parameter_and_method_do_not_matter(customer: Customer) -> None:
    """The key may come either way, and GET is POST."""
    _, told = await customer.call()
    session = {"session": told["session"]}
    first = await once(customer, PATH, "k", **session)
    got = await once(customer, PATH, "k", method="GET", **session)
    by_parameter = await ask(
        customer.server, "POST", body=form(customer, idempotency_key="k", **session).encode()
    )
    by_both = await once(customer, PATH, "k", idempotency_key="another", **session)
    assert (first.json, replayed(first)) == (OK, False)
    assert (got.json, replayed(got)) == (OK, True)
    assert (by_parameter.json, by_parameter.headers["idempotent-replayed"]) == (OK, "true")
    assert (by_both.json, replayed(by_both)) == (OK, True)


async def test_a_refusal_is_replayed_too(customer: Customer) -> None:
    first = await once(customer, PATH, "k", session=UNKNOWN_SESSION)
    again = await once(customer, PATH, "k", session=UNKNOWN_SESSION)
    assert first.status == "error_invalid_session"
    assert first.json == again.json
    assert (replayed(first), replayed(again)) == (False, True)


async def test_status_requests_are_replayed_too(customer: Customer) -> None:
    account_id = await own_account(customer)
    first = await once(customer, "user/get_balance", "k")
    query = "UPDATE accounts SET points_micros = 7000000 WHERE account_id = ?"
    rows(customer.server, query, account_id)
    again = await once(customer, "user/get_balance", "k")
    new = await once(customer, "user/get_balance", "k2")
    assert first.json == again.json
    assert [reply.json["points"] for reply in (first, again, new)] == ["0.000", "0.000", "7.000"]


async def test_a_replayed_forwarding_changes_nothing(customer: Customer) -> None:
    one, other = (customer.receiver.url(path) for path in ("/one", "/other"))
    path, number = "number/update_forwarding", customer.number
    await once(customer, path, "k", number=number, forward_to=one)
    await customer.post(path, number=number, forward_to=other)
    again = await once(customer, path, "k", number=number, forward_to=one)
    assert (again.json, replayed(again)) == (OK, True)
    assert (await customer.call())[1].path == "/other"


async def test_without_a_key_nothing_is_marked_or_kept(customer: Customer) -> None:
    kept = "SELECT count(*) FROM idempotent_replies WHERE app_id = ?"
    async with customer.api as api:
        for _ in range(2):
            reply = await api.request("POST", PATH, {"session": UNKNOWN_SESSION})
            assert not replayed(reply)
    assert rows(customer.server, kept, customer.app_id) == [(0,)]


# Conflict --------------------------------------------------------------------------------------


async def test_another_request_under_the_key_is_refused(customer: Customer) -> None:
    call, told = await customer.call()
    await once(customer, PATH, "k", session=UNKNOWN_SESSION)
    reply = await once(customer, PATH, "k", session=told["session"])
    assert (reply.http_status, reply.status) == (200, REUSED)
    assert not replayed(reply)
    sentence(reply.json)
    await assert_untouched(customer, call, told)


async def test_another_endpoint_under_the_key_is_refused(customer: Customer) -> None:
    await once(customer, "user/get_balance", "k")
    assert (await once(customer, "user/get_info", "k")).status == REUSED


async def test_the_key_of_another_application_is_another_key(
    customer: Customer, server: Onhook, receiver: Receiver, phone: Phone
) -> None:
    other = await Customer.make(server, receiver, phone)
    await once(customer, PATH, "k", session=UNKNOWN_SESSION)
    _, told = await other.call()
    reply = await once(other, PATH, "k", session=told["session"])
    assert (reply.json, replayed(reply)) == (OK, False)


# Side by side ----------------------------------------------------------------------------------


async def test_of_many_at_once_the_others_wait_for_the_first(
    customer: Customer, files: FileServer
) -> None:
    """The file of the message is held back, so that all of them arrive before the first is done."""
    call, told = await customer.call()
    url, release = files.serve("beep.wav", BEEP), files.hold("beep.wav")
    params = {"session": told["session"], "msg": f"<url>{url}</url>"}
    asked = [asyncio.create_task(once(customer, PATH, "k", **params)) for _ in range(8)]
    await files.asked_for("beep.wav")
    conflict = await once(customer, PATH, "k", session=told["session"])
    assert conflict.status == REUSED
    assert not any(task.done() for task in asked)
    release.set()
    replies = await asyncio.gather(*asked)
    assert [reply.json for reply in replies] == [OK] * 8
    assert sorted(map(replayed, replies)) == [False] + [True] * 7
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert files.requests == ["/beep.wav"]


# After the end of the process ------------------------------------------------------------------


@pytest.mark.parametrize("end", slow_but(["kill"], ["stop", "kill"]))
async def test_a_reply_is_replayed_by_the_next_process(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, end: str
) -> None:
    """The reply is on disk with what was accepted, so a kill right after it loses neither."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    _, told = await customer.call()
    params = {"session": told["session"], "force": "enabled"}
    first = await once(customer, PATH, "k", **params)
    assert first.json == OK
    if end == "kill":
        server.process.kill()
    await asyncio.to_thread(server.stop)
    customer.server = Onhook(data=server.data)
    try:
        again = await once(customer, PATH, "k", **params)
        conflict = await once(customer, PATH, "k", session=told["session"])
    finally:
        customer.server.close()
    assert (again.json, replayed(again)) == (OK, True)
    assert conflict.status == REUSED


async def test_after_a_day_a_key_is_free(customer: Customer) -> None:
    await once(customer, PATH, "k", session=UNKNOWN_SESSION)
    age = "UPDATE idempotent_replies SET created_ms = created_ms - 86400001 WHERE app_id = ?"
    rows(customer.server, age, customer.app_id)
    _, told = await customer.call()
    reply = await once(customer, PATH, "k", session=told["session"])
    assert (reply.json, replayed(reply)) == (OK, False)
    again = await once(customer, PATH, "k", session=told["session"])
    assert (again.json, replayed(again)) == (OK, True)


async def test_old_replies_are_forgotten(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    for key in ("old", "young"):
        await once(customer, PATH, key, session=UNKNOWN_SESSION)
    age = "UPDATE idempotent_replies SET created_ms = created_ms - 86400001 WHERE key = 'old'"
    rows(server, age)
    await asyncio.to_thread(server.stop)
    next_server = Onhook(data=server.data)
    try:
        async with asyncio.timeout(60):
            while rows(server, "SELECT key FROM idempotent_replies") != [("young",)]:
                await asyncio.sleep(0.01)
    finally:
        next_server.close()


# What is not kept ------------------------------------------------------------------------------


async def test_not_ready_is_not_kept(customer: Customer, files: FileServer) -> None:
    """It says "try again", so trying again has to help."""
    call, told = await playing(customer, files)
    session = told["session"]
    early = await once(customer, PATH, "k", session=session)
    assert early.status == "error_session_not_ready"
    again = await once(customer, PATH, "k", session=session)
    assert (again.status, replayed(again)) == ("error_session_not_ready", False)
    assert call.is_up()
    # Another request may take the key as well: nothing is remembered of the first.
    forced = await once(customer, PATH, "k", session=session, force="enabled")
    assert forced.json == OK
    assert (await call.ended()).how is How.BYE_RECEIVED


async def test_wrong_credentials_are_not_kept(customer: Customer) -> None:
    _, told = await customer.call()
    right = credentials(customer)
    for wrong in ({"access_token": "nobody's"}, {"app_id": "nobody's"}):
        async with customer.api as api:
            params: dict[str, object] = {**right, "session": told["session"], **wrong}
            refused = await api.request("POST", PATH, params, headers={HEADER: "k"})
        assert refused.status.startswith("error_invalid_a")
    reply = await once(customer, PATH, "k", session=told["session"])
    assert (reply.json, replayed(reply)) == (OK, False)


async def test_too_many_requests_are_not_kept(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Requests are made faster than they are allowed; the one that is refused is accepted in its time."""
    customer = await Customer.make(start(status_rate_limit="30"), receiver, phone)
    await own_account(customer)
    for key in map(str, count()):
        reply = await once(customer, "user/get_balance", key)
        if reply.status == "error_rate_limit_exceeded":
            break
    async with asyncio.timeout(60):
        while reply.status == "error_rate_limit_exceeded":
            assert not replayed(reply)
            await asyncio.sleep(0.1)
            reply = await once(customer, "user/get_balance", key)
    assert (reply.status, replayed(reply)) == ("success_ok", False)


async def test_an_internal_error_is_not_kept(customer: Customer) -> None:
    """Nothing can be read while the table is away; when it is back, the request is carried out."""
    server = customer.server
    _, told = await customer.call()
    rows(server, "ALTER TABLE idempotent_replies RENAME TO away")
    try:
        broken = await once(customer, PATH, "k", session=told["session"])
    finally:
        rows(server, "ALTER TABLE away RENAME TO idempotent_replies")
    assert broken.status == "error_internal_server_error"
    reply = await once(customer, PATH, "k", session=told["session"])
    assert (reply.json, replayed(reply)) == (OK, False)


# The key ---------------------------------------------------------------------------------------


async def test_the_longest_key(customer: Customer) -> None:
    key = "\N{CJK UNIFIED IDEOGRAPH-6771}" * 255
    first = await once(customer, PATH, key, session=UNKNOWN_SESSION)
    again = await once(customer, PATH, "-", session=UNKNOWN_SESSION, idempotency_key=key)
    assert first.status == "error_invalid_session"
    assert not replayed(again)  # the header counted, not the parameter
    by_parameter = await customer.post(PATH, session=UNKNOWN_SESSION, idempotency_key=key)
    assert by_parameter["status"] == "error_invalid_session"


@pytest.mark.parametrize("key", ["x" * 256, "tab\there", "\N{ZERO WIDTH SPACE}"])
async def test_what_is_no_key(customer: Customer, key: str) -> None:
    reply = await customer.post(PATH, session=UNKNOWN_SESSION, idempotency_key=key)
    assert reply["status"] == "error_malformed_params"
    assert "key" in sentence(reply)


async def test_a_key_is_looked_at_before_missing_parameters(customer: Customer) -> None:
    answer = await ask(customer.server, "GET", query="idempotency_key=%00", path=HANGUP)
    assert answer.json["status"] == "error_malformed_params"
    reply = await once(customer, PATH, "x" * 256)
    assert reply.status == "error_malformed_params"
