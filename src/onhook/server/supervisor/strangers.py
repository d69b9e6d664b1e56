"""Processes that this one becomes the parent of, without having started them."""

import os
from collections.abc import Collection
from contextlib import suppress


def reap(ours: Collection[int]) -> None:
    """Take away those that have ended, but for those of `ours`, by pid.

    The first process of a container becomes the parent of all that lose theirs, such as what a process
    that speaks had started; nobody else takes them away.
    """
    with suppress(ChildProcessError):  # there is none at all
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in ours:  # its pidfd comes next, and we after it
                break
            os.waitpid(found.si_pid, 0)
