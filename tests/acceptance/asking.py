"""Requests byte for byte, and what a request did (or did not do) to a call."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import asyncpg

from acceptance.files import LONG, PATIENCE_S, FileServer
from acceptance.harness import Customer, Onhook
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification
from onhook.testing.sip_text import response
from onhook.testing.tones import find_tone, tone

HANGUP = "/open/ivr/end/hangup"
FORM = "application/x-www-form-urlencoded"
OK = {"status": "success_ok"}
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """One HTTP response as it came over the wire."""

    http_status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object of the body."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


async def ask(
    server: Onhook,
    method: str,
    *,
    query: str = "",
    body: bytes = b"",
    content_type: str = FORM,
    path: str = HANGUP,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request on a connection of its own, exactly as given, and reads to the end."""
    where = urlsplit(server.url)
    target = f"{path}?{query}" if query else path
    lines = [f"{method} {target} HTTP/1.1", f"Host: {where.netloc}", "Connection: close"]
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += (f"{name}: {value}" for name, value in (headers or {}).items())
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        async with asyncio.timeout(PATIENCE_S):
            reply = await reader.read()
    finally:
        writer.close()
    return answer_of(reply)


def answer_of(reply: bytes) -> Answer:
    """The response in these bytes."""
    head, _, rest = reply.partition(b"\r\n\r\n")
    first, *others = head.decode().split("\r\n")
    fields = (line.partition(": ") for line in others)
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in fields}, rest)


def credentials(customer: Customer) -> dict[str, str]:
    """The two parameters that every request needs."""
    return {"app_id": customer.app_id, "access_token": customer.access_token}


def form(customer: Customer, **params: str) -> str:
    """Credentials and parameters, form-encoded."""
    return urlencode({**credentials(customer), **params})


async def assert_refused(customer: Customer, status: str, **params: str) -> str:
    """A Hangup with these parameters is refused with this status, and the call is as it was.

    Returns the sentence that came beside the status.
    """
    call, told = await customer.call()
    reply = await customer.post("ivr/end/hangup", **{"session": told["session"], **params})
    assert reply["status"] == status
    await assert_untouched(customer, call, told)
    return sentence(reply)


async def assert_each_refused(
    customer: Customer, status: str, name: str, values: Iterable[str]
) -> dict[str, str]:
    """Hangups with each of these values of a parameter are refused with this status, and the call that they
    are for is as it was.

    Returns the sentence that came beside the status, by value.
    """
    call, told = await customer.call()
    found = {}
    for value in values:
        reply = await customer.post("ivr/end/hangup", session=told["session"], **{name: value})
        assert reply["status"] == status, value
        found[value] = sentence(reply)
    await assert_untouched(customer, call, told)
    return found


def sentence(reply: Mapping[str, str]) -> str:
    """The detail of an error reply, which holds nothing else beside its status."""
    assert set(reply) == {"status", "detail"}
    detail = reply["detail"]
    assert len(detail) > 20
    assert detail.endswith(".")
    return detail


async def assert_untouched(customer: Customer, call: PhoneCall, told: Notification) -> None:
    """The call still rings, nothing was answered or told, and the next proper request works."""
    assert not call.is_over()
    assert call.log.received(200) == []
    assert customer.receiver.waiting() == []
    assert await customer.hangup(told["session"]) == OK
    assert (await call.ended()).how is How.REJECTED


async def heard(call: CallLeg, packets: int, timeout_s: float = PATIENCE_S) -> None:
    """Returns once the phone has received so many packets of audio."""
    async with asyncio.timeout(timeout_s):
        while len(call.recording.audio) < packets:
            await asyncio.sleep(0.01)


async def until_heard(leg: CallLeg, hz: float, heard: Callable[[], Awaitable[None]]) -> None:
    """Says a tone until it is heard: again, where the machine stood still in the middle of it. Of two joined
    calls one is sent silence then."""
    listening = asyncio.ensure_future(heard())
    while not listening.done():
        await leg.say(tone(hz, 500))
        await asyncio.wait([listening], timeout=0.3)
    await listening


def span_s(pcm: Pcm, hz: float) -> tuple[float, float]:
    """When the first stretch of a tone begins and ends, seconds; the tone has to be there."""
    found = find_tone(pcm, hz)
    assert found is not None, f"no {hz:g} Hz in {len(pcm) / 8000:.2f} s"
    return found[0] / 1000, found[1] / 1000


async def skipped_rounds(server: Onhook) -> int:
    """How often the media thread left out 20 ms, since it did not run in time."""
    page = (await ask(server, "GET", path="/metrics")).body.decode()
    [value] = re.findall(r"^onhook_media_skipped_rounds\S* (\S+)$", page, re.MULTILINE)
    return round(float(value))


async def undisturbed(server: Onhook, attempt: Callable[[], Awaitable[T]]) -> T:
    """What an attempt came to while the media thread always ran in time.

    Where the machine stood still for 20 ms, all that follows is heard as much later. Then it is tried
    again: what is measured is the server, not the machine.
    """
    for _ in range(30):
        before = await skipped_rounds(server)
        found = await attempt()
        if await skipped_rounds(server) == before:
            return found
    raise AssertionError("the machine stands still too often for anything to be measured on it")


def rows(server: Onhook, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query finds in the server's database; its parameters are question marks."""
    url = server.settings.get("database_url")
    if url:
        with ThreadPoolExecutor(1) as thread:  # tests have a loop of their own in this one
            return thread.submit(asyncio.run, _rows_of(url, query, values)).result()
    database = sqlite3.connect(server.data / "onhook.db", timeout=10)
    try:
        with database:
            return database.execute(query, values).fetchall()
    finally:
        database.close()


async def _rows_of(url: str, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    numbers = count(1)
    numbered = re.sub(r"\?", lambda _: f"${next(numbers)}", query)
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(numbered, *values)]
    finally:
        await connection.close()


def answer_the_bye(customer: Customer, call: PhoneCall) -> None:
    """What a phone that was told not to answer a BYE does in the end: its 200."""
    bye = call.log.received("BYE")[-1].message
    customer.phone.send_raw(response(bye, 200, "OK").to_bytes(), customer.server.sip)


async def notifications_after_the_end(server: Onhook, session: str) -> int:
    """How many notifications the session came to, once its end is on disk.

    The end and its notification are one transaction, so the number is final.
    """
    async with asyncio.timeout(PATIENCE_S):
        while rows(server, "SELECT state FROM calls WHERE session = ?", session) != [("ended",)]:
            await asyncio.sleep(0.01)
    query = "SELECT count(*) FROM notifications WHERE session = ?"
    return int(rows(server, query, session)[0][0])


async def playing(
    customer: Customer, files: FileServer, **options: object
) -> tuple[PhoneCall, Notification]:
    """A call on which a Play has begun that takes half a minute."""
    call, told = await customer.call(**options)
    params = {"msg": f"<url>{files.serve('long.wav', LONG)}</url>"}
    params["notify_url"] = customer.receiver.url("/played")
    assert await customer.post("ivr/middle/play", session=told["session"], **params) == OK
    await call.answered()
    return call, told
