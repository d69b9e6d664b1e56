"""``bench/peer``, ``lean_http.py``, the search of ``rates.py``: what both engines are loaded with."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from bench.figures import Figures
from bench.lean_http import Client, post, serve
from bench.peer import prompts
from bench.peer.asterisk import HERE, configure
from bench.rates import Climb, Search

from onhook.testing.g711 import decode


def level(rate: int, passed: bool, failed: int = 0) -> Figures:
    return {"rate": rate, "pass": passed, "failed": failed, "calls": rate * 6}


async def test_what_is_asked_is_answered_on_kept_connections() -> None:
    asked: list[tuple[str, bytes]] = []

    def answer(path: str, _identity: bytes, body: bytes) -> bytes:
        asked.append((path, body))
        return body * 2

    client = Client("127.0.0.1", await serve(answer), limit=2)
    replies = await asyncio.gather(
        *(client.ask(post("somebody", f"/told?x={number}", b"%d" % number)) for number in range(6))
    )
    assert replies == [(200, b"%d" % number * 2) for number in range(6)]
    assert sorted(asked) == [("/told", b"%d" % number) for number in range(6)]


async def test_a_connection_that_ends_before_the_reply_is_an_error() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(ConnectionError):
            await client.ask(post("somebody", "/", b""))


def test_sounds_are_mu_law_and_as_long_as_the_messages(tmp_path: Path) -> None:
    samples = np.arange(-32768, 32768, 7).tolist()
    heard = decode("PCMU", bytes(map(prompts.encoded, samples))).tolist()
    for sample, back in zip(samples, heard, strict=True):
        assert abs(back - sample) <= abs(sample) / 32 + 4  # half a step, of 16 in each doubling
    prompts.write(tmp_path)
    assert (tmp_path / "second.ulaw").stat().st_size == round(1.1 * 8000)
    assert (tmp_path / "two-minutes.ulaw").stat().st_size == 120 * 8000


def test_the_configuration_has_no_place_left_to_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (sounds / "second.ulaw").write_bytes(b"\xff")
    monkeypatch.setattr("bench.peer.asterisk._sounds", lambda: sounds)
    made = tmp_path / "etc"
    made.mkdir()
    configure(made, {"HOST": "127.0.0.1", "SIP": "5061", "HTTP": "8088"})
    assert {file.name for file in (HERE / "etc").iterdir()} <= {
        file.name for file in made.iterdir()
    }
    for file in made.glob("*.conf"):
        assert "@" not in file.read_text(), file.name
    assert "bind=127.0.0.1:5061" in (made / "pjsip.conf").read_text()
    assert (made / "second.ulaw").exists()


def test_a_search_climbs_by_halves_and_then_halves_what_is_left() -> None:
    climb, asked = Climb(Search(start=200, step=25)), []
    while rate := climb.next_rate():
        asked.append(rate)
        climb.levels.append(level(rate, rate <= 460, failed=0 if rate <= 460 else rate))
    assert asked == [200, 300, 450, 675, 550, 500, 475]


def test_one_small_failure_is_tried_again() -> None:
    climb = Climb(Search(start=200, step=25))
    climb.levels.append(level(200, False, failed=1))
    assert climb.next_rate() == 200
    climb.levels.append(level(200, True))
    assert climb.next_rate() == 300
