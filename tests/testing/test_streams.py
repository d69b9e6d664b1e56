"""SIP of the test phone over TCP: what is sent, and over which connection."""

import asyncio

from onhook.testing.streams import StreamSocket

FIRST = b"OPTIONS sip:one@127.0.0.1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"
SECOND = FIRST.replace(b"one", b"two")


async def test_a_request_is_repeated_over_another_connection_only() -> None:
    taken: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken.put((reader, writer))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    where = server.sockets[0].getsockname()[:2]
    phone = await StreamSocket.open("127.0.0.1", lambda *_: None)
    phone.repeat(FIRST, where)
    reader, writer = await taken.get()
    phone.repeat(FIRST, where)
    phone.send(SECOND, where)
    assert await reader.readexactly(len(FIRST + SECOND)) == FIRST + SECOND
    writer.close()
    async with asyncio.timeout(60):
        while phone.connections:
            await asyncio.sleep(0.01)
    phone.repeat(FIRST, where)
    reader, writer = await taken.get()
    assert await reader.readexactly(len(FIRST)) == FIRST
    writer.close()
    phone.close()
    server.close()
