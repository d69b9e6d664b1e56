"""What a notification costs whoever has the calls: delivered by its own loop, or by a process beside it.

    .venv/bin/python bench/delivery_cost.py [--count 3000] [--sessions 300] [--rounds 3]

Each round delivers so many notifications, all of them committed already, to a receiver in a process of its
own, once by an outbox on this loop and once by the process that delivers, over a link. Attempts are written
to a real store each time. What is printed is CPU time of this process a notification, with that of the store
alone beside it, and the CPU time of the process that delivers.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import web

from onhook import urls
from onhook.calls.deliveries import Attempts, undelivered
from onhook.notification import Notification
from onhook.notify.addresses import AddressPolicy
from onhook.notify.attempt import Attempt, AttemptOutcome
from onhook.notify.client import WebClient
from onhook.notify.handover import Tried
from onhook.notify.outbox import Outbox
from onhook.notify.remote import RemoteOutbox, Told
from onhook.notify.resolver import AddressResolver
from onhook.notify.signatures import AppSecrets
from onhook.notify.tls import client_context
from onhook.processes.channel import Channel
from onhook.processes.membership import CHANNEL
from onhook.store import Account, Application, CallRecord, Store, Writes

_FIELDS = {
    "ivr_block": "hangup", "session": "S" * 32, "txn_ref": "AA-C-1234567", "tag": "order 4711",
    "from": "+6591112222", "to": "+6531112222", "call_state": "ended", "date": "2024-05-01 12:00:00",
    "duration": "1", "currency": "SGD", "rate": "0.020", "debit": "0.020", "ended_by": "application",
    "cause": "hangup",
}  # fmt: skip


def _receive(port: Any) -> None:
    """A web server that says 200."""

    async def run() -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            await request.read()
            return web.Response(body=b"ok")

        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(run())


def _told(count: int, sessions: int, url: str) -> list[Notification]:
    webhook = urls.parse(url)
    return [
        Notification(f"n{n}", f"S{n % sessions}", "app", n // sessions, webhook, _FIELDS, 1)
        for n in range(count)
    ]


@asynccontextmanager
async def _store(told: Sequence[Notification]) -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(Path(folder))
        await store.add_account(Account("main", "", "AA", "SGD", 0))
        await store.add_application(Application("app", "app", "hash", "", "", 0))
        sessions = dict.fromkeys(one.session for one in told)
        calls = tuple(
            CallRecord(s, s, "app", "me", "ended", "", "", 0, "SGD", "0.02") for s in sessions
        )
        await store.submit(Writes(calls=calls, notifications=tuple(told)))
        yield store
        await store.close()


async def _secrets(_: str) -> AppSecrets | None:
    return AppSecrets("token", ("whsec_c2VjcmV0",))


class _Counted:
    """Attempts of a store; `done` once there were so many, or with what went wrong."""

    def __init__(self, store: Store, count: int) -> None:
        self._attempts = Attempts(store, lambda _: None)
        self._left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def record_attempts(self, several: Sequence[Tried], told: Told) -> None:
        self._attempts.record_attempts(several, partial(self._recorded, several, told))

    def _recorded(self, several: Sequence[Tried], told: Told, error: Exception | None) -> None:
        failed = [each for each in several if each.outcome is not AttemptOutcome.DELIVERED]
        self._left -= len(several)
        if self.done.done():
            pass
        elif error is not None:
            self.done.set_exception(error)
        elif failed:
            self.done.set_exception(RuntimeError(f"not delivered: {failed[0].attempt.error}"))
        elif self._left == 0:
            self.done.set_result(None)
        told(error)

    async def record_attempt(
        self,
        notification_id: str,
        attempt: Attempt,
        outcome: AttemptOutcome,
        next_at: float | None,
        awaited: bool = False,
    ) -> None:
        recorded = asyncio.Event()
        tried = Tried(notification_id, attempt, outcome, next_at, awaited)
        self.record_attempts([tried], lambda _: recorded.set())
        await recorded.wait()


async def _alone(told: Sequence[Notification]) -> float:
    """CPU seconds of writing the attempts and nothing else."""
    async with _store(told) as store:
        counted = _Counted(store, len(told))
        began_s = time.process_time()
        waiting = asyncio.Semaphore(32)

        async def one(each: Notification) -> None:
            async with waiting:
                made = Attempt(1, time.time(), 200, None, 5.0, 1)
                await counted.record_attempt(
                    each.notification_id, made, AttemptOutcome.DELIVERED, None
                )

        await asyncio.gather(*map(one, told))
        await counted.done
        return time.process_time() - began_s


async def _inside(told: Sequence[Notification]) -> tuple[float, float]:
    """CPU seconds of this process, and those that it took."""
    async with _store(told) as store:
        resolver = AddressResolver(AddressPolicy(["127.0.0.0/8"]))
        async with WebClient(resolver, client_context()) as client:
            counted = _Counted(store, len(told))
            outbox = Outbox(counted, client, _secrets)
            began = time.process_time(), time.monotonic()
            for each in told:
                outbox.deliver(each)
            await counted.done
            spent = time.process_time() - began[0], time.monotonic() - began[1]
            await outbox.close()
        resolver.close()
        return spent


def _started() -> tuple[subprocess.Popen[bytes], Channel, socket.socket]:
    """The process that delivers, the channel of which it is a member, and the link that it offers."""
    channel, theirs = Channel.pair()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "onhook.server.deliveries_process"],
        env={**os.environ, CHANNEL: str(theirs.fileno())},
        pass_fds=(theirs.fileno(),),
        stderr=subprocess.DEVNULL,
    )
    begin = {"say": "begin", "role": "deliveries", "generation": 1, "sockets": []}
    settings = {
        "log_private": False,
        "ca_file": None,
        "allowed_networks": ["127.0.0.0/8"],
        "retry_schedule": [5],
    }
    channel.send({**begin, "settings": settings})
    heard = channel.receive()
    assert heard is not None
    return process, channel, socket.socket(fileno=heard[1][0])


async def _outside(told: Sequence[Notification]) -> tuple[float, float, float]:
    """The same, and the CPU seconds of the process that delivers."""
    process, channel, end = await asyncio.to_thread(_started)
    async with _store(told) as store:
        counted = _Counted(store, len(told))
        outbox = RemoteOutbox(counted, _secrets, lambda: undelivered(store, "nobody"))
        outbox.take(end)
        outbox.resume()
        await asyncio.sleep(0.5)
        began = time.process_time(), time.monotonic(), _cpu_s(process.pid)
        for each in told:
            outbox.deliver(each)
        await counted.done
        spent = time.process_time() - began[0], time.monotonic() - began[1]
        theirs_s = _cpu_s(process.pid) - began[2]
        await outbox.close()
    process.kill()
    process.wait()
    channel.close()
    return (*spent, theirs_s)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Prints a line a round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,))
    receiver.start()
    told = _told(given.count, given.sessions, f"http://127.0.0.1:{ours.recv()}/notify")
    per = 1e6 / given.count
    print("us of CPU a notification; [notifications a second]")
    for _ in range(given.rounds):
        alone = uvloop.run(_alone(told))
        inside, took_s = uvloop.run(_inside(told))
        outside, out_took_s, process = uvloop.run(_outside(told))
        print(
            f"store alone {alone * per:5.0f}   on this loop {inside * per:5.0f} "
            f"[{given.count / took_s:.0f}]   by a process {outside * per:5.0f} "
            f"[{given.count / out_took_s:.0f}], of its own {process * per:5.0f}"
        )
    receiver.kill()


if __name__ == "__main__":
    main()
