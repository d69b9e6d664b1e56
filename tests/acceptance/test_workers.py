"""The helper processes of a running server: what they hold, and that no signal of a terminal reaches them."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from acceptance.harness import Onhook
from onhook.processes.programs import PROGRAMS

STARTED_S = 60.0


def descendants(pid: int) -> Iterator[int]:
    """The processes that it started, those that they started, and so on."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from descendants(child)


def workers(server: Onhook) -> dict[int, str]:
    """Each helper process of a server, and its program."""
    found = {}
    for pid in descendants(server.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        for name, program in PROGRAMS.items():
            if command[: len(program.start)] == list(program.start):
                found[pid] = name
    return found


def held(pid: int) -> dict[int, str]:
    """What each descriptor of a process refers to."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def inherited(pid: int) -> dict[int, str]:
    """What a process would leave to a program that it starts, beside input, output and errors.

    Not what a library reads of its own package: a model is open while it is being loaded.
    """
    found = {}
    for number, target in held(pid).items():
        try:
            info = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
        except FileNotFoundError:
            continue  # closed meanwhile
        flags = next(line.split()[1] for line in info.splitlines() if line.startswith("flags:"))
        if number > 2 and not int(flags, 8) & os.O_CLOEXEC and not target.startswith(sys.prefix):
            found[number] = target
    return found


def ignores(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


async def all_started(server: Onhook, wanted: set[str]) -> dict[int, str]:
    """The helper processes, once there is one of each program that is ready."""
    due_at = time.monotonic() + STARTED_S
    while time.monotonic() < due_at:
        found = workers(server)
        if set(found.values()) >= wanted and all(ignores(pid, signal.SIGINT) for pid in found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {workers(server)} were started")


async def test_helper_processes_hold_nothing_but_their_own(
    start: Callable[..., Onhook], again: Callable[[Onhook], Onhook]
) -> None:
    """No socket, no file and no pipe of the server's, nor of one another's."""
    before = start()
    assert before.stop() == 0
    (before.data / "recordings" / f"{'x' * 32}.pcm").write_bytes(bytes(16_000))  # for the encoder
    server = again(before)
    found = await all_started(server, {"espeak", "decoder", "encoder"})
    ends: set[str] = set()
    for pid, name in found.items():
        theirs = held(pid)
        assert theirs[2] == os.devnull, name
        own = {target for target in theirs.values() if target != os.devnull}
        assert len(own) == 1 and own.pop().startswith("socket:"), (name, theirs)
        ends |= {target for target in theirs.values() if target != os.devnull}
        assert os.getsid(pid) == pid, name
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            assert ignores(pid, number), (name, number)
    assert len(ends) == len(found)
    others = {server.process.pid, *descendants(server.process.pid)} - found.keys()
    for pid in others:
        assert not ends & set(held(pid).values())


async def test_the_server_would_leave_nothing_to_a_program(server: Onhook) -> None:
    """Whatever starts it: a library, a plugin. Each descriptor is closed by exec."""
    await all_started(server, {"espeak", "decoder"})
    for pid in (server.process.pid, *descendants(server.process.pid)):
        assert inherited(pid) == {}
