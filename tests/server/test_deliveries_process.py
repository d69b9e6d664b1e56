"""The process that delivers as a program, under a supervisor that this test is."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from onhook import urls
from onhook.notification import Notification
from onhook.notify.attempt import AttemptOutcome, DeliveryProgress
from onhook.notify.handover import Tried
from onhook.notify.remote import RemoteOutbox, Told
from onhook.notify.signatures import AppSecrets, hoiio_signature
from onhook.processes.channel import Channel
from onhook.processes.membership import CHANNEL
from onhook.testing.receiver import Receiver

TOKEN = "access-token-that-nobody-may-see"


class Child:
    """The program, and the supervisor's end of its channel."""

    def __init__(self, log: Path, **settings: Any) -> None:
        self.channel, theirs = Channel.pair()
        given = {
            "log_private": False,
            "ca_file": None,
            "allowed_networks": ["127.0.0.0/8"],
            "retry_schedule": [0.2],
            **settings,
        }
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "onhook.server.deliveries_process"],
                env={**os.environ, CHANNEL: str(theirs.fileno())},
                pass_fds=(theirs.fileno(),),
                stderr=stderr,
            )
        theirs.close()
        begin = {"say": "begin", "role": "deliveries", "generation": 1, "sockets": []}
        self.channel.send({**begin, "settings": given})

    async def hears(self) -> tuple[dict[str, Any], list[int]]:
        """What the supervisor is told next."""
        told = await asyncio.to_thread(self.channel.receive)
        assert told is not None
        return told

    async def link(self) -> socket.socket:
        """The next link that it offers."""
        while True:
            told, descriptors = await self.hears()
            if told["say"] == "offer":
                assert told["link"] == "deliveries"
                [end] = descriptors
                return socket.socket(fileno=end)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.channel.close()


@contextmanager
def child(log: Path, **settings: Any) -> Iterator[Child]:
    running = Child(log, **settings)
    try:
        yield running
    finally:
        running.close()


class Store:
    """What was recorded, and nothing undelivered."""

    def __init__(self) -> None:
        self.recorded: asyncio.Queue[tuple[str, AttemptOutcome]] = asyncio.Queue()

    def record_attempts(self, several: Sequence[Tried], told: Told) -> None:
        for one in several:
            self.recorded.put_nowait((one.notification_id, one.outcome))
        told(None)

    async def undelivered(
        self,
    ) -> AsyncGenerator[Sequence[tuple[Notification, DeliveryProgress]], None]:
        for _ in range(0):
            yield ()


async def secrets_of(_: str) -> AppSecrets | None:
    return AppSecrets(TOKEN)


def told(number: int, url: str) -> Notification:
    return Notification(f"n{number}", "S1", "app", number, urls.parse(url), {"tag": "ü"}, 1)


async def test_it_delivers_for_one_switch_after_another(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with Receiver() as receiver:
        with child(log) as running:
            for number in (1, 2):
                store = Store()
                outbox = RemoteOutbox(store, secrets_of, store.undelivered)
                outbox.take(await running.link())
                outbox.resume()
                outbox.deliver(told(number, receiver.url("/a")))
                assert await store.recorded.get() == (f"n{number}", AttemptOutcome.DELIVERED)
                await outbox.close()
    first, second = receiver.notifications
    assert (first.headers["webhook-id"], second.headers["webhook-id"]) == ("n1", "n2")
    assert first.headers["x-hoiio-signature"] == hoiio_signature(first.body, TOKEN)
    assert TOKEN not in log.read_text()


async def test_it_keeps_the_guard_and_the_schedule_of_the_settings(tmp_path: Path) -> None:
    async with Receiver() as receiver:
        with child(tmp_path / "log", allowed_networks=[]) as running:
            store, barred = Store(), asyncio.Event()
            outbox = RemoteOutbox(store, secrets_of, store.undelivered)
            outbox.on_barred = lambda _: barred.set()
            outbox.take(await running.link())
            outbox.resume()
            outbox.deliver(told(1, receiver.url("/a")))
            for _ in range(2):
                assert await store.recorded.get() == ("n1", AttemptOutcome.FAILED)
            assert barred.is_set()
            await outbox.close()
    assert receiver.notifications == []
    told_of = (tmp_path / "log").read_text()
    assert '"event": "notification_attempted"' in told_of
    assert '"role": "deliveries"' in told_of
    assert TOKEN not in told_of


async def test_a_file_of_authorities_that_cannot_be_read_ends_it_with_a_sentence(
    tmp_path: Path,
) -> None:
    with child(tmp_path / "log", ca_file=str(tmp_path / "missing.pem")) as running:
        heard, _ = await running.hears()
        assert heard["say"] == "failed"
        assert "--ca-file" in heard["why"]
        assert await asyncio.to_thread(running.process.wait, 30) == 1


@pytest.mark.parametrize(
    "unused", ["sqlalchemy", "sqlite3", "pydantic", "numpy", "rich", "aiohttp"]
)
def test_it_loads_nothing_that_it_does_not_need(unused: str) -> None:
    program = (
        "import sys; from onhook.server.deliveries_process import main\n"
        "try: main()\nexcept RuntimeError: print(sys.modules.get(sys.argv[1]))"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program, unused], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "None\n", ran.stderr
