"""From the command to the supervisor: what can fail at a start fails here, in one sentence.

Settings and sockets are the business of heavy libraries, the supervisor is not: it is another program, which
takes the place of this one (exec) and inherits what was opened.
"""

import json
import os
import socket
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import onhook
from onhook.phone.binding import ListenerRefused, bind
from onhook.server.directories import RECORDINGS, prompt_directory
from onhook.server.occupancy import Occupied, occupied
from onhook.server.settings_names import PREFIX
from onhook.server.start_error import StartError
from onhook.server.supervisor.inheritance import Inheritance

if TYPE_CHECKING:
    from onhook.server.settings import Settings

_LOG = 2  # standard error


def become_supervisor(settings: "Settings", options: Mapping[str, object]) -> NoReturn:
    """Opens what all processes of the server share, and becomes the first of them; `options` are those that
    the command was given. Raises StartError."""
    check_certificate(settings)
    with ExitStack() as stack:
        lock = _data_directory(stack, settings.data)
        sockets = _sockets(settings)
        inheritance = Inheritance(
            str(settings.data.resolve()),
            settings.written(),
            {name: each.fileno() for name, each in sockets.items()},
            (lock,),
            {"options": _given(options), "variables": variables(os.environ)},
        )
        left, writing = os.pipe()  # which holds more than all settings together
        os.write(writing, json.dumps(asdict(inheritance)).encode())
        for descriptor in (left, *inheritance.sockets.values(), *inheritance.kept_open):
            os.set_inheritable(descriptor, True)
        _never_wait_for_the_log()
        command = [sys.executable, "-P", "-m", "onhook.server.supervisor", str(left)]
        os.execve(sys.executable, command, _environment())


def _given(options: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value if isinstance(value, bool) else str(value)
        for name, value in options.items()
        if value is not None
    }


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Those that are settings, or were meant to be."""
    return {name: value for name, value in environment.items() if name.upper().startswith(PREFIX)}


def check_certificate(settings: "Settings") -> None:
    """Those of TLS listeners can be used. Raises StartError. What reads them is loaded if there are any."""
    secured = any(each.transport == "tls" for each in settings.sip)
    if secured or settings.sip_cert is not None or settings.sip_key is not None:
        from onhook.server.logs import configure_logs
        from onhook.server.sip_certificate import sip_certificate

        configure_logs("supervisor")
        sip_certificate(settings)


def _data_directory(stack: ExitStack, data: Path) -> int:
    """Makes it if need be, and takes it; the descriptor of its lock."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        prompt_directory(data)
        (data / RECORDINGS).mkdir(exist_ok=True, mode=0o700)
        if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
        return stack.enter_context(occupied(data))
    except OSError as error:
        raise StartError(
            f"The data directory {data} cannot be used: {error.strerror}; "
            "give --data a directory that this user may read and write."
        ) from error
    except Occupied as error:
        raise StartError(str(error)) from error


def _sockets(settings: "Settings") -> dict[str, socket.socket]:
    """Where the server listens, by name: `http`, and `sip.N.TRANSPORT`."""
    found = {"http": _listen(settings.http)}
    try:
        bound = bind(settings.sip)
    except ListenerRefused as error:
        where = (error.address.host, error.address.port)
        raise StartError(_in_use("SIP", "--sip", where, error)) from error
    for number, each in enumerate(bound):
        found[f"sip.{number}.{each.address.transport}"] = each.socket
    return found


def _listen(address: tuple[str, int]) -> socket.socket:
    """The API's listening socket, bound here so that a port in use is one clear sentence."""
    try:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise StartError(_in_use("the API", "--http", address, error)) from error


def _in_use(what: str, option: str, address: tuple[str, int], error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    reason = (reason or str(error)).partition(" (while ")[0]
    return f"{what} cannot listen on {place(address)}: {reason}; choose another with {option}."


def place(address: tuple[str, int]) -> str:
    """Host and port; an IPv6 host in brackets."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def _never_wait_for_the_log() -> None:
    """A pipe that nobody reads holds up none of the processes: lines are lost then. What it has at its other
    end is opened anew for it, since whether to wait is the affair of all who share an opened file."""
    try:
        if stat.S_ISFIFO(os.fstat(_LOG).st_mode):
            anew = os.open(f"/proc/self/fd/{_LOG}", os.O_WRONLY | os.O_NONBLOCK)
            os.dup2(anew, _LOG)
            os.close(anew)
    except OSError:
        return  # it waits, as it did


def _environment() -> dict[str, str]:
    """Ours without settings, which may be secret and are handed on, and with the way to this package for a
    program that does not look where it was started."""
    home = str(Path(onhook.__file__).parent.parent)
    ways: Iterable[str] = (home, os.environ.get("PYTHONPATH", ""))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, ways))}
