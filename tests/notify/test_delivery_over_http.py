"""The outbox, the client and real web servers together."""

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from standardwebhooks import Webhook

from notify.doubles import MemoryStore, VirtualTime, notification, secret_of, settle
from notify.loops import on_both_loops
from notify.servers import Received, raw_server, web_client, web_server
from onhook.notify.attempt import AttemptOutcome
from onhook.notify.outbox import Outbox
from onhook.notify.signatures import AppSecrets, hoiio_signature

SECRET = secret_of(bytes(range(32)))


async def secrets_of(app_id: str) -> AppSecrets:
    return AppSecrets("access-token", (SECRET,))


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@on_both_loops
async def test_a_notification_arrives_signed_in_query_and_body() -> None:
    store = MemoryStore()
    async with web_server() as server, web_client() as client:
        outbox = Outbox(store, client, secrets_of)
        fields = {"ivr_block": "hangup", "tag": "naïve & +", "duration": "1"}
        url = f"http://localhost:{server.port}/calls?mine=1"
        outbox.deliver(notification("ntf_1", url=url, fields=fields, sequence=9))
        await store.wait_for(1)
        await outbox.close()
    [received] = server.received
    expected = {"mine": ["1"], **{name: [value] for name, value in fields.items()}}
    assert parse_qs(received.body.decode()) == expected
    assert parse_qs(urlsplit(received.target).query) == expected
    assert received.headers["x-onhook-event"] == "9"
    assert received.headers["x-hoiio-signature"] == hoiio_signature(received.body, "access-token")
    Webhook(SECRET).verify(received.body, received.headers, json_parse=False)
    assert store.outcomes("ntf_1") == [AttemptOutcome.DELIVERED]


@on_both_loops
async def test_order_within_a_session_while_others_overtake() -> None:
    gate = asyncio.Event()

    async def reply(received: Received) -> web.Response:
        if received.target.startswith("/slow"):
            await gate.wait()
        return web.Response()

    store = MemoryStore()
    async with web_server(reply) as server, web_client() as client:
        outbox = Outbox(store, client, secrets_of)
        for i in range(10):
            for session in ("slow", "one", "two"):
                url = f"http://localhost:{server.port}/{session}"
                outbox.deliver(notification(f"{session}-{i}", session, url=url, sequence=i))
        await store.wait_for(20)
        assert not any(record.id.startswith("slow") for record in store.records)
        gate.set()
        await store.wait_for(30)
        await outbox.close()
    for session in ("slow", "one", "two"):
        arrived = [
            received.headers["x-onhook-event"]
            for received in server.received
            if received.target.startswith(f"/{session}")
        ]
        assert arrived == [str(i) for i in range(10)]


@on_both_loops
async def test_a_stalled_receiver_holds_up_its_own_sessions_only() -> None:
    store = MemoryStore()
    async with raw_server(stall) as stalled, web_server() as server, web_client() as client:
        outbox = Outbox(store, client, secrets_of, at_once=8, at_once_per_host=4)
        for i in range(20):
            url = f"http://localhost:{stalled}/"
            outbox.deliver(notification(f"stalled-{i}", f"stalled-{i}", url=url))
        for i in range(20):
            url = f"http://127.0.0.1:{server.port}/"
            outbox.deliver(notification(f"good-{i}", f"good-{i}", url=url))
        await store.wait_for(20)
        assert all(record.id.startswith("good") for record in store.records)
        await outbox.close()


async def test_failures_on_the_wire_are_tried_again_and_each_signs_its_own_time() -> None:
    answers = iter([web.Response(status=500), web.Response(status=302), web.Response(status=204)])

    async def reply(received: Received) -> web.Response:
        return next(answers)

    virtual, store = VirtualTime(), MemoryStore()
    async with web_server(reply) as server, web_client() as client:
        outbox = Outbox(
            store,
            client,
            secrets_of,
            clock=virtual.clock,
            monotonic=virtual.monotonic,
            call_later=virtual.call_later,
        )
        outbox.deliver(notification("a", url=f"http://localhost:{server.port}/"))
        for attempt in (1, 2, 3):
            await store.wait_for(attempt)
            await settle()
            await virtual.pass_until(virtual.now + 3600)
    statuses = [record.attempt.status for record in store.records]
    assert statuses == [500, 302, 204]
    stamps = [int(received.headers["webhook-timestamp"]) for received in server.received]
    assert stamps == sorted(set(stamps))
    assert {received.headers["webhook-id"] for received in server.received} == {"a"}
    assert outbox.lanes == 0


async def test_an_address_that_may_not_be_called_is_a_failure_that_is_recorded() -> None:
    virtual, store = VirtualTime(), MemoryStore()
    async with web_server() as server, web_client(allowed=()) as client:
        outbox = Outbox(
            store,
            client,
            secrets_of,
            clock=virtual.clock,
            monotonic=virtual.monotonic,
            call_later=virtual.call_later,
        )
        outbox.deliver(notification("a", url=f"http://localhost:{server.port}/"))
        await store.wait_for(1)
        await outbox.close()
    [record] = store.records
    assert record.outcome is AttemptOutcome.FAILED
    assert "loopback" in (record.attempt.error or "")
    assert server.received == []


async def test_a_receiver_that_answers_half() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-")

    virtual, store = VirtualTime(), MemoryStore()
    async with raw_server(half) as port, web_client() as client:
        outbox = Outbox(
            store,
            client,
            secrets_of,
            clock=virtual.clock,
            monotonic=virtual.monotonic,
            call_later=virtual.call_later,
        )
        outbox.deliver(notification("a", url=f"http://localhost:{port}/"))
        await store.wait_for(1)
        await outbox.close()
    [record] = store.records
    assert (record.attempt.status, record.outcome) == (None, AttemptOutcome.FAILED)


async def test_many_sessions_leave_nothing_behind() -> None:
    store = MemoryStore()
    async with web_server() as server, web_client() as client:
        outbox = Outbox(store, client, secrets_of, clock=time.time)
        url = f"http://localhost:{server.port}/"
        for i in range(300):
            outbox.deliver(notification(f"n{i}", f"S{i}", url=url))
        await store.wait_for(300)
        assert await outbox.drain(10) == 0
    assert outbox.lanes == 0
    assert len(server.received) == 300
