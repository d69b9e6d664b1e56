"""Which ways are private, and who is at their other end."""

import ipaddress
from collections.abc import Mapping

import pytest
from starlette.requests import Request

from onhook.console.connection import Connection, NotPrivate, connection_of

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.0/8")]
HTTPS = {"x-forwarded-proto": "https"}


def _came(peer: str, headers: Mapping[str, str], public_url: str = "") -> Connection:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "client": (peer, 1), "headers": raw, "method": "GET", "path": "/"}
    return connection_of(Request(scope), PROXIES, public_url)


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_machine_itself_needs_no_encryption(peer: str, host: str) -> None:
    came = _came(peer, {"host": host})
    assert not came.encrypted
    assert came.origins == {f"http://{host.lower()}"}


def test_a_trusted_proxy_says_how_it_was_reached_and_by_whom() -> None:
    told = {"host": "voice.example.com", **HTTPS, "x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    came = _came("10.1.2.3", told)
    assert came == Connection(True, "203.0.113.9", frozenset({"https://voice.example.com"}))


def test_proxies_behind_one_another_are_passed_over_and_strangers_words_are_not_believed() -> None:
    told = {"host": "x", **HTTPS, "x-forwarded-for": "192.0.2.66, 203.0.113.9, 10.0.0.9"}
    assert _came("10.1.2.3", told).address == "203.0.113.9"
    told["x-forwarded-for"] = "192.0.2.66, nonsense"
    assert _came("10.1.2.3", told).address == "10.1.2.3"


def test_the_host_that_a_proxy_was_asked_for_and_the_public_url_are_origins_too() -> None:
    told = {"host": "127.0.0.1:8080", **HTTPS, "x-forwarded-host": "Voice.example.com"}
    came = _came("127.0.0.1", told, "https://public.example.com/voice")
    assert came.origins == {
        "https://127.0.0.1:8080",
        "https://voice.example.com",
        "https://public.example.com",
    }


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("203.0.113.9", {"host": "localhost"}),
        ("203.0.113.9", {"host": "voice.example.com"}),
        ("203.0.113.9", {"host": "voice.example.com", **HTTPS}),  # no proxy of ours
        ("10.1.2.3", {"host": "voice.example.com"}),
        ("10.1.2.3", {"host": "voice.example.com", "x-forwarded-proto": "https, http"}),
        ("127.0.0.1", {"host": "voice.example.com"}),
        ("127.0.0.1", {"host": "localhost", "via": "1.1 somebody"}),
        ("127.0.0.1", {"host": "localhost.evil.example"}),
        ("127.0.0.1", {"host": "evil.example\r\nx: y", **HTTPS}),
        ("127.0.0.1", {"host": "", **HTTPS}),
        ("127.0.0.1", {}),
        ("", {"host": "localhost"}),
    ],
)
def test_what_others_could_read_is_refused(peer: str, headers: Mapping[str, str]) -> None:
    with pytest.raises(NotPrivate):
        _came(peer, headers)
