"""What can be wrong with ``msg``. Each refusal leaves the call ringing: nothing was answered for it."""

import asyncio
import gzip
import io
import socket
from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest
import soundfile

from acceptance.asking import (
    OK,
    assert_each_refused,
    assert_refused,
    assert_untouched,
    span_s,
    undisturbed,
)
from acceptance.files import BEEP, FileServer, wav
from acceptance.harness import Customer
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tones, tone

MEGABYTE = 1024 * 1024


INVALID_XML = (
    "Fish & chips < 5",
    "<speech>unclosed",
    "<b>bold</b>",
    "<speech><url>http://127.0.0.1/a.wav</url></speech>",
    '<speech voice="x">a</speech>',
    '<url title="x">http://127.0.0.1/a.wav</url>',
    '<!DOCTYPE x [<!ENTITY e "e">]><speech>&e;</speech>',
    "<?xml version='1.0'?>a",
    "a\x07b",
)


async def test_error_msg_invalid_xml(customer: Customer) -> None:
    await assert_each_refused(customer, "error_msg_invalid_xml", "msg", INVALID_XML)


async def test_error_msg_invalid_language(customer: Customer) -> None:
    languages = ("xx", "tlh-KX", "", "english", "zh-XX-99")
    messages = [f'<speech language="{one}">Good bye.</speech>' for one in languages]
    await assert_each_refused(customer, "error_msg_invalid_language", "msg", messages)


@pytest.mark.parametrize("gender", ["robot", "f"])
async def test_error_msg_invalid_gender(customer: Customer, gender: str) -> None:
    msg = f'<speech gender="{gender}">Good bye.</speech>'
    await assert_refused(customer, "error_msg_invalid_gender", msg=msg)


INVALID_URLS = (
    "",
    "good-bye.wav",
    "ftp://example.com/a.wav",
    "file:///etc/passwd",
    "http:///a.wav",
    "http://exa mple.com/a.wav",
    "http://user:secret@example.com/a.wav",
    "http://0x7f000001/a.wav",
    "http://2130706433/a.wav",
    "http://example.com:0/a.wav",
    "http://example.com:99999/a.wav",
    "http://[::1/a.wav",
)


async def test_error_msg_invalid_url(customer: Customer) -> None:
    messages = [f"<url>{url}</url>" for url in INVALID_URLS]
    await assert_each_refused(customer, "error_msg_invalid_url", "msg", messages)


async def test_error_msg_invalid_url_comes_before_the_session(customer: Customer) -> None:
    """It is seen in the text; nobody has to be asked for it."""
    params = {"session": "S1", "msg": "<url>http://0x7f000001/a.wav</url>"}
    await assert_refused(customer, "error_msg_invalid_url", **params)


@pytest.mark.parametrize(
    "msg",
    [
        "   ",
        "!?",
        "<speech>...</speech>",
        "\N{CJK UNIFIED IDEOGRAPH-8ACB}\N{CJK UNIFIED IDEOGRAPH-7A0D}",  # not English
    ],
)
async def test_error_msg_cannot_convert_text(customer: Customer, msg: str) -> None:
    await assert_refused(customer, "error_msg_cannot_convert_text", msg=msg)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (404, {}),
        (403, {}),
        (500, {}),
        (204, {}),
        (302, {}),
        (304, {"Location": "/good.wav"}),
        (302, {"Location": "http://10.0.0.1/good.wav"}),
        (302, {"Location": "ftp://127.0.0.1/good.wav"}),
        (200, {"Content-Encoding": "gzip"}),
        (200, {"Content-Encoding": "br"}),
    ],
)
async def test_error_msg_download_failed(
    customer: Customer, files: FileServer, status: int, headers: dict[str, str]
) -> None:
    files.serve("good.wav", BEEP)
    body = b"" if status == 204 else BEEP
    url = files.serve("bad.wav", body, status, headers)
    await assert_refused(customer, "error_msg_download_failed", msg=f"<url>{url}</url>")
    assert files.requests == ["/bad.wav"]


async def test_error_msg_download_failed_in_a_circle(customer: Customer, files: FileServer) -> None:
    url = files.serve("round.wav", b"", 302, {"Location": "/round.wav"})
    await assert_refused(customer, "error_msg_download_failed", msg=f"<url>{url}</url>")
    assert files.requests == ["/round.wav"] * 4


async def test_error_msg_download_failed_when_nobody_listens(customer: Customer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    msg = f"<url>http://127.0.0.1:{port}/a.wav</url>"
    await assert_refused(customer, "error_msg_download_failed", msg=msg)


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "10.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0"]
)
async def test_error_msg_download_failed_where_nobody_may_be_called(
    customer: Customer, host: str
) -> None:
    msg = f"<url>http://{host}/a.wav</url>"
    await assert_refused(customer, "error_msg_download_failed", msg=msg)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("good-bye.txt", BEEP),
        ("good-bye", BEEP),
        ("good-bye.ogg", BEEP),
        ("good-bye.mp3", BEEP),  # a wav
        ("good-bye.gsm", BEEP),
        ("good-bye.wav", b"<html>Log in first</html>"),
        ("good-bye.wav", b""),
        ("good-bye.wav", BEEP[:40]),
    ],
)
async def test_error_msg_invalid_file_format(
    customer: Customer, files: FileServer, name: str, body: bytes
) -> None:
    url = files.serve(name, body)
    await assert_refused(customer, "error_msg_invalid_file_format", msg=f"<url>{url}</url>")


async def test_error_msg_invalid_file_size(customer: Customer, files: FileServer) -> None:
    url = files.serve("long.wav", BEEP.ljust(10 * MEGABYTE + 1, b"\0"))
    await assert_refused(customer, "error_msg_invalid_file_size", msg=f"<url>{url}</url>")


async def test_a_file_of_exactly_10_mb_is_not_too_large(
    customer: Customer, files: FileServer
) -> None:
    url = files.serve("long.wav", BEEP.ljust(10 * MEGABYTE, b"\0"))
    call, told = await customer.call()
    assert await customer.hangup(told["session"], msg=f"<url>{url}</url>") == OK
    assert (await call.ended()).how is How.BYE_RECEIVED


async def test_of_two_bad_parts_the_first_is_reported(
    customer: Customer, files: FileServer
) -> None:
    slow = files.serve("slow.wav", b"", 404)
    released = files.hold("slow.wav")
    quick = files.serve("quick.txt", b"")
    call, told = await customer.call()
    msg = f"<url>{slow}</url><url>{quick}</url>"
    asked = asyncio.create_task(customer.hangup(told["session"], msg=msg))
    await files.asked_for("slow.wav")
    released.set()
    assert (await asked)["status"] == "error_msg_download_failed"
    await assert_untouched(customer, call, told)


async def test_a_bare_ampersand_is_accepted(customer: Customer, files: FileServer) -> None:
    """A client in the wild sends one in a <url>."""
    url = files.serve("beep.wav", BEEP)
    call, told = await customer.call()
    msg = f"<url>{url}?a=1&b=2</url>"
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED


async def test_parts_are_heard_in_their_order(customer: Customer, files: FileServer) -> None:
    url = files.serve("beep.wav", BEEP)
    msg = f'<url>{url}</url><speech language="en" gender="female">Hi.</speech><url>{url}</url>'
    call = await undisturbed(customer.server, partial(heard_out, customer, msg))
    beeps = find_tones(call.recording.pcm(), 1000)
    assert len(beeps) == 2
    assert beeps[0][1] < beeps[1][0]
    assert call.recording.lost == 0


# Files as they are found ------------------------------------------------------------------------


def mp3(hz: float) -> bytes:
    """A second of a tone."""
    file = io.BytesIO()
    soundfile.write(file, tone(hz, 1000, 24_000), 24_000, format="MP3")
    return file.getvalue()


def antiphase(pcm: Pcm) -> bytes:
    """Two channels, one of them wired the wrong way round."""
    file = io.BytesIO()
    soundfile.write(file, np.stack([pcm, -pcm], axis=1), 8000, format="WAV")
    return file.getvalue()


BOTH_TONES = wav(np.concatenate([tone(600, 1000), tone(1500, 1000)]))
UNSIZED = BOTH_TONES[:4] + bytes(4) + BOTH_TONES[8:40] + bytes(4) + BOTH_TONES[44:]
Served = tuple[str, bytes, Mapping[str, str]]
FOUND: dict[str, Served] = {
    "two mp3 put together": ("a.mp3", mp3(600) + mp3(1500), {}),
    "a line feed first": ("a.mp3", b"\n" + mp3(600) + mp3(1500), {}),
    "sizes of 0": ("a.wav", UNSIZED, {}),
    "antiphase": ("a.wav", antiphase(np.concatenate([tone(600, 1000), tone(1500, 1000)])), {}),
    "aws-chunked": ("a.wav", BOTH_TONES, {"Content-Encoding": "aws-chunked"}),
    "gzip": ("a.wav", gzip.compress(BOTH_TONES), {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("what", FOUND)
async def test_files_as_they_are_found_are_heard_whole(
    customer: Customer, files: FileServer, what: str
) -> None:
    name, body, headers = FOUND[what]
    await assert_both_tones(customer, files.serve(name, body, 200, headers))


async def test_a_url_that_leads_elsewhere_is_followed(
    customer: Customer, files: FileServer
) -> None:
    files.serve("there.wav", BOTH_TONES)
    files.serve("2.wav", b"", 307, {"Location": "there.wav#part"})
    whole = files.serve("1.wav", b"", 301, {"Location": "/2.wav"})
    url = files.serve("0.wav", b"", 302, {"Location": whole.removeprefix("http:")})
    await assert_both_tones(customer, url)
    assert [*dict.fromkeys(files.requests)] == ["/0.wav", "/1.wav", "/2.wav", "/there.wav"]


async def heard_out(customer: Customer, msg: str) -> PhoneCall:
    """A call that was hung up with this message."""
    call, told = await customer.call()
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    return call


async def assert_both_tones(customer: Customer, url: str) -> None:
    """A caller hears a second of each, one after the other."""
    hear = partial(heard_out, customer, f"<url>{url}</url>")
    pcm = (await undisturbed(customer.server, hear)).recording.pcm()
    low, high = span_s(pcm, 600), span_s(pcm, 1500)
    for begins, ends in (low, high):
        assert ends - begins == pytest.approx(1.0, abs=0.03)
    assert high[0] - low[1] == pytest.approx(0, abs=0.05)
