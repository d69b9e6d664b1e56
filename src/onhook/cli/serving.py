"""``onhook serve``: what this process may use, and one sentence when it cannot start."""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from onhook.cli.open_files import ENOUGH, LEAST, allow_files
from onhook.cli.running import fail
from onhook.server.launch import become_supervisor
from onhook.server.settings import Settings
from onhook.server.settings_names import unknown_variables
from onhook.server.start_error import StartError
from onhook.server.supervisor.log import log

_STANDARD_ERROR = 2


def serve(settings: Settings, options: Mapping[str, object]) -> NoReturn:
    """Becomes the server; ends with one sentence if it cannot start."""
    _open_standard_streams()
    os.umask(0o077)  # numbers, messages, URLs with secrets: nothing that is kept is for other users
    too_few = _too_few(allow_files())
    if too_few is not None:
        fail(too_few)
    for name in unknown_variables(os.environ, Settings.model_fields):
        log("variable_unknown", "warning", variable=name)
    try:
        become_supervisor(settings, options)
    except StartError as error:
        fail(str(error))


def _open_standard_streams() -> None:
    """Those that were closed lead nowhere. Else what is opened next, such as the lock of the data directory,
    would be standard error, and the log be written into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(_STANDARD_ERROR, "w", closefd=False)  # noqa: SIM115  as long as the process


def _too_few(files: int) -> str | None:
    """Says how few files may be open, where they are few; a sentence if they are too few."""
    if files < LEAST:
        return (
            f"This process may open {files} files only, and needs {LEAST} at the least; raise the limit "
            "(ulimit -n, or LimitNOFILE of systemd)."
        )
    if files < ENOUGH:
        log("few_open_files", "warning", limit=files, for_http=files // 4, recommended=ENOUGH)
    return None
