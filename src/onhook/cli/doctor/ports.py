"""The ports: those of a server that runs are held by it, and those of one that does not can be had."""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from onhook.cli.doctor.finding import Finding, Installation
from onhook.cli.doctor.listening import Listening, http_host, listeners
from onhook.server.settings import Settings

_PATIENCE_S = 3.0
_TRIED = 20
"""So many ports of the range are tried: those that go on are in use, and one after the other is tried."""


def sip(here: Installation) -> Iterator[Finding]:
    """Each listener of SIP."""
    for one in listeners(here.settings):
        name = f"port {one}"
        error = _bound(one)
        if here.running:
            held = error == errno.EADDRINUSE or one.port == 0
            detail = "held by the server" if held else _not_held(one, error)
            yield Finding(name, held, detail)
        else:
            yield Finding(name, error == 0, "free" if error == 0 else _why(one, error))


def http(here: Installation) -> Iterator[Finding]:
    """The API: it answers, if a server runs."""
    host, port = here.settings.http
    name = f"port http {host}:{port}"
    if not here.running:
        error = _bound(Listening("tcp", host, port))
        yield Finding(
            name, error == 0, "free" if error == 0 else _why(Listening("tcp", host, port), error)
        )
        return
    if port == 0:
        yield Finding(name, True, "picked by the system at the start")
        return
    yield Finding(name, *_healthy(http_host(host), port))


def audio(here: Installation) -> Iterator[Finding]:
    """Ports for audio can be had, beside those of calls that go on."""
    settings = here.settings
    low, high = settings.rtp_ports
    for host in dict.fromkeys(one.host for one in listeners(settings)):
        name = f"port audio {host}:{low}-{high}"
        tried = range(low + low % 2, high, 2)[:_TRIED]
        errors = [_bound(Listening("udp", host, port)) for port in tried]
        if 0 in errors:
            yield Finding(name, True, f"room for {rtp_capacity(settings)} calls")
        elif here.running and set(errors) == {errno.EADDRINUSE}:
            yield Finding(name, True, f"its first {len(errors)} are in use, by calls of the server")
        else:
            why = _why(Listening("udp", host, low), errors[0] if errors else errno.EINVAL)
            yield Finding(name, False, f"none of its first {len(errors)} can be had: {why}")


def _bound(one: Listening) -> int:
    """The error of taking a port; 0 for none. It is given back at once."""
    kind = socket.SOCK_DGRAM if one.transport == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in one.host else socket.AF_INET
    try:
        with socket.socket(family, kind) as sock:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                with suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((one.host, one.port))
            if kind == socket.SOCK_STREAM:
                sock.listen(1)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _healthy(host: str, port: int) -> tuple[bool, str]:
    connection = HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        said = answer.read(1000).decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        return False, f"the server does not answer ({error}): does it run with the same settings?"
    finally:
        connection.close()
    if answer.status == 200:
        return True, "the server answers, and is well"
    return False, f"the server answers {answer.status}: {said.strip()[:300]}"


def _not_held(one: Listening, error: int) -> str:
    if error == 0:
        return (
            "a server runs on this data directory, but not on this port: give doctor the settings that the "
            "server has (ONHOOK_SIP, --config)"
        )
    return _why(one, error)


def _why(one: Listening, error: int) -> str:
    if error == errno.EADDRINUSE:
        asked = f"'ss -lpn sport = :{one.port}' names it"
        return f"another program has it: {asked}; stop that, or choose another port"
    if error == errno.EADDRNOTAVAIL:
        return f"{one.host} is no address of this machine: give --sip one of its own, or 0.0.0.0"
    if error == errno.EACCES:
        return (
            "ports below 1024 are for root: choose a higher one, or allow it (CAP_NET_BIND_SERVICE)"
        )
    return f"it cannot be taken: {errno.errorcode.get(error, error)}"


def rtp_capacity(settings: Settings) -> int:
    """How many calls the range has ports for."""
    low, high = settings.rtp_ports
    return len(range(low + low % 2, high, 2))
