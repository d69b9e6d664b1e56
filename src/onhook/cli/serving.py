"""``onhook serve``: logging, the event loop, and one sentence when it cannot start."""

import contextlib
import os
import resource

import structlog
import uvloop

from onhook.cli.logs import configure_logs
from onhook.server.process import Server, StartError, Superseded
from onhook.server.settings import Settings
from onhook.server.settings_names import unknown_variables

log = structlog.get_logger()


def serve(settings: Settings) -> str | None:
    """Runs the server to its end; returns why it could not start or go on, if it could not."""
    configure_logs(private=settings.log_private)
    os.umask(0o077)  # numbers, messages, URLs with secrets: nothing that is kept is for other users
    _allow_files()
    for name in unknown_variables(os.environ, Settings.model_fields):
        log.warning("variable_unknown", variable=name)
    try:
        uvloop.run(Server(settings).run())
    except (StartError, Superseded) as error:
        return str(error)
    return None


def _allow_files() -> None:
    """Takes as many open files as the system permits: a call needs one, and so does a connection.

    Many systems begin with 1024, for the sake of programs that use select().
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
