"""Files that come by a detour, or packed."""

import asyncio
import contextlib
import gzip
import itertools
import zlib
from collections.abc import Mapping, Sequence

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.certificates import Authority
from notify.servers import Received, WebServer, web_client, web_server
from onhook.notify.client import WebClient
from onhook.notify.encodings import Inflater, coding_of
from onhook.notify.errors import DownloadFailed, DownloadRefused, DownloadTooLarge
from onhook.notify.redirects import next_url
from onhook.notify.replies import DownloadedFile
from onhook.notify.tls import client_context
from onhook.urls import parse

SOUND = bytes(range(256)) * 200


def leading(detours: Mapping[str, str], status: int = 302) -> WebServer:
    """Sends who asks for one of `detours` elsewhere; the sound is at `/sound`."""

    async def reply(received: Received) -> web.Response:
        if received.target in detours:
            return web.Response(status=status, headers={"Location": detours[received.target]})
        if received.target.startswith("/sound"):
            return web.Response(body=SOUND, headers={"ETag": '"1"'})
        return web.Response(status=404)

    return WebServer(reply=reply)


async def fetched(site: WebServer, start: str = "/1", **client: object) -> DownloadedFile:
    async with web_server(site.reply) as server, web_client(**client) as getter:  # type: ignore[arg-type]
        try:
            return await getter.download(server.url(start), len(SOUND), 30)
        finally:
            site.received = server.received


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    site = leading({"/1": "/sound?a=1#b"}, status)
    file = await fetched(site)
    assert file.body == SOUND
    assert file.url.target == "/sound?a=1"
    assert [received.target for received in site.received] == ["/1", "/sound?a=1"]
    assert [received.method for received in site.received] == ["GET", "GET"]


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
async def test_other_statuses_of_that_class_are_none(status: int) -> None:
    with pytest.raises(DownloadFailed) as failed:
        await fetched(leading({"/1": "/sound"}, status))
    assert failed.value.status == status


async def test_a_redirect_that_leads_nowhere_is_a_failure() -> None:
    async def reply(received: Received) -> web.Response:
        return web.Response(status=302)

    with pytest.raises(DownloadFailed, match="302"):
        await fetched(WebServer(reply=reply))


async def test_three_are_followed_and_no_fourth() -> None:
    three = {"/1": "/2", "/2": "/3", "/3": "/sound"}
    assert (await fetched(leading(three))).body == SOUND
    site = leading({"/0": "/1", **three})
    with pytest.raises(DownloadFailed, match="more than 3"):
        await fetched(site, "/0")
    assert [received.target for received in site.received] == ["/0", "/1", "/2", "/3"]


async def test_a_circle_ends() -> None:
    site = leading({"/1": "/1"})
    with pytest.raises(DownloadFailed, match="more than 3"):
        await fetched(site)
    assert len(site.received) == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/sound",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/sound",
        "http://[::ffff:10.0.0.1]/sound",
        "//192.168.0.1/sound",
        "http://inside.example/sound",
    ],
)
async def test_every_hop_goes_through_the_guard(target: str) -> None:
    def lookup(host: str) -> Sequence[str]:
        return ["10.0.0.1"] if host == "inside.example" else ["127.0.0.1"]

    site = leading({"/1": "/2", "/2": target})
    with pytest.raises(DownloadRefused):
        await fetched(site, lookup=lookup)
    assert len(site.received) == 2


@pytest.mark.parametrize(
    "target",
    [
        "ftp://example.com/a.wav",
        "file:///etc/passwd",
        "http://user:secret@example.com/a.wav",
        "http://2130706433/a.wav",
        "/a b.wav",
        "http://[::1/a.wav",
        "javascript:alert(1)",
    ],
)
async def test_what_is_refused_as_a_url_is_no_place_to_go(target: str) -> None:
    with pytest.raises(DownloadFailed, match="redirects it elsewhere") as failed:
        await fetched(leading({"/1": target}))
    assert target not in failed.value.detail


async def test_the_deadline_is_one_for_all_hops() -> None:
    async def reply(received: Received) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(status=302, headers={"Location": "/again"})

    async with web_server(reply) as server, web_client() as client:
        with pytest.raises(DownloadFailed, match=r"within 0\.6 s"):
            await client.download(server.url(), 10, 0.6)


async def test_conditions_are_put_to_who_had_the_file_and_to_nobody_else() -> None:
    site = leading({"/1": "/sound"})
    async with web_server(site.reply) as server, web_client() as client:
        conditions = {"If-None-Match": '"1"', "X-Test": "1"}
        await client.download(
            server.url("/1"), 10**6, 30, conditions, lambda url: url.path == "/sound"
        )
        first, second = server.received
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == '"1"'
    assert first.headers["x-test"] == second.headers["x-test"] == "1"


async def test_a_304_behind_a_redirect_is_an_answer() -> None:
    async def reply(received: Received) -> web.Response:
        if received.target == "/1":
            return web.Response(status=302, headers={"Location": "/sound"})
        return web.Response(status=304)

    async with web_server(reply) as server, web_client() as client:
        file = await client.download(server.url("/1"), 10, 30, {"If-None-Match": "x"})
    assert file.not_modified
    assert file.url.path == "/sound"


async def test_https_is_not_given_up_on_the_way(authority: Authority) -> None:
    """The other way round, which is what servers do, is fine."""
    certificate = authority.server_context("localhost")
    trusting = client_context(authority.file)
    plain, secure = leading({}), leading({})
    async with (
        web_server(plain.reply) as http,
        web_server(secure.reply, tls=certificate) as https,
        web_client(tls=trusting) as client,
    ):
        http.reply = leading({"/1": str(https.url("/sound", scheme="https"))}).reply
        assert (await client.download(http.url("/1"), 10**6, 30)).body == SOUND
        https.reply = leading({"/1": str(http.url("/sound"))}).reply
        with pytest.raises(DownloadRefused, match="from https to http"):
            await client.download(https.url("/1", scheme="https"), 10**6, 30)
    assert [received.target for received in http.received] == ["/1"]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("b.wav", "http://a.example/x/b.wav"),
        ("../b.wav", "http://a.example/b.wav"),
        ("?c=1", "http://a.example/x/y?c=1"),
        ("//b.example:81/c", "http://b.example:81/c"),
        ("HTTPS://B.example/c#d", "https://b.example/c"),
        ("/\u00e9.wav", "http://a.example/%C3%A9.wav"),
    ],
)
def test_where_a_location_leads(location: str, target: str) -> None:
    assert str(next_url(parse("http://a.example/x/y?z"), 302, location)) == target


@given(location=st.text(max_size=40))
def test_any_location_leads_somewhere_or_is_a_failure(location: str) -> None:
    try:
        found = next_url(parse("http://a.example/x/y?z"), 302, location)
    except (DownloadFailed, DownloadRefused):
        return
    assert found is None or parse(str(found)) == found


# Encodings ---------------------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


async def packed(client: WebClient, body: bytes, *encodings: str, limit: int = 10**6) -> bytes:
    """What comes of `body`, sent with these Content-Encodings."""

    async def reply(received: Received) -> web.StreamResponse:
        response = web.Response(body=body)
        for encoding in encodings:
            response.headers.add("Content-Encoding", encoding)
        return response

    async with web_server(reply) as server:
        return (await client.download(server.url(), limit, 30)).body


@pytest.mark.parametrize(
    "encoding",
    ["", "identity", "aws-chunked", "utf-8", "binary", "aws-chunked, identity", "none", "UTF-8,,"],
)
async def test_a_name_that_is_no_coding_says_nothing(encoding: str) -> None:
    async with web_client() as client:
        assert await packed(client, SOUND, encoding) == SOUND


@pytest.mark.parametrize(
    ("encoding", "body", "unpacked"),
    [
        pytest.param("gzip", gzip.compress(SOUND), SOUND, id="gzip"),
        pytest.param("x-gzip", gzip.compress(SOUND), SOUND, id="x-gzip"),
        pytest.param(" GZIP ", gzip.compress(SOUND), SOUND, id="blanks"),
        pytest.param("aws-chunked, gzip", gzip.compress(SOUND), SOUND, id="aws-chunked"),
        pytest.param(
            "gzip", gzip.compress(SOUND[:999]) + gzip.compress(SOUND[999:]), SOUND, id="members"
        ),
        pytest.param("gzip", gzip.compress(SOUND) + bytes(512), SOUND, id="padded"),
        pytest.param("deflate", zlib.compress(SOUND), SOUND, id="deflate"),
        pytest.param("deflate", raw_deflate(SOUND), SOUND, id="raw deflate"),
        pytest.param("gzip", gzip.compress(b""), b"", id="nothing"),
    ],
)
async def test_what_is_packed_is_unpacked(encoding: str, body: bytes, unpacked: bytes) -> None:
    async with web_client() as client:
        assert await packed(client, body, encoding) == unpacked


@pytest.mark.parametrize("encodings", [("br",), ("zstd",), ("compress",), ("gzip", "deflate")])
async def test_other_codings_are_refused_and_named(encodings: tuple[str, ...]) -> None:
    async with web_client() as client:
        with pytest.raises(DownloadFailed, match=encodings[0]):
            await packed(client, SOUND, *encodings)


@pytest.mark.parametrize(
    "body",
    [b"", SOUND, gzip.compress(SOUND)[:-1], gzip.compress(SOUND)[:40], b"\x1f\x8b" * 50],
    ids=["empty", "plain", "cut at the end", "cut", "beginnings"],
)
async def test_what_is_not_packed_as_it_says_is_a_failure(body: bytes) -> None:
    async with web_client() as client:
        for encoding in ("gzip", "deflate"):
            with pytest.raises(DownloadFailed, match=encoding):
                await packed(client, body, encoding)


async def test_a_bomb_costs_no_more_than_its_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    async with web_client() as client:
        with pytest.raises(DownloadTooLarge):
            await packed(client, bomb, "gzip", limit=100_000)
        with pytest.raises(DownloadTooLarge):  # what arrives counts too
            await packed(client, gzip.compress(SOUND), "gzip", limit=50)
        with pytest.raises(DownloadFailed):
            await packed(client, gzip.compress(b"") * 1000, "gzip")


def test_it_is_unpacked_in_small_pieces() -> None:
    pieces = list(Inflater("gzip").feed(gzip.compress(bytes(10_000_000))))
    assert sum(map(len, pieces)) == 10_000_000
    assert max(map(len, pieces)) <= 64 * 1024


@settings(deadline=None)
@given(
    body=st.binary(max_size=300).map(lambda part: part * 300),
    form=st.sampled_from(
        [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]
    ),
    cuts=st.lists(st.integers(0, 2000), max_size=5),
)
def test_it_does_not_matter_how_it_arrives(
    body: bytes, form: tuple[str, object], cuts: list[int]
) -> None:
    coding, pack = form
    assert callable(pack)
    sent = pack(body)
    edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    inflater = Inflater(coding)
    parts = [sent[start:end] for start, end in itertools.pairwise(edges)]
    assert b"".join(piece for part in parts for piece in inflater.feed(part)) == body
    inflater.finish()


@settings(deadline=None)
@given(sent=st.binary(max_size=200), coding=st.sampled_from(["gzip", "deflate"]))
def test_no_body_makes_it_raise_anything_else(sent: bytes, coding: str) -> None:
    inflater = Inflater(coding)
    try:
        for _ in inflater.feed(sent):
            pass
        inflater.finish()
    except DownloadFailed as failed:
        assert failed.detail


@given(header=st.text(max_size=60))
def test_any_header_is_read(header: str) -> None:
    with contextlib.suppress(DownloadFailed):
        assert coding_of(header) in (None, "gzip", "deflate")
