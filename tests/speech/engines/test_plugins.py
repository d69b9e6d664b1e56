"""Voices of other packages: how they are found, how they fail, and the example that asks by HTTP."""

import shutil
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from onhook.speech import plugins
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.engines.pieces import LIMIT
from onhook.speech.engines.plugged import PluggedVoice, Plugin
from onhook.speech.errors import CannotConvertText
from onhook.speech.installed import installed_voices
from onhook.speech.plugins import Described, plugged
from onhook.speech.renderer import Renderer
from onhook.speech.voices import Catalogue, Gender, Sound, quality
from speech.doubles import Shelf, Web, stand_in, wav

EXAMPLE = Path(__file__).parents[3] / "examples" / "http_voice"

UNRULY = """
import os, time
import numpy as np
from onhook.speech.plugins import CannotSpeak
from onhook.speech.voices import Sound

class Voice:
    name, version, language, gender, quality = "unruly", "1", "sv-SE", "female", "neural"
    def synthesise(self, text):
        print("printed while speaking", flush=True)
        word = text.strip()
        if word == "die": os._exit(1)
        if word == "hang": time.sleep(1000)
        if word == "raise": raise RuntimeError(text)
        if word == "refuse": raise CannotSpeak("not today")
        if word == "nothing": return None
        if word == "slow rate": return Sound(np.ones(9, np.float32), 10)
        if word == "pid": return Sound(np.ones(1, np.float32), 100_000 + os.getpid() % 90_000)
        rate_hz = 16_000 if word.endswith("faster.") else 8_000
        return Sound(np.full(len(text), 0.5, np.float32), rate_hz)

def voices():
    return [Voice()]
"""


def install(site: Path, name: str, module: str, points: str) -> None:
    """Lay a package into `site` as an installer would."""
    site.mkdir(exist_ok=True)
    (site / f"{name}.py").write_text(module)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[onhook.voices]\n{points}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose packages are installed, for this process and those that it starts."""
    found = tmp_path / "site"
    found.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(found))
    monkeypatch.setenv("PYTHONPATH", str(found))
    yield found
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", None) and str(found) in str(
            sys.modules[module].__file__
        ):
            del sys.modules[module]


@pytest.fixture
def unruly(site: Path) -> Iterator[PluggedVoice]:
    install(site, "unruly", UNRULY, "unruly = unruly:voices")
    plugin = Plugin("unruly", piece_s=3.0)
    (described,) = plugged()
    yield PluggedVoice(plugin, described)
    plugin.close()


def spoken(voice: PluggedVoice, text: str) -> list[Sound]:
    return list(voice.synthesise(text))


def test_a_voice_of_a_package_speaks_in_place_of_ours(site: Path) -> None:
    module = UNRULY.replace("sv-SE", "de")
    install(site, "unruly", module, "unruly = unruly:voices")
    with installed_voices() as catalogue:
        voice = catalogue.find("de", "female")
        assert (voice.engine, voice.name, quality(voice)) == ("unruly", "unruly", "neural")
        assert catalogue.find("de", "male").engine == "pico"
        assert catalogue.find().engine == "hibari"
        assert voice in catalogue.voices


def test_what_it_says_is_heard_piece_by_piece(unruly: PluggedVoice) -> None:
    sounds = spoken(unruly, "A sentence of a few words. " * 20)
    assert all(sound.rate_hz == 8000 and len(sound.samples) <= LIMIT for sound in sounds)
    assert len(sounds) > 2
    np.testing.assert_allclose(np.concatenate([sound.samples for sound in sounds]), 0.5, atol=1e-4)


def test_what_has_no_letter_is_not_given_to_it(unruly: PluggedVoice) -> None:
    assert spoken(unruly, "... !") == []


@pytest.mark.parametrize("text", ["die", "raise", "refuse", "nothing", "slow rate", "hang"])
def test_a_failure_costs_its_message_and_nothing_else(unruly: PluggedVoice, text: str) -> None:
    with pytest.raises(CannotConvertText) as raised:
        spoken(unruly, text)
    assert text not in raised.value.detail
    assert len(spoken(unruly, "fine")) == 1


def test_a_worker_that_died_is_replaced(unruly: PluggedVoice) -> None:
    (before,) = spoken(unruly, "pid")
    with pytest.raises(CannotConvertText):
        spoken(unruly, "die")
    (after,) = spoken(unruly, "pid")
    assert before.rate_hz != after.rate_hz


def test_a_voice_keeps_to_one_rate_within_a_message(unruly: PluggedVoice) -> None:
    with pytest.raises(CannotConvertText):
        spoken(unruly, "x" * 150 + ". " + "y" * 150 + " faster.")


def test_a_plugin_whose_worker_cannot_start_fails_its_own_messages_only() -> None:
    plugin = Plugin(
        "gone", starter=stand_in("plugin", [sys.executable, "-c", "raise SystemExit(3)"])
    )
    voice = PluggedVoice(plugin, Described("gone", "g", "1", "sv-SE", Gender.FEMALE, "neural"))
    voice.warm()
    with pytest.raises(CannotConvertText):
        spoken(voice, "hello")
    plugin.close()


GOOD = {"name": "a", "version": "1", "language": "sv-SE", "gender": "female", "quality": "neural"}


def offering(*speakers: dict[str, Any], speaks: bool = True) -> Any:
    method = {"synthesise": lambda self, text: None} if speaks else {}
    return lambda: [type("Voice", (), {**each, **method})() for each in speakers]


def broken_import() -> Any:
    raise ImportError("libacme.so is missing")


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (broken_import, "libacme"),
        (offering({**GOOD, "gender": "robot"}), "robot"),
        (offering({**GOOD, "language": "swedish"}), "swedish"),
        (offering({**GOOD, "version": ""}), "version"),
        (offering({**GOOD, "name": 3}), "name"),
        (offering(GOOD, GOOD), "two voices"),
        (offering(GOOD, speaks=False), "synthesise"),
        (lambda: None, "NoneType"),
    ],
)
def test_a_broken_plugin_is_logged_and_left_out(
    monkeypatch: pytest.MonkeyPatch, offer: Any, reason: str
) -> None:
    offers = {"broken": offer, "good": offering(GOOD)}
    monkeypatch.setattr(EntryPoint, "load", lambda point: offers[point.name])
    points = [EntryPoint(name, "x:y", plugins.GROUP) for name in offers]
    with capture_logs() as logs:
        assert [voice.plugin for voice in plugged(lambda **_: points)] == ["good"]
    (log,) = logs
    assert (log["event"], log["plugin"]) == ("voice_plugin_left_out", "broken")
    assert reason in log["reason"]


# The example


@asynccontextmanager
async def service(answer: Any) -> AsyncIterator[str]:
    """A text-to-speech service on this very loop; its URL."""
    application = web.Application()
    application.router.add_post("/speak", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/speak"
    finally:
        await runner.cleanup()


@pytest.fixture
def example(site: Path) -> None:
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    (point,) = declared["onhook.voices"].items()
    install(site, "http_voice", "", " = ".join(point))
    shutil.copy(EXAMPLE / "http_voice.py", site)


def rendering(catalogue: Catalogue) -> tuple[Shelf, Renderer[Any]]:
    shelf = Shelf()
    downloads = Downloads(shelf, Web())
    return shelf, Renderer(catalogue=catalogue, store=shelf, downloads=downloads)


async def test_a_service_on_the_web_speaks_without_holding_up_the_loop(
    example: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service answers on the loop of the renderer: blocked by it, it never could."""
    asked: list[tuple[dict[str, str], str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((await request.json(), request.headers["Authorization"]))
        return web.Response(body=wav(0.1, 0.5), content_type="audio/wav")

    monkeypatch.setenv("HTTP_VOICE_SPEAKS", "sv-SE female, sv-SE male")
    monkeypatch.setenv("HTTP_VOICE_KEY", "k3y")
    async with service(answer) as url:
        monkeypatch.setenv("HTTP_VOICE_URL", url)
        with installed_voices() as catalogue:
            shelf, renderer = rendering(catalogue)
            message = renderer.check(
                '<speech language="sv" gender="male">God dag, kund 7.</speech>'
            )
            made = await renderer.render(message, deadline_s=30)
            await renderer.close()
    assert asked == [
        ({"text": "God dag, kund 7.", "language": "sv-SE", "gender": "male"}, "Bearer k3y")
    ]
    assert made.duration_ms == 500
    assert np.abs(next(iter(shelf.kept.values()))).max() > 1000


@pytest.mark.parametrize("status", [200, 500])
async def test_a_service_that_fails_fails_the_message(
    example: None, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="no sound")

    monkeypatch.setenv("HTTP_VOICE_SPEAKS", "sv-SE female")
    async with service(answer) as url:
        monkeypatch.setenv("HTTP_VOICE_URL", url)
        with installed_voices() as catalogue:
            _, renderer = rendering(catalogue)
            message = renderer.check('<speech language="sv">God dag</speech>')
            with pytest.raises(CannotConvertText):
                await renderer.render(message, deadline_s=30)
            await renderer.close()


def test_the_example_is_what_a_plugin_has_to_be(
    example: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HTTP_VOICE_URL", raising=False)
    assert list(plugged()) == []
    monkeypatch.setenv("HTTP_VOICE_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("HTTP_VOICE_SPEAKS", "sv-SE female")
    (point,) = entry_points(group=plugins.GROUP)
    (speaker,) = plugins.speakers(point).values()
    with pytest.raises(plugins.CannotSpeak, match="failed"):
        speaker.synthesise("hej")
