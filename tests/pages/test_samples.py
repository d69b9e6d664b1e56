"""Samples of the pages, run as they stand there; `test_every_block` says which test runs which."""

import subprocess
import sys
import tomllib
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

import numpy as np
import pytest
import yaml

from onhook.server.settings import Settings, load
from onhook.simulator import Phone, Simulator
from onhook.speech import plugins
from pages.reading import ROOT, blocks, indented
from ports import free_port

NUMBER, OFFICE = "+6531234567", "+6561112222"
SHOP = """
from onhook.app import App, Call

app = App()

@app.incoming
async def menu(call: Call) -> None:
    digits = await call.gather("Welcome. Press 1 for the office, or 2 for our opening hours.", max_digits=1)
    if digits == "2":
        await call.play("We are open on weekdays from nine to six.")
    await call.hangup("Good bye.")

if __name__ == "__main__":
    app.run()
"""
"""An application as the page on tests has it in mind."""


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


WITH_AN_OBJECT, ALONE, WITH_BOTH, IN_A_PROCESS, _ = blocks(page("testing.md"), "python")


def passes(here: Path, tests: str) -> None:
    """One test passes in a run of pytest of its own, where the shop is."""
    (here / "shop").mkdir()
    (here / "shop/ivr.py").write_text(SHOP)
    (here / "test_shop.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].startswith("1 passed"), done.stdout + done.stderr


def test_an_object_in_the_simulator(tmp_path: Path) -> None:
    passes(tmp_path, WITH_AN_OBJECT)


def test_the_phone_of_the_simulator_and_of_a_server(tmp_path: Path) -> None:
    passes(tmp_path, f"{WITH_AN_OBJECT}\n{WITH_BOTH}")


def test_an_application_in_a_process_of_its_own(tmp_path: Path) -> None:
    test = WITH_AN_OBJECT[WITH_AN_OBJECT.index("def test_") :]
    fixture = IN_A_PROCESS.replace('"node", "ivr.js"', f'"{sys.executable}", "shop/ivr.py"')
    passes(tmp_path, f"{fixture}\n{test}".replace("9000", str(free_port())))


def test_the_simulator_without_pytest() -> None:
    """The page leaves open what the phone does: it calls a number of whose application nobody listens."""
    program = ALONE.replace("9000", str(free_port()))
    assert program.rstrip().endswith("...")
    names: dict[str, Any] = {}
    does = f'phone.call("{NUMBER}").hang_up(); said = simulator.story'
    exec(program.replace("...", does), names)
    assert "hangs up" in names["said"]


def test_the_same_menu_as_in_another_voice_api() -> None:
    [program] = blocks(page("moving.md"), "python")
    names: dict[str, Any] = {}
    exec(program, names)
    with Simulator() as simulator:
        simulator.serve(lambda environ, start: _wsgi(simulator, names["answer"], environ, start))
        phone = Phone(simulator)
        phone.call(NUMBER).is_hung_up_after("Good bye.")
        call = phone.call(NUMBER)
        call.hears("Press 1 for the office.")
        call.press("1")
        call.hears("One moment.")
        phone.answers(OFFICE).hang_up()
        call.is_hung_up()


def _wsgi(simulator: Simulator, answer: Any, environ: dict[str, Any], start: Any) -> list[bytes]:
    """An application whose every notification this function answers."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    told = dict(parse_qsl(body.decode(), keep_blank_values=True))
    who = {"app_id": simulator.app_id, "access_token": simulator.access_token}

    def ask(block: str, **params: str) -> None:
        wish = {**who, "session": told["session"], "notify_url": simulator.ivr_url, **params}
        urlopen(f"{simulator.url}/open/ivr/{block}", urlencode(wish).encode()).close()

    answer(told, ask)
    start("204 No Content", [])
    return []


def test_a_package_of_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    [declared] = blocks(page("voices.md"), "toml")
    [program] = blocks(page("voices.md"), "python")
    [(group, points)] = tomllib.loads(declared)["project"]["entry-points"].items()
    assert group == plugins.GROUP
    [(name, value)] = points.items()
    module = types.ModuleType(value.partition(":")[0])
    acme = types.ModuleType("acme")
    acme.speak = lambda text: np.zeros(100, np.float32)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "acme", acme)
    known = "from onhook.speech.plugins import Speaker\nfrom onhook.speech.voices import Sound\n"
    exec(known + program, module.__dict__)
    [described] = plugins.plugged(lambda **_: [EntryPoint(name, value, group)])
    assert (described.name, described.language) == ("alma", "sv-SE")
    [speaker] = module.voices()
    assert len(speaker.synthesise("Hej.").samples) == 100


def test_prometheus_asks_where_the_server_listens() -> None:
    [block] = blocks(page("monitoring.md"), "yaml")
    read = yaml.safe_load(block)
    host, port = Settings.model_fields["http"].default
    [job] = read["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"{host}:{port}"]}]
    [rules] = read["rule_files"]
    assert (ROOT / "deploy/grafana" / rules).is_file()


def test_settings_files(tmp_path: Path) -> None:
    files = [
        each for each in indented(page("operating.md")) if each.startswith("# /etc/onhook.toml")
    ]
    assert files
    for number, text in enumerate(files):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        assert load(config=file).model_fields_set >= tomllib.loads(text).keys()
