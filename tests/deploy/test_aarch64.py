"""The wheel for 64-bit ARM under qemu's emulation: `onhook init`, a server, a call, recorded and billed.

Nothing is said in it: processes that speak limit their memory, of which the emulator takes more.
"""

import asyncio
import io
import subprocess
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from acceptance.talking import PATIENCE_S, until
from acceptance.typing_on import ENVIRONMENT, runs
from deploy.containerfile import ROOT
from onhook.server.settings import load
from onhook.testing.api_client import ApiClient
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import find_tone, silence, tone
from ports import free_port, fresh_port

pytestmark = pytest.mark.slow

NUMBER = "+6531234567"
EMULATED_S = 600.0
"""How long a server may take to start, whose every instruction is translated."""
OF_THE_MACHINE = b"\xb7\x00"
"""AArch64, in the head of an ELF file."""


@pytest.fixture(scope="module")
def wheel() -> Path:
    subprocess.run([ROOT / "scripts/build_wheel.sh", "aarch64"], check=True)
    found: list[Path] = list((ROOT / "dist").glob("onhook-*aarch64.whl"))
    return max(found, key=lambda each: each.stat().st_mtime)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel."""
    here = tmp_path_factory.mktemp("aarch64")
    subprocess.run([ROOT / "scripts/emulated.sh", wheel, here], check=True)
    return here / "python"


def test_it_is_for_any_linux_on_arm_and_names_what_is_linked_in(wheel: Path) -> None:
    assert "manylinux_2_17_aarch64" in wheel.name
    with zipfile.ZipFile(wheel) as opened:
        [plane] = [name for name in opened.namelist() if name.endswith("_plane.abi3.so")]
        assert opened.read(plane)[18:20] == OF_THE_MACHINE
        [bill] = [name for name in opened.namelist() if name.endswith("onhook.cdx.json")]
        assert b'"pkg:generic/openssl@' in opened.read(bill)


@pytest.fixture
def known(python: Path, tmp_path: Path) -> dict[str, str]:
    """What an application has to know, after `onhook init` on free ports of loopback."""
    where = ("--sip", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}",
             "--forward-to", f"http://127.0.0.1:{fresh_port()}/")  # fmt: skip
    command = (python, "-m", "onhook", "init", "--yes", "--number", NUMBER, *where)
    subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, check=True)
    return tomllib.loads((tmp_path / "application.toml").read_text())


async def test_a_call_is_answered_recorded_and_billed(
    python: Path, known: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "onhook.toml"
    [sip] = load(config=config).sip
    serve = (str(python), "-m", "onhook", "serve", "--config", str(config))
    async with (
        Receiver(port=int(known["listen"].rpartition(":")[2])) as receiver,
        runs(serve, tmp_path, "onhook ready", EMULATED_S),
        Phone() as phone,
        ApiClient(known["api"], known["app_id"], known["access_token"]) as api,
    ):
        call = await phone.call(NUMBER, server=(sip.host, sip.port))
        session = (await receiver.next())["session"]
        about = {"session": session, "notify_url": known["url"]}
        assert await api.post("ivr/middle/record", **about) == {"status": "success_ok"}
        await call.answered()
        await until(lambda: call.recording.audio, "the beep")
        await call.say(np.concatenate([tone(1400, 1500), silence(300)]))
        await call.send_digits("#")
        recorded = await receiver.next(session=session)
        data = await asyncio.to_thread(_download, recorded["record_url"])
        sound, _ = soundfile.read(io.BytesIO(data), dtype="int16")
        assert find_tone(sound, 1400, min_ms=500) is not None
        assert await api.post("ivr/end/hangup", **about) == {"status": "success_ok"}
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
        assert (await receiver.next(session=session))["debit"] == "0.020"
        assert call.complaints == []


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url) as reply:
        data: bytes = reply.read()
    return data
