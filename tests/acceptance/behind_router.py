"""A server behind a router, of one of the networks of netns, and how it is reached from outside."""

from collections.abc import Iterator
from contextlib import contextmanager

import netns
from acceptance.harness import Onhook

SIP_PORT = 5060
HTTP_PORT = 8080
FORGETS_S = 30
"""A router remembers a flow for so long over which nothing goes."""


def start(on: netns.Network, **settings: str) -> Onhook:
    """A server inside, whose API is reached through the router, at the first public address."""
    url = f"http://{netns.PUBLIC}:{HTTP_PORT}"
    given = {
        "http": f"0.0.0.0:{HTTP_PORT}",
        "public_url": url,
        "sip": f"0.0.0.0:{SIP_PORT}",
        "rtp_ports": "20000-20999",
        "trusted_peers": "45.77.0.0/24,10.77.0.0/24",
        "allowed_networks": "45.77.0.0/24",
        "silence_s": "0",
        **settings,
    }
    with netns.within(on.inside):
        running = Onhook(given)
    running.url = url
    is_reached_at(running, netns.PUBLIC)
    return running


def is_reached_at(running: Onhook, public: str) -> None:
    """Where its SIP is, for those outside."""
    running.sip = (public, SIP_PORT)
    running.listeners = [(transport, public, SIP_PORT) for transport in ("udp", "tcp")]


@contextmanager
def server(on: netns.Network, **settings: str) -> Iterator[Onhook]:
    """A server inside."""
    running = start(on, **settings)
    try:
        yield running
    finally:
        running.close()
