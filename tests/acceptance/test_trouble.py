"""Receivers that misbehave, disks that are full: whoever is not concerned does not notice."""

import asyncio
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

import pytest

from acceptance.asking import rows
from acceptance.harness import LASTING, Customer, Onhook
from acceptance.test_health import becomes
from briefly import slow_but
from onhook.calls.clock import api_date
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver, Reply, Then
from ports import free_port, fresh_port

LONG = "This message goes on while the disk is full, and is heard to its very last word. Good bye."
INTERNAL = "error_internal_server_error"

# One application's web server does not work; another's does ------------------------------------------

TROUBLES = {
    "stalls": Reply(then=Then.HANG),
    "fails": Reply(status=500),
    "redirects": Reply(status=302, headers={"Location": "/elsewhere"}),
    "drops": Reply(then=Then.DROP),
    "half replies": Reply(then=Then.HALF),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_one_receivers_trouble_is_not_anothers(
    shared: Callable[..., Onhook], phone: Phone, trouble: Reply
) -> None:
    async def misbehave(_: Notification) -> Reply:
        return trouble

    server = shared(retry_schedule="0.1")
    # The port of the bad one stays its own while it is closed.
    async with Receiver(misbehave, port=fresh_port()) as bad, Receiver(repeats=False) as good:
        suffering = await Customer.make(server, bad, phone)
        fine = await Customer.make(server, good, phone)
        call, first = await suffering.call()
        await call.cancel()
        for _ in range(3):
            _, told = await fine.call()
            await fine.hangup(told["session"], notify_url=good.url("/end"))
            last = await good.next(session=told["session"])
            assert last["call_state"] == "ended"
        if trouble.then is not Then.HALF:  # its status says that it was taken
            assert {one.headers["x-onhook-event"] for one in bad.notifications} == {"1"}
        bad.handler = None
        await bad.close()  # what hangs is let go of
        async with bad:
            last = await bad.next(session=first["session"], call_state="ended")
        assert last["cause"] == "cancelled"
        events = [int(one.headers["x-onhook-event"]) for one in bad.notifications]
        assert events == sorted(events)
        assert events[-1] == 2
        ids = {one.headers["webhook-id"] for one in bad.notifications}
        assert len(ids) == 2


# Nothing can be written -------------------------------------------------------------------------------

NoRoom = Callable[[Onhook], AbstractContextManager[None]]


@contextmanager
def _ballast(server: Onhook) -> Iterator[None]:
    """Fills the file system of the data directory to its last block."""
    path = server.data / "ballast"
    with path.open("wb", buffering=0) as file:
        for size_bytes in (1 << 20, 1 << 12):
            try:
                while file.write(b"\0" * size_bytes) == size_bytes:
                    pass
            except OSError:
                continue
    yield
    path.unlink()


@contextmanager
def _refused(server: Onhook) -> Iterator[None]:
    """The kernel refuses every write of its processes to a file; it has it in its log, too."""
    pids = server.pids("supervisor", *LASTING)
    before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids]
    for pid, (_, hard) in zip(pids, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    for pid, limits in zip(pids, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A data directory on a file system of 24 MB."""
    with tempfile.TemporaryDirectory(prefix="onhook-small-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        try:
            yield Path(folder) / "data"
        finally:
            subprocess.run(["umount", folder], check=True)


@pytest.fixture(params=slow_but(["full"], ["full", "refused"]))
def disk(request: pytest.FixtureRequest) -> Iterator[tuple[Onhook, NoRoom]]:
    """A server, and what makes its disk unusable for a while."""
    if request.param == "full":
        folder: Path = request.getfixturevalue("small_disk")
        folder.mkdir()
        server, trouble = Onhook(data=folder), _ballast
    else:
        server, trouble = Onhook(), _refused
    yield server, trouble
    server.close()


async def test_calls_outlive_a_disk_without_room(
    disk: tuple[Onhook, NoRoom], receiver: Receiver, phone: Phone
) -> None:
    server, no_room = disk
    customer = await Customer.make(server, receiver, phone)
    playing, told = await customer.call()
    ringing, told_ringing = await customer.call()
    speaking = {"msg": LONG, "notify_url": receiver.url("/end")}
    assert await customer.hangup(told["session"], **speaking) == {"status": "success_ok"}
    await playing.answered()

    with no_room(server):
        # Whatever is asked for cannot be promised, and is not.
        reply = await customer.hangup(told_ringing["session"], notify_url=receiver.url("/end"))
        assert reply["status"] == INTERNAL
        # A new call cannot be recorded: the caller is turned away at once.
        late = await (await phone.call(customer.number, server=server.sip)).ended()
        assert (late.how, late.code) == (How.REJECTED, 503)
        found = await becomes(server, "degraded")
        assert {part["part"] for part in found["degraded"]} & {"database", "disk"}
        # What goes on goes on, to its last word.
        assert (await playing.ended()).how is How.BYE_RECEIVED
        assert playing.recording.heard_s > 3
        assert playing.recording.lost == 0
        assert receiver.waiting() == []
        query = "SELECT session, state FROM calls ORDER BY began_ms"
        assert dict(rows(server, query)) == {
            told["session"]: "ending",
            told_ringing["session"]: "ringing",
        }

    for one, cause in ((told, "hangup"), (told_ringing, "rejected")):
        last = await receiver.next(session=one["session"])
        assert (last["call_state"], last["cause"]) == ("ended", cause)
        assert last.headers["x-onhook-event"] == "2"
    assert (await ringing.ended()).how is How.REJECTED
    assert rows(server, "SELECT DISTINCT state FROM calls") == [("ended",)]
    assert rows(server, "SELECT session, amount_micros FROM ledger") == [(told["session"], -20000)]
    await becomes(server, "ready")
    call, told_after = await customer.call()
    assert await customer.hangup(told_after["session"]) == {"status": "success_ok"}
    assert (await call.ended()).how is How.REJECTED
    assert await asyncio.to_thread(server.stop) == 0
    assert receiver.waiting() == []


# Callers that fall silent -------------------------------------------------------------------------------


class Gone(asyncio.DatagramProtocol):
    """Answers whatever it is asked with 481, as a phone does that was switched off and on again."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.first_ms = 0.0
        """When the first request was there, by the clock of the wall."""
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        lines = data.decode().split("\r\n")
        self.first_ms = self.first_ms or time.time() * 1000
        self.methods.append(lines[0].split()[0])
        kept = ("via", "from", "to", "call-id", "cseq")
        echo = [line for line in lines[1:] if line.split(":")[0].lower() in kept]
        assert self._transport is not None
        reply = "\r\n".join(["SIP/2.0 481 Gone", *echo, "Content-Length: 0", "", ""])
        self._transport.sendto(reply.encode(), addr)


async def test_a_phone_that_vanished_is_noticed(
    shared: Callable[..., Onhook], receiver: Receiver
) -> None:
    server = shared(silence_s="0.5")
    async with Phone(port=free_port()) as phone:  # it stays its own while the phone is gone
        customer = await Customer.make(server, receiver, phone)
        call, told = await customer.call()
        await customer.post(
            "ivr/middle/play",
            session=told["session"], msg="Hello.", notify_url=receiver.url("/played"),
        )  # fmt: skip
        await receiver.next(session=told["session"], call_state="ongoing")
        where = phone.address
        call.vanish()
    loop = asyncio.get_running_loop()
    transport, gone = await loop.create_datagram_endpoint(Gone, local_addr=where)
    try:
        last = await receiver.next(session=told["session"])
    finally:
        transport.close()
    assert (last["ended_by"], last["cause"], last["debit"]) == ("network", "media_lost", "0.020")
    query = "SELECT ended_ms FROM calls WHERE session = ?"
    [(ended_ms,)] = rows(server, query, told["session"])
    assert last["last_seen"] == api_date(ended_ms)
    assert "OPTIONS" in gone.methods
    assert ended_ms < gone.first_ms - 400, "it is asked after half a second"


async def test_a_caller_that_is_merely_silent_is_asked_again_and_stays(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(shared(silence_s="0.5"), receiver, phone)
    call, told = await customer.call(talk=False)
    await customer.hangup(told["session"], msg=LONG, notify_url=receiver.url("/end"))
    await call.answered()
    *_, third = (await call.received("OPTIONS", 3))[:3]
    last = await receiver.next(session=told["session"])
    assert last["cause"] == "hangup"
    assert (await call.ended()).at_s > third.at_s
    assert call.complaints == []


async def test_no_call_lasts_longer_than_a_session_may(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(start(session_s="1"), receiver, phone)
    call, told = await customer.call()
    last = await receiver.next(session=told["session"])
    assert (last["ended_by"], last["cause"]) == ("system", "session_timeout")
    assert (await call.ended()).code == 480
