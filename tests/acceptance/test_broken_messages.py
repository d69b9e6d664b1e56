"""Files and markups that are broken or hostile, each with its status, through the API of one server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.files import FileServer
from acceptance.harness import LASTING, Customer, Onhook
from onhook.speech.downloads.decoding import MEMORY_BYTES
from onhook.testing.api_client import ApiClient
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from speech.downloads.test_audio import NOT_PLAYED, wav_header

SLACK_S = 10
"""For a machine that has more to do than this."""

FORMAT = "error_msg_invalid_file_format"
SIZE = "error_msg_invalid_file_size"
DOWNLOAD = "error_msg_download_failed"
XML = "error_msg_invalid_xml"
URL = "error_msg_invalid_url"
NOTHING = "error_msg_cannot_convert_text"
LANGUAGE = "error_msg_invalid_language"
GENDER = "error_msg_invalid_gender"

TEN_MB = 10 * 1024 * 1024
GSM_FRAME = b"\xd0" + bytes(32)

FILES: dict[str, tuple[bytes, str, str]] = {
    **{name: (body, kind.value, FORMAT) for name, (body, kind) in NOT_PLAYED.items()},
    "a byte more than 10 MB": (wav_header(data=TEN_MB) + bytes(TEN_MB - 43), ".wav", SIZE),
    "10 MB of noise": (b"\xff\xfb\x90\xc4" + b"\x91\x17" * (TEN_MB // 2 - 2), ".mp3", FORMAT),
    "more than an hour": (GSM_FRAME * (50 * 3600 + 1), ".gsm", SIZE),
    "a tag that promises 256 MB": (
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(5000),
        ".mp3",
        FORMAT,
    ),
    "100,000 empty chunks": (
        b"RIFF\xff\xff\xff\x7fWAVE" + b"junk\x00\x00\x00\x00" * 100_000,
        ".wav",
        FORMAT,
    ),
    "a chunk that promises 4 GB": (
        b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff" + bytes(5000),
        ".wav",
        FORMAT,
    ),
    "a program": (b"\x7fELF" + bytes(range(256)) * 40, ".wav", FORMAT),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, ".mp3", FORMAT),
    "an archive": (b"PK\x03\x04" + bytes(range(256)) * 40, ".gsm", FORMAT),
    "another extension": (wav_header(), ".ogg", FORMAT),
    "no extension": (wav_header(), "", FORMAT),
}
MARKUPS: dict[str, str] = {
    "<speech>Hello": XML,
    "Hello</speech>": XML,
    "<speech>Hello</url>": XML,
    "<speech><speech>Hello</speech></speech>": XML,
    "<speech>Hello <url>http://a/b.wav</url></speech>": XML,
    "<url><speech>http://a/b.wav</speech></url>": XML,
    "<voice>Hello</voice>": XML,
    "<SPEECH>Hello</SPEECH>": XML,
    "<speech lang='en'>Hello</speech>": XML,
    "<speech language=en>Hello</speech>": XML,
    "<speech language='en' language='en'>Hello</speech>": XML,
    "<speech xmlns:x='y'>Hello</speech>": XML,
    "<x:speech xmlns:x='y'>Hello</x:speech>": XML,
    "<!DOCTYPE a [<!ENTITY b 'Hello'>]><speech>&b;</speech>": XML,
    "<!DOCTYPE a SYSTEM 'http://127.0.0.1/a.dtd'><speech>Hello</speech>": XML,
    "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>": XML,
    "<speech>Hello\x01</speech>": XML,
    "Hello\x00": "error_malformed_params",
    "Hello</message><message>there": XML,
    "Hello \ufffe": XML,
    "5 < 6": XML,
    "<speech language='xx'>Hello</speech>": LANGUAGE,
    "<speech language=''>Hello</speech>": LANGUAGE,
    "<speech gender='robot'>Hello</speech>": GENDER,
    "<speech language='de' gender='m'>Hallo</speech>": GENDER,
    "<speech></speech>": NOTHING,
    "<speech/>Hello": NOTHING,
    "<speech>?!</speech>Hello": NOTHING,
    "<speech language='de'>請稍等</speech>": NOTHING,
    "<url></url>": URL,
    "<url>http://</url>": URL,
    "<url>file:///etc/passwd</url>": URL,
    "<url>javascript:alert(1)//a.wav</url>": URL,
    "<url>http://a b/c.wav</url>": URL,
    "x" * 1001: "error_msg_invalid_length",
}


class Victim:
    """A call that rings while one request after the other is refused."""

    def __init__(self, customer: Customer, session: str, prepare_s: float) -> None:
        self._prepare_s = prepare_s
        self._customer = customer
        self.server = customer.server
        self._session = session

    @classmethod
    async def of(cls, server: Onhook, receiver: Receiver, phone: Phone) -> "Victim":
        customer = await Customer.make(server, receiver, phone)
        _, told = await customer.call()
        return cls(customer, told["session"], float(server.settings["prepare_s"]))

    async def refused(self, msg: str) -> str:
        """The status of a Hangup with this message, which comes within the deadline."""
        owner, timeout_s = self._customer, self._prepare_s + SLACK_S
        client = ApiClient(self.server.url, owner.app_id, owner.access_token, timeout_s=timeout_s)
        async with client as api:
            reply = await api.post("ivr/end/hangup", session=self._session, msg=msg)
        return str(reply["status"])

    async def still_works(self) -> None:
        """Nothing of it all has had an effect. A machine that is slow to speak may be asked again."""
        async with asyncio.timeout(60):
            while "in time" in (reply := await self._good_bye()).get("detail", ""):
                continue
        assert reply == OK

    async def _good_bye(self) -> dict[str, str]:
        return await self._customer.hangup(self._session, msg="Good bye.")


@pytest.fixture
async def victim(shared: Callable[..., Onhook], receiver: Receiver, phone: Phone) -> Victim:
    return await Victim.of(shared(prepare_s="20", ringing_s="180"), receiver, phone)


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had, in bytes; nothing is known of one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


async def test_broken_files(victim: Victim, files: FileServer) -> None:
    """None needs more memory than a decoder may take, and the server itself holds a few at most."""
    server = victim.server
    await victim.refused(f"<url>{files.serve('warm.wav', b'')}</url>")
    lasting = server.pids("supervisor", *LASTING)
    before = {pid: peak_bytes(pid) for pid in lasting}
    found: dict[str, str] = {}
    for number, (name, (body, extension, _)) in enumerate(FILES.items()):
        url = files.serve(f"{number}{extension}", body)
        found[name] = await victim.refused(f"<url>{url}</url>")
    assert found == {name: status for name, (_, _, status) in FILES.items()}
    assert len(found) >= 30
    assert server.pids("supervisor", *LASTING) == lasting
    assert sum(peak_bytes(pid) - before[pid] for pid in lasting) < 256 * 1024 * 1024
    assert all(peak_bytes(pid) < MEMORY_BYTES for pid in server.pids("decoder"))
    await victim.still_works()


async def test_broken_markups(victim: Victim) -> None:
    found = {msg: await victim.refused(msg) for msg in MARKUPS}
    assert found == MARKUPS
    assert len(found) >= 20
    await victim.still_works()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte at a time, for ever: each read is quick, the whole is not."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + wav_header())
    while not writer.is_closing():
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.05)


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Without end and without saying how much."""
    await reader.readuntil(b"\r\n\r\n")  # who speaks before it is asked is no web server
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + wav_header())
    while not writer.is_closing():
        writer.write(bytes(65536))
        await writer.drain()


def say(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return talk


SLOW_SERVERS: dict[str, tuple[Talk, str]] = {
    "hangs": (hang, DOWNLOAD),
    "drips": (drip, DOWNLOAD),
}
"""They are waited for until there is no time left."""
SERVERS: dict[str, tuple[Talk, str]] = {
    "pours": (pour, SIZE),
    "breaks off": (say(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + bytes(100)), DOWNLOAD),
    "says nothing": (say(b""), DOWNLOAD),
    "is no web server": (say(b"220 mail.example.com ESMTP\r\n"), DOWNLOAD),
    "never ends its head": (say(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000), DOWNLOAD),
    "announces 11 MB": (say(b"HTTP/1.1 200 OK\r\nContent-Length: 11534336\r\n\r\n"), SIZE),
    "sends elsewhere": (
        say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/a.wav\r\n\r\n"),
        DOWNLOAD,
    ),
    "has nothing": (say(b"HTTP/1.1 204 No Content\r\n\r\n"), DOWNLOAD),
    "has not found it": (say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), DOWNLOAD),
    "sends what was not asked for": (say(b"HTTP/1.1 304 Not Modified\r\n\r\n"), DOWNLOAD),
    "sends a part": (
        say(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\nRIFF"),
        DOWNLOAD,
    ),
    "packs it": (
        say(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0"
        ),
        DOWNLOAD,
    ),
}


async def test_slow_servers(start: Callable[..., Onhook], receiver: Receiver, phone: Phone) -> None:
    victim = await Victim.of(start(prepare_s="3", ringing_s="180"), receiver, phone)
    await assert_each_refused(victim, SLOW_SERVERS)
    await victim.still_works()


async def test_broken_servers(victim: Victim) -> None:
    await assert_each_refused(victim, SERVERS)
    for address in ("http://127.0.0.1:1", "http://10.0.0.1", "http://nowhere.invalid"):
        assert await victim.refused(f"<url>{address}/a.wav</url>") == DOWNLOAD
    await victim.still_works()


async def assert_each_refused(victim: Victim, servers: Mapping[str, tuple[Talk, str]]) -> None:
    """What is to be fetched from each of them is refused with its status."""
    async with AsyncExitStack() as stack:

        async def url_of(talk: Talk) -> str:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await talk(reader, writer)
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.callback(server.close)
            return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.wav"

        found = {
            name: await victim.refused(f"<url>{await url_of(talk)}</url>")
            for name, (talk, _) in servers.items()
        }
    assert found == {name: status for name, (_, status) in servers.items()}
