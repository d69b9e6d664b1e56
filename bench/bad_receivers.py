"""Receivers of notifications that do not work, each in its own way, in a process of their own.

    python bench/bad_receivers.py stalls=127.0.0.2 fails=127.0.0.3

listens at each address, on free ports, and prints the URLs as a JSON list, in the order of the
arguments. The last URL of the list is one more: what happened so far, as JSON (for the driver).
"""

import asyncio
import json
import signal
import sys
from collections import Counter

import uvloop

PROMISED_BYTES = 100
LIFE_S = 600

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_REPLIES = {
    "works": _OK,
    "fails": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "redirects": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "halves": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nhalf" % PROMISED_BYTES,
}
KINDS = ("works", "stalls", "fails", "redirects", "drops", "halves")
"""It answers 200; says nothing; answers 500; 302; resets; sends a head and half a body, then nothing."""


class Receivers:
    """The receivers, and their count: of requests by kind, and of those that hang now."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    async def serve(self, kind: str, host: str) -> str:
        """Listens; returns the URL."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._serve(kind, reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass  # the other side closed
            finally:
                writer.close()

        server = await asyncio.start_server(connected, host, 0, backlog=1024)
        return f"http://{host}:{server.sockets[0].getsockname()[1]}/"

    async def _serve(
        self, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await _read_request(reader)
            if kind == "stats":
                body = json.dumps(self._counts).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
                return
            self._counts[kind] += 1
            if kind == "drops":
                writer.transport.abort()
                return
            if kind in _REPLIES:
                writer.write(_REPLIES[kind])
            if kind in ("stalls", "halves"):
                await self._hang(reader)
                return

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        self._counts["hanging"] += 1
        try:
            await reader.read()
        finally:
            self._counts["hanging"] -= 1


async def _read_request(reader: asyncio.StreamReader) -> None:
    """IncompleteReadError when there is no more."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))


async def main(wanted: list[str]) -> None:
    signal.alarm(LIFE_S)  # ends the process, as SIGTERM does: what hangs need not be told
    receivers = Receivers()
    urls = []
    for kind, _, host in [*(one.partition("=") for one in wanted), ("stats", "=", "127.0.0.1")]:
        urls.append(await receivers.serve(kind, host))
    print(json.dumps(urls), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
