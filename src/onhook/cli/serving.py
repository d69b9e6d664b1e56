"""``onhook serve``: logging, the event loop, and one sentence when it cannot start."""

import os

import structlog
import uvloop

from onhook.cli.logs import configure_logs
from onhook.cli.open_files import ENOUGH, LEAST, allow_files
from onhook.server.process import Server, Superseded
from onhook.server.settings import Settings
from onhook.server.settings_names import unknown_variables
from onhook.server.start_error import StartError

log = structlog.get_logger()


def serve(settings: Settings) -> str | None:
    """Runs the server to its end; returns why it could not start or go on, if it could not."""
    configure_logs(private=settings.log_private)
    os.umask(0o077)  # numbers, messages, URLs with secrets: nothing that is kept is for other users
    too_few = _too_few(allow_files())
    if too_few is not None:
        return too_few
    for name in unknown_variables(os.environ, Settings.model_fields):
        log.warning("variable_unknown", variable=name)
    try:
        uvloop.run(Server(settings).run())
    except (StartError, Superseded) as error:
        return str(error)
    return None


def _too_few(files: int) -> str | None:
    """Says how few files may be open, where they are few; a sentence if they are too few."""
    if files < LEAST:
        return (
            f"This process may open {files} files only, and needs {LEAST} at the least; raise the limit "
            "(ulimit -n, or LimitNOFILE of systemd)."
        )
    if files < ENOUGH:
        log.warning("few_open_files", limit=files, for_http=files // 4, recommended=ENOUGH)
    return None
