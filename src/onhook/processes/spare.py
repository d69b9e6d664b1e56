"""A process that has loaded a program and runs it in others, which it forks: they begin without the time that
loading takes.

It has one thread, and nothing that belongs to a run of the program: no sockets but its channel, no loop, no
settings. What it forks is a child of the supervisor's, as if that one had started it: the process between
ends at once, and the supervisor, which adopts orphans (PR_SET_CHILD_SUBREAPER), is the next of kin.
"""

import ctypes
import gc
import os
import select
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread, get_native_id
from typing import Final

from onhook.processes.channel import Channel
from onhook.processes.membership import HERE, Membership
from onhook.processes.workers import die_with

_LESS_URGENT: Final = 10
"""The priority (nice) of the thread that loads: calls go before it, but on a busy machine it has a tenth of a
core, for a reload waits for it. The process itself keeps its own, which those that it forks get, and which
nobody but root could raise again."""

Program = Callable[[Membership], int]
"""Runs in a process that has its place; returns the exit status."""


def serve(load: Callable[[Membership], Program]) -> int:
    """Takes its place, loads what `load` imports, and forks on demand until the supervisor ends.

    Returns the exit status of this process; and, in each process that it forked, that of the program.
    """
    member = Membership.join()
    supervisor = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    program = load(member) if member.urgent else _beside(lambda: load(member))
    gc.collect()
    gc.freeze()  # what is shared is not written to by a collection
    member.ready()
    while (heard := member.channel.receive()) is not None:
        message, descriptors = heard
        match message["say"]:
            case "ping":
                with suppress(OSError):
                    member.channel.send(HERE)
            case "fork":
                (end,) = descriptors
                if _forked(libc.prctl, supervisor, end):
                    member.channel.close()
                    return program(Membership.begun(_said_born(end)))
                os.close(end)
    return 0


def _beside(load: Callable[[], Program]) -> Program:
    """Loads in a thread of its own, which gives way to everybody, and has ended when this returns."""
    found: Future[Program] = Future()

    def run() -> None:
        thread_id = get_native_id()
        # Only root may make anything more urgent than it was.
        least = max(_LESS_URGENT, os.getpriority(os.PRIO_PROCESS, thread_id))
        os.setpriority(os.PRIO_PROCESS, thread_id, least)
        try:
            found.set_result(load())
        except Exception as error:  # noqa: BLE001  # raised by the thread that waits
            found.set_exception(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found.result(0)


def _forked(prctl: Callable[..., int], supervisor: int, end: int) -> bool:
    """True in the new process, whose parent is the supervisor by then; False in this one."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    own = os.pidfd_open(os.getpid())
    if os.fork():
        os._exit(0)
    select.select([own], [], [])  # the process between has ended, and its child has another parent
    os.close(own)
    die_with(prctl, supervisor)
    return True


def _said_born(end: int) -> Channel:
    """The channel of a new process, over which it says who it is."""
    channel = Channel(socket.socket(fileno=end))
    channel.send({"say": "born", "pid": os.getpid()})
    return channel
