"""Where tests, and the servers that they start, put their files: gone after a run that passed."""

import shutil
import tempfile
from pathlib import Path


class Scratch:
    """From now on the place for temporary files of this process."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="onhook-tests-"))
        self._directory.chmod(0o711)  # a database runs as a user of its own
        tempfile.tempdir = str(self._directory)

    def remove(self) -> None:
        """What was started has ended: its files are not needed any more."""
        tempfile.tempdir = None
        shutil.rmtree(self._directory, ignore_errors=True)
