"""What goes through a relay of connections with TLS, in both directions and to its end."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from onhook.phone.addresses import TcpAddress, TlsAddress
from onhook.phone.passing import Left, Relayed
from onhook.phone.relay import relay
from onhook.phone.tls.contexts import ServerCertificate
from onhook.phone.tls.session import TlsSession
from phone.authority import Authority

MUCH = bytes(range(256)) * 4096
"""More than fits into what a relay keeps."""


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[ssl.SSLSocket, socket.socket, threading.Thread]]:
    """The peer, with TLS, and whoever talks with it through the relay, which runs."""
    authority = Authority(tmp_path)
    issued = authority.issue("onhook.test")
    session = TlsSession(
        ServerCertificate(issued.certificate, issued.key).context, server_side=True
    )
    peer, ours = socket.socketpair()
    agreeing = threading.Thread(target=_agree, args=(session, ours))
    agreeing.start()
    secured = authority.context().wrap_socket(peer, server_hostname="onhook.test")
    agreeing.join(60)
    inner, outer = socket.socketpair()
    ends = [Relayed(session, ours.detach(), inner.detach())]
    running = threading.Thread(target=relay, args=(ends,))
    running.start()
    for each in (secured, outer):
        each.settimeout(60)
    yield secured, outer, running
    for each in (secured, outer):
        each.close()
    running.join(60)
    assert not running.is_alive()


def _agree(session: TlsSession, over: socket.socket) -> None:
    while not session.opened:
        session.receive(over.recv(65536))
        over.sendall(session.take())


def test_both_directions(sides: tuple[ssl.SSLSocket, socket.socket, threading.Thread]) -> None:
    peer, outer, _ = sides
    peer.sendall(b"to us")
    assert outer.recv(100) == b"to us"
    outer.sendall(b"to them")
    assert peer.recv(100) == b"to them"


def test_whoever_reads_slowly_loses_nothing(
    sides: tuple[ssl.SSLSocket, socket.socket, threading.Thread],
) -> None:
    peer, outer, _ = sides
    for one, other in ((peer, outer), (outer, peer)):
        sending = threading.Thread(target=one.sendall, args=(MUCH,))
        sending.start()
        got = b""
        while len(got) < len(MUCH):
            got += other.recv(8192)
        sending.join(60)
        assert got == MUCH


@pytest.mark.parametrize("first", [0, 1], ids=["the peer", "the switch"])
def test_the_end_of_one_side_is_that_of_the_other(
    sides: tuple[ssl.SSLSocket, socket.socket, threading.Thread], first: int
) -> None:
    """What it said last is heard before."""
    peer, outer, running = sides
    one, other = ((peer, outer), (outer, peer))[first]
    one.sendall(b"last words")
    one.close()
    assert other.recv(100) == b"last words"
    with suppress(OSError):
        assert other.recv(100) == b""
    running.join(60)
    assert not running.is_alive()


@pytest.mark.parametrize(
    "peer",
    [
        TcpAddress("192.0.2.7", 5060).heard_by("192.0.2.1:5060"),
        TlsAddress("2001:db8::7", 40000, "pbx.example"),
    ],
)
def test_what_is_said_of_a_connection_is_read_as_it_was_written(peer: TcpAddress) -> None:
    left = Left(peer, True, False, True, False, 5061, b"INVITE sip:\xff")
    read = Left.from_dict(left.as_dict())
    assert read == left
    assert read.peer.local == peer.local


@pytest.mark.parametrize("change", [{"peer": ["x", 1]}, {"unread": "?"}, {"accepted": None}])
def test_what_another_version_says_is_refused(change: dict[str, object]) -> None:
    known = Left(TcpAddress("192.0.2.7", 5060), True, False, True, False, 0, b"").as_dict()
    with pytest.raises(ValueError, match=r"."):
        Left.from_dict({**known, **change})
