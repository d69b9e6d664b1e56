"""``onhook reload``: what can be wrong is found here, by what is to take over, before anything is touched."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from onhook import __version__
from onhook.cli.running import fail, run
from onhook.processes.channel import Channel
from onhook.server.launch import check_certificate, variables
from onhook.server.settings import Settings, SettingsError, load
from onhook.server.start_error import StartError
from onhook.server.supervisor import asking
from onhook.server.supervisor.status import NobodyThere

_SOCKETS: Final = "the server listens there"
_PLANE: Final = "the media plane goes on with it"
_FIXED: Final = {
    "data": "the server holds it",
    "http": _SOCKETS,
    "sip": _SOCKETS,
    "rtp_ports": _PLANE,
    "silence_s": _PLANE,
    "keep_audio_s": _PLANE,
    "hang_s": "whoever watches the processes goes on with it",
    "worker": "its calls are known by it",
    "database_url": "its calls are in it",
}
"""Settings that a reload cannot change, and why not."""


def reload_server(settings: Settings) -> None:
    """Have a running server taken over; a sentence and status 1 where that cannot be."""
    try:
        server = asking.connect(settings.data)
        given, libraries = asking.asked(server, {"say": "given"})
        new = _read_anew(given, server)
        before = given["settings"]
        _check(new, before)
        told = {
            "say": "reload",
            "settings": new.written(),
            "variables": variables(os.environ),
            "version": __version__,
            "link": _link_version(),
            "speaks": _spoken(libraries),
        }
        error = asking.asked(server, told)[0]["error"]
    except NobodyThere:
        fail(
            f"No server of this user runs on the data directory {settings.data}; --data names another."
        )
    except TimeoutError:
        fail("The server did not say in time what came of it; 'onhook status' says what runs.")
    if error:
        fail(str(error))
    sys.stdout.write(f"onhook {__version__} has taken over.\n")


def _read_anew(given: Mapping[str, Any], server: Channel) -> Settings:
    """As the server read them when it was started: its options, its variables unless this command has others,
    and the file as it is now."""
    with suppress(OSError):
        os.chdir(f"/proc/{asking.pid_of(server)}/cwd")
    for name, value in given.get("variables", {}).items():
        os.environ.setdefault(name, value)
    try:
        return load(**given.get("options", {}))
    except SettingsError as error:
        fail(str(error))


def _check(new: Settings, before: Mapping[str, Any]) -> None:
    after = json.loads(json.dumps(new.written()))
    for name, why in _FIXED.items():
        if after[name] != before[name]:
            option = f"--{name.replace('_', '-')}"
            fail(
                f"A reload cannot change {option}: {why}. Nothing was changed; restart the server for it."
            )
    try:
        check_certificate(new)
    except StartError as error:
        fail(str(error))
    _check_database(new)


def _check_database(settings: Settings) -> None:
    """A database that would have to be changed is not: the switch that runs works with it."""
    from onhook.store import StoreError
    from onhook.store.revision import expected_revision, stored_revision

    try:
        stored = run(stored_revision(settings.data, settings.database_url.get_secret_value()))
    except StoreError as error:
        fail(str(error))
    if stored != expected_revision():
        fail(
            f"Onhook {__version__} has to change the database first (from version {stored} to "
            f"{expected_revision()}), which the one that runs would not survive. Nothing was changed; "
            "restart the server when its calls may end."
        )


def _link_version() -> int:
    from onhook.media._plane import lib

    return int(lib.plane_link_version())


def _spoken(libraries: Sequence[int]) -> list[int]:
    """How planes of other versions talk that can be spoken with, by their libraries, all the same."""
    from onhook.media.dialect import Dialect
    from onhook.media.errors import BadLink

    found = []
    for each in libraries:
        with suppress(BadLink):
            found.append(Dialect.of_library(each).version)
    return found
