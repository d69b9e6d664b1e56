"""Processes that this one becomes the parent of, without having started them."""

import ctypes
import os
from collections.abc import Collection
from contextlib import suppress
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of all below us that lose theirs, as the first process of a container is anyway."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(ours: Collection[int]) -> None:
    """Take away those that have ended, but for those of `ours`, by pid.

    Such as what a process that speaks had started; nobody else takes them away.
    """
    with suppress(ChildProcessError):  # there is none at all
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in ours:  # its pidfd comes next, and we after it
                break
            os.waitpid(found.si_pid, 0)
