"""Reloads a server again and again while calls play: counts calls, packets and requests that were lost.

Every call plays a message to a receiver in C that counts sequence numbers, other sources, and for how long a
call stood still; the application plays it again when it is over. Meanwhile clients ask for the balance, which
is in the database, over HTTP connections that they keep, and over new ones; OPTIONS go over one TCP
connection for SIP; and other calls come, hear a message and are hung up. Refused or not answered is lost;
what took more than a second is counted as slow.
"""

import argparse
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.called import HANGUP, PLAY
from bench.engines import Onhook, onhook
from bench.load import Load, Outcome, callers, sink
from bench.playing import SETUP_RATE, begun
from bench.rig import ONHOOK, raise_file_limit

SETTLE_S = 2.0
BETWEEN_S = 1.0
STILL_S = 1.0
LONGEST_S = 60.0
"""Of one reload, on a machine that is busy with other things."""
COMING_A_RELOAD = 3
"""Calls that come meanwhile, one a second."""
PAUSE_S = 0.01
"""Between two requests of a client."""
SLOW_S = 1.0
FRAME_MS = 20
SETTINGS = {"ONHOOK_SHED_LAG_MS": "0", "ONHOOK_STATUS_RATE_LIMIT": "0"}
SKIPPED = re.compile(r"^onhook_media_skipped_rounds\S* (\S+)$", re.MULTILINE)


@dataclass
class Asked:
    """What became of requests of one kind."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    slow: int = 0
    longest_s: float = 0.0

    def __str__(self) -> str:
        slow = f"{self.slow} slow (up to {self.longest_s:.2f} s)"
        return f"{self.answered} answered, {len(self.failed)} failed, {slow}"


Ask = Callable[[], None]
"""Makes one request, and raises where it has no answer."""


def kept_http(server: Onhook) -> Iterator[Ask]:
    """Over one connection, which is never made again."""
    connection = http.client.HTTPConnection(*server.rig.server.http, timeout=LONGEST_S)
    connection.connect()
    connection.auto_open = 0
    path = _balance(server)
    yield lambda: _ask(connection, path)
    connection.close()


def new_http(server: Onhook) -> Iterator[Ask]:
    """Over a new connection each time."""
    path = _balance(server)

    def ask() -> None:
        connection = http.client.HTTPConnection(*server.rig.server.http, timeout=LONGEST_S)
        try:
            _ask(connection, path)
        finally:
            connection.close()

    yield ask


def options(server: Onhook) -> Iterator[Ask]:
    """SIP over one TCP connection."""
    with socket.create_connection(server.sip, timeout=LONGEST_S) as connection:
        reading, number = connection.makefile("rb"), iter(range(1, 10**9))

        def ask() -> None:
            at = next(number)
            connection.sendall(_options(at))
            status = reading.readline()
            heads = list(iter(reading.readline, b"\r\n"))
            mine = b"CSeq: %d OPTIONS\r\n" % at in heads
            if not status.startswith(b"SIP/2.0 200") or not mine:
                raise OSError(f"{status!r} to OPTIONS {at}")

        yield ask


def _balance(server: Onhook) -> str:
    account = server.rig.account
    who = {"app_id": account.app_id, "access_token": account.access_token}
    return f"/open/user/get_balance?{urlencode(who)}"


def _ask(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    reply = connection.getresponse()
    status = str(json.loads(reply.read())["status"])
    if status != "success_ok":
        raise OSError(f"{reply.status} {status}")


def skipped_rounds(server: Onhook) -> int:
    """How often the media thread left out 20 ms, since it did not run in time."""
    host, port = server.rig.server.http
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=LONGEST_S) as reply:
        [value] = SKIPPED.findall(reply.read().decode())
    return round(float(value))


def _options(number: int) -> bytes:
    return (
        "OPTIONS sip:onhook@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bK-{number}\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:onhook@127.0.0.1>\r\n"
        f"Call-ID: reloads\r\nCSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


CLIENTS = {"kept": (kept_http, 4), "new": (new_http, 2), "OPTIONS": (options, 1)}
"""Who asks, and how many do."""


@contextmanager
def asking(server: Onhook) -> Iterator[dict[str, Asked]]:
    """All of them, in threads, within this context."""
    over = threading.Event()
    asked = {name: Asked() for name in CLIENTS}
    threads = [
        threading.Thread(target=_ask_on, args=(make(server), asked[name], over))
        for name, (make, many) in CLIENTS.items()
        for _ in range(many)
    ]
    for one in threads:
        one.start()
    try:
        yield asked
    finally:
        over.set()
        for one in threads:
            one.join()


def _ask_on(client: Iterator[Ask], asked: Asked, over: threading.Event) -> None:
    try:
        ask = next(client)
        while not over.wait(PAUSE_S):
            began_s = time.monotonic()
            ask()
            took_s = time.monotonic() - began_s
            asked.answered += 1
            asked.slow += took_s > SLOW_S
            asked.longest_s = max(asked.longest_s, took_s)
        next(client, None)
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        asked.failed.append(repr(error))  # it asks no more: its connection is of no use


def reload(server: Onhook) -> str:
    """What was wrong with it; empty if nothing was."""
    done = subprocess.run(
        [*ONHOOK, "reload", "--data", str(server.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def main(calls: int, reloads: int) -> bool:
    """Prints what was counted; returns whether nothing was lost."""
    raise_file_limit()
    life_s = calls / SETUP_RATE + reloads * LONGEST_S + 120
    with onhook(settings=SETTINGS) as server, sink(life_s) as receiver:
        load = Load("hold", server.sip, PLAY, receiver.port, SETUP_RATE, calls, hold_s=life_s)
        with callers(load):
            began = begun(server, calls, calls / SETUP_RATE + LONGEST_S)
            time.sleep(SETTLE_S)
            skipped = skipped_rounds(server)
            receiver.begin()
            wrong, asked, coming = _reloaded(server, reloads)
            time.sleep(SETTLE_S)
            receiver.finish()
            heard = receiver.told()
            skipped = skipped_rounds(server) - skipped
            receiver.begin()
            time.sleep(STILL_S)
            receiver.finish()
            still = receiver.told()["streams"]
        told = server.stats()
        log = server.rig.server.log.read_text(errors="replace")
    unlike = {
        name: count for name, count in told.items() if name.startswith("error") or "Error" in name
    }
    trouble = [*wrong, *(f"{name}: {each}" for name, one in asked.items() for each in one.failed)]
    lost = {
        "calls": calls - min(began, still),
        "packets": heard["lost"],
        "sources of audio that became others": max(0, heard["streams"] - calls),
        "ms of standing still": max(0, round(heard["stood_max_ms"] - FRAME_MS * (skipped + 1))),
        "calls that came": coming.created - coming.ok,
        "requests of the application": sum(unlike.values()),
        "recovered": log.count('"calls_recovered"') + log.count('"call_not_adopted"'),
    }
    print(
        f"{reloads} reloads, {calls} calls for {heard['window_s']:.0f} s, {heard['packets']} packets "
        f"(gap p99 {heard['gap_p99_ms']} ms, max {heard['gap_max_ms']} ms, {skipped} rounds left out, "
        f"{heard['kernel_drops']} dropped by the receiver's kernel), "
        f"{coming.created} calls that came meanwhile"
    )
    print("lost: " + ", ".join(f"{name} {count}" for name, count in lost.items()))
    print(f"notifications that came again under their id: {told.get('told_again', 0)}")
    for name, one in asked.items():
        print(f"{name}: {one}")
    for line in (*trouble, *(f"{name}: {count}" for name, count in unlike.items())):
        print(f"  {line}")
    return not trouble and not any(lost.values())


def _reloaded(server: Onhook, reloads: int) -> tuple[list[str], dict[str, Asked], Outcome]:
    """What was wrong with so many reloads, and what became of requests, and of calls that came meanwhile."""
    wrong = []
    many = COMING_A_RELOAD * reloads
    with sink(reloads * LONGEST_S) as receiver, asking(server) as asked:
        load = Load("server_bye", server.sip, HANGUP, receiver.port, 1, many, hold_s=LONGEST_S)
        with callers(load) as coming:
            for _ in range(reloads):
                began_s = time.monotonic()
                if why := reload(server):
                    wrong.append(why)
                print(f"reloaded in {time.monotonic() - began_s:.1f} s {why}", flush=True)
                time.sleep(BETWEEN_S)
            outcome = coming.result()
    return wrong, asked, outcome


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--reloads", type=int, default=10)
    given = parser.parse_args()
    sys.exit(0 if main(given.calls, given.reloads) else 1)
