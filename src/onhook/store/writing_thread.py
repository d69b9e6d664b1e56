"""The thread that writes to SQLite: jobs in their order, batches of writes together.

It takes what waits for it without asking the event loop, which may have a lot to do just then: a commit
begins as soon as the one before it is on disk.
"""

from collections.abc import Callable

from onhook.store.database import Submitted
from onhook.store.job_thread import Job, JobThread


class WritingThread(JobThread[list[Submitted]]):
    """``commit`` is called in the thread, with all that waits."""

    def __init__(self, commit: Callable[[list[Submitted]], object]) -> None:
        super().__init__("store-writer")
        self._commit = commit

    def submit(self, batch: list[Submitted]) -> None:
        """The batch is the thread's from now on."""
        self._put(batch)

    def _do(self, what: list[Submitted] | Job) -> None:
        behind: Job | None = None
        taken = 0
        """What was taken besides."""
        if isinstance(what, list):
            while behind is None and not self._waiting.empty():
                more = self._waiting.get()
                taken += 1
                if isinstance(more, list):
                    what += more
                else:
                    behind = more
            self._commit(what)
        else:
            behind = what
        if behind is not None:
            behind()
        self._done_so_far += taken
