"""Ports for what a test starts, that nobody else gets meanwhile."""

import random
import socket


def free_port() -> int:
    """A port of loopback that is free for UDP and for TCP, and that no socket gets by chance before it
    is used: it lies below those that the system gives out, and below those for audio."""
    for port in random.sample(range(10_240, 20_000), 200):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            try:
                datagrams.bind(("127.0.0.1", port))
                stream.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
