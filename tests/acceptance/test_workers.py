"""The helper processes of a running server: what they hold, and that no signal of a terminal reaches them."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from acceptance.asking import OK
from acceptance.harness import Customer, Onhook
from acceptance.remains import descendants, gone, links, of_process
from acceptance.talking import until
from briefly import slow_but
from onhook.processes.programs import PROGRAMS
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

STARTED_S = 120.0


def workers(server: Onhook) -> dict[int, str]:
    """Each helper process of a server, and its program."""
    found = {}
    for pid in descendants(server.process.pid):
        command = of_process(pid, "cmdline").split("\0")
        for name, program in PROGRAMS.items():
            if command[: len(program.start)] == list(program.start):
                found[pid] = name
    return found


def held(pid: int) -> dict[int, str]:
    """What each descriptor of a process refers to; nothing, of one that has ended."""
    return {int(entry.name): target for entry, target in links(pid)}


def inherited(pid: int) -> dict[int, str]:
    """What a process would leave to a program that it starts, beside input, output and errors.

    Not what a library reads of its own package: a model is open while it is being loaded.
    """
    found = {}
    for number, target in held(pid).items():
        flags = field_of(of_process(pid, f"fdinfo/{number}"), "flags:")
        left = flags and not int(flags, 8) & os.O_CLOEXEC  # no flags: closed meanwhile
        if number > 2 and left and not target.startswith(sys.prefix):
            found[number] = target
    return found


def ignores(pid: int, number: signal.Signals) -> bool:
    mask = field_of(of_process(pid, "status"), "SigIgn:")
    return bool(mask and int(mask, 16) >> (number - 1) & 1)


def field_of(text: str, name: str) -> str:
    """The value of a line; empty without one, as of a process that has ended."""
    return next((line.split()[1] for line in text.splitlines() if line.startswith(name)), "")


async def all_started(server: Onhook, wanted: set[str]) -> dict[int, str]:
    """The helper processes, once there is one of each program that is ready."""
    due_at = time.monotonic() + STARTED_S
    while time.monotonic() < due_at:
        found = workers(server)
        if set(found.values()) >= wanted and all(ignores(pid, signal.SIGINT) for pid in found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {workers(server)} were started")


def own(pid: int) -> set[str]:
    """The sockets and pipes that a process holds; each has a number of its own."""
    kinds = ("socket:", "pipe:")
    return {target for target in held(pid).values() if target.startswith(kinds)}


async def test_helper_processes_hold_nothing_but_their_own(
    start: Callable[..., Onhook],
    again: Callable[[Onhook], Onhook],
    receiver: Receiver,
    phone: Phone,
) -> None:
    """No socket, no file and no pipe of the server's, nor of one another's, while calls go on."""
    before = start()
    assert before.stop() == 0
    recordings = before.data / "recordings"
    with (recordings / f"{'x' * 32}.pcm").open("wb") as spool:
        spool.truncate(2 * 8000 * 7200)  # two hours, which keep the encoder busy
    server = again(before)
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await customer.block("middle/play", told["session"], msg='<speech language="nl">oui</speech>')
    await receiver.next(to=customer.number)
    found = await all_started(server, {"espeak", "models", "decoder", "encoder"})
    holders = {server.process.pid, *descendants(server.process.pid)}
    for pid, name in found.items():
        theirs = held(pid)
        assert theirs[2] == os.devnull, name
        read = (sys.prefix, str(recordings)) if name == "encoder" else (sys.prefix,)
        others = {target for target in theirs.values() if not target.startswith(read)}
        assert not [target for target in others if target.startswith(str(server.data))], name
        for other in holders - {pid}:
            assert not own(pid) & own(other), (name, other)
        if name != "models":  # which starts others
            assert len(own(pid)) == 1 and others == {*own(pid), os.devnull}, (name, others)
        assert os.getsid(pid) == pid, name
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            assert ignores(pid, number), (name, number)
    assert await customer.hangup(told["session"]) == OK
    await call.ended()


async def test_the_server_would_leave_nothing_to_a_program(server: Onhook) -> None:
    """Whatever starts it: a library, a plugin. Each descriptor is closed by exec."""
    await all_started(server, {"models", "decoder"})
    pids = (server.process.pid, *descendants(server.process.pid))
    # What a library has open for a moment, to read it, is not ours to close.
    await until(lambda: not any(map(inherited, pids)), "nothing that a process would leave")


@pytest.mark.parametrize("number", slow_but([signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]))
async def test_a_signal_to_all_of_its_processes_cuts_no_message(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, number: signal.Signals
) -> None:
    """Ctrl-C goes to every process of the terminal's group at once, and SIGTERM of a service manager to every
    process there is; what is being said is said to its end."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    said = "Thank you for calling the clinic. Our offices are closed until ten in the morning."
    await customer.block("end/hangup", told["session"], msg=said)
    async with asyncio.timeout(STARTED_S):
        while call.recording.heard_s < 0.5:
            await asyncio.sleep(0.02)
    all_of_them = [server.process.pid, *descendants(server.process.pid)]
    group = os.getpgid(server.process.pid)
    for pid in all_of_them:
        with contextlib.suppress(ProcessLookupError):  # one that was not needed any more
            if number == signal.SIGTERM or os.getpgid(pid) == group:
                os.kill(pid, number)
    assert (await call.ended(timeout_s=STARTED_S)).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 3
    assert call.recording.lost == 0
    last = await receiver.next(session=told["session"], ivr_block="hangup")
    assert last["call_state"] == "ended"
    assert await server.stopped() == 0
    await gone(*all_of_them)  # what a helper process started ends after it
