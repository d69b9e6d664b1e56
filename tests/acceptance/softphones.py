"""Softphones that other people wrote, as processes: they call, answer by themselves, press keys, listen.

Both are Debian packages without a screen and without a sound card: what they say is a tone, what they
hear goes into a file. They need a network interface that is not the loopback; scripts/interop.py makes one.
"""

import asyncio
import os
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from onhook.testing.g711 import Pcm
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneTimeout
from onhook.testing.sip_text import Address
from onhook.testing.tones import tone, write_wav

SAYS_HZ = 800
"""The tone that a softphone says, all the time."""
NUMBER = "+6590000001"
"""Its own number: whom it says it is, and whom it takes calls for."""
READY_S = 60.0
ENDS_S = 20.0


class Softphone:
    """A softphone at an address of its own; use it with `async with`."""

    name = ""

    def __init__(self, host: str, port: int, interface: str, *, account: str | None = None) -> None:
        self.account = account
        """What a newcomer writes into its list of accounts; nothing, if it needs none."""
        self.address: Address = (host, port)
        """Where it takes calls."""
        self.interface = interface
        self.directory = Path(tempfile.mkdtemp(prefix=f"onhook-{self.name}-"))
        """Its configuration, and what it heard."""
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        self._configure()
        self._process = await asyncio.create_subprocess_exec(
            *self._command(),
            env={**os.environ, "HOME": str(self.directory)},
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        await self._ready()
        self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def call(self, uri: str) -> None:
        """Call somebody."""
        raise NotImplementedError

    def press(self, key: str) -> None:
        """Press a key within the call."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the process, so that what it heard is complete."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._quit()
        try:
            await asyncio.wait_for(process.wait(), ENDS_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def heard(self) -> tuple[Pcm, int]:
        """What it heard, and at which rate; to be asked after `close`."""
        parts = [soundfile.read(path, dtype="int16") for path in self._recordings()]
        if not parts:
            return np.zeros(0, dtype=np.int16), 8000
        return np.concatenate([sound for sound, _ in parts]), int(parts[0][1])

    def _configure(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _begin(self) -> None:
        """Tell it what has to be told once it runs."""

    def _quit(self) -> None:
        raise NotImplementedError

    def _recordings(self) -> list[Path]:
        raise NotImplementedError

    def _type(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())

    async def _ready(self) -> None:
        """Wait until it answers OPTIONS."""
        async with Phone(host=self.address[0]) as phone, asyncio.timeout(READY_S):
            while True:
                try:
                    await phone.options(self.address, timeout_s=0.5)
                except PhoneTimeout:
                    continue
                return


class Baresip(Softphone):
    """Baresip (https://github.com/baresip/baresip), package baresip-core."""

    name = "baresip"

    def call(self, uri: str) -> None:
        self._type(f"/dial {uri}\n")

    def press(self, key: str) -> None:
        self._type(key)

    def _configure(self) -> None:
        host, port = self.address
        modules = ("stdio", "g711", "ausine", "aubridge", "sndfile")
        lines = [
            f"sip_listen {host}:{port}",
            f"net_interface {self.interface}",
            f"audio_source ausine,{SAYS_HZ}",
            "ausrc_srate 48000",  # the only one that ausine has
            "ausrc_channels 2",
            "audio_player aubridge,nil",
            "audio_alert aubridge,nil",
            f"snd_path {self.directory}",
            "module_path /usr/lib/baresip/modules",
            *(f"module {module}.so" for module in modules),
            "module_tmp uuid.so",
            "module_tmp account.so",
            "module_app menu.so",
        ]
        (self.directory / "config").write_text("\n".join([*lines, ""]))
        account = f"<sip:{NUMBER}@{host}>;regint=0;answermode=auto;audio_codecs=PCMA"
        (self.directory / "accounts").write_text(f"{self.account or account}\n")
        (self.directory / "contacts").write_text("")

    def _command(self) -> list[str]:
        return ["baresip", "-f", str(self.directory)]

    def _quit(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def _recordings(self) -> list[Path]:
        return sorted(self.directory.glob("dump-*-dec.wav"))


class Linphone(Softphone):
    """Linphone's console phone (https://www.linphone.org), package linphone-cli."""

    name = "linphone"

    def call(self, uri: str) -> None:
        self._type(f"call {uri}\n")

    def press(self, key: str) -> None:
        self._type(f"{key}\n")

    def _configure(self) -> None:
        host, port = self.address
        lines = [
            "[sip]",
            f"sip_port={port}",
            "sip_tcp_port=0",
            "sip_tls_port=0",
            "guess_hostname=0",
            *([] if self.account is not None else [f"contact=<sip:{NUMBER}@{host}>"]),
            "use_ipv6=0",
            "use_rfc2833=1",
            "[rtp]",
            "audio_rtp_port=-1",
            "[sound]",
            "echocancellation=0",
        ]
        (self.directory / "linphonerc").write_text("\n".join([*lines, ""]))
        (self.directory / ".local/share/linphone").mkdir(parents=True)
        write_wav(self.directory / "said.wav", tone(SAYS_HZ, 60_000))

    def _command(self) -> list[str]:
        return ["linphonec", "-a", "-c", str(self.directory / "linphonerc")]

    def _begin(self) -> None:
        self._type("soundcard use files\n")
        self._type(f"play {self.directory / 'said.wav'}\n")
        self._type(f"record {self.directory / 'heard.wav'}\n")

    def _quit(self) -> None:
        self._type("quit\n")

    def _recordings(self) -> list[Path]:
        return sorted(self.directory.glob("heard*.wav"))


SOFTPHONES: tuple[type[Softphone], ...] = (Baresip, Linphone)
