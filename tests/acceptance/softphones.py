"""Softphones that other people wrote, as processes: they call, answer by themselves, press keys, listen.

Both are Debian packages without a screen and without a sound card: what they say is a tone, what they
hear goes into a file. They need a network interface that is not the loopback; scripts/interop.py makes one.
"""

import asyncio
import os
import re
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from acceptance.wire import Wire
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
ANSWERS_S = 60.0
"""How long it may take until a request of its own is answered, and what comes of it is seen."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for a softphone that signals over TLS and encrypts its audio."""

    certificate: str
    """Its own, with the key behind it in the same file."""
    ca_file: str
    """The authority that the server's has to be from."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What it answers a challenge with; the user is also whom it says it is."""

    user: str
    password: str


def in_uri(host: str) -> str:
    """A host as a URI has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


class Softphone:
    """A softphone at an address of its own; use it with `async with`."""

    name = ""

    def __init__(
        self,
        host: str,
        port: int,
        interface: str,
        *,
        account: str | None = None,
        tls: Tls | None = None,
        credentials: Credentials | None = None,
        ptime: int = 20,
        encrypts: bool = False,
    ) -> None:
        self.account = account
        """What a newcomer writes into its list of accounts; nothing, if it needs none."""
        self.address: Address = (host, port)
        """Where it takes calls in the clear."""
        self.tls = tls
        self.credentials = credentials
        self.ptime = ptime
        """How much audio it asks for in a packet, in milliseconds."""
        self.encrypts = encrypts
        """Whether its audio may be encrypted though its signalling is not; with `tls` it has to be."""
        self.holds = False
        """Whether it is to put the call on hold for a while."""
        self.wire: Wire | None = None
        """Where it is seen what it is sent, if it is there."""
        self.interface = interface
        self.directory = Path(tempfile.mkdtemp(prefix=f"onhook-{self.name}-"))
        """Its configuration, and what it heard."""
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        self._configure()
        with (self.directory / "said.txt").open("wb") as said:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                env={**os.environ, "HOME": str(self.directory)},
                stdin=PIPE,
                stdout=said,
                stderr=STDOUT,
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

    async def hold(self) -> bool:
        """Put the call on hold; returns whether that was agreed to."""
        raise NotImplementedError

    async def resume(self) -> bool:
        """Take the call up again; returns whether that was agreed to."""
        raise NotImplementedError

    def rekeyed(self) -> bool:
        """Whether both sides took another key in the middle of a call."""
        return False

    @property
    def tls_port(self) -> int:
        """Where it takes calls over TLS."""
        return self.address[1] + 1

    @property
    def said(self) -> str:
        """What it wrote to its console so far."""
        return (self.directory / "said.txt").read_text(errors="replace")

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

    async def _sees(self, pattern: str, since: int) -> bool:
        """Whether it writes this to its console, behind so many characters."""
        looked_for = re.compile(pattern, re.MULTILINE | re.DOTALL)
        try:
            async with asyncio.timeout(ANSWERS_S):
                while not looked_for.search(self.said, since):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            return False
        return True

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


_COMES, _STAYS_AWAY = (rf"audio=\d+/{rate} \(bit/s\)" for rate in (r"[5-9]\d{4}", r"\d{1,3}"))
"""What baresip says, every few seconds, of how much it sends and gets."""


class Baresip(Softphone):
    """Baresip (https://github.com/baresip/baresip), package baresip-core."""

    name = "baresip"

    def call(self, uri: str) -> None:
        self._type(f"/dial {uri}\n")

    def press(self, key: str) -> None:
        self._type(key)

    async def hold(self) -> bool:
        """Put the call on hold; returns whether audio came until then, and none since that was agreed to."""
        return await self._sees(_COMES, 0) and await self._change("x", "recvonly", _STAYS_AWAY)

    async def resume(self) -> bool:
        """Take the call up again; returns whether that was agreed to, and audio comes again."""
        return await self._change("X", "sendrecv", _COMES)

    async def _change(self, command: str, direction: str, then: str) -> bool:
        """Type what makes a re-INVITE; wait for an answer that says so, and for what comes of it."""
        before = len(self.said)
        self._type(command)
        return await self._sees(rf"SIP/2.0 200 [^#]*?^a={direction}\r?$.*?{then}", before)

    def _configure(self) -> None:
        host, port = self.address
        modules = ("stdio", "g711", "ausine", "aubridge", "sndfile")
        lines = [
            f"sip_listen {in_uri(host)}:{port}",
            f"net_interface {self.interface}",
            "rtp_ports 40000-48000",  # none of a server's
            f"audio_source ausine,{SAYS_HZ}",
            "ausrc_srate 48000",  # the only one that ausine has
            "ausrc_channels 2",
            "audio_player aubridge,nil",
            "audio_alert aubridge,nil",
            f"snd_path {self.directory}",
            "module_path /usr/lib/baresip/modules",
            *self._secured(),
            *(f"module {module}.so" for module in modules),
            "module_tmp uuid.so",
            "module_tmp account.so",
            "module_app menu.so",
        ]
        (self.directory / "config").write_text("\n".join([*lines, ""]))
        (self.directory / "accounts").write_text(f"{self.account or self._own_account()}\n")
        (self.directory / "contacts").write_text("")

    def _secured(self) -> list[str]:
        if self.tls is None:
            return ["module srtp.so"] if self.encrypts else []
        return [
            f"sip_certificate {self.tls.certificate}",
            f"sip_cafile {self.tls.ca_file}",
            "module srtp.so",
        ]

    def _own_account(self) -> str:
        user = self.credentials.user if self.credentials else NUMBER
        uri = f"sip:{user}@{in_uri(self.address[0])}"
        options = f"regint=0;answermode=auto;audio_codecs=PCMA;ptime={self.ptime}"
        if self.credentials:
            options += f";auth_user={user};auth_pass={self.credentials.password}"
        if self.tls is None:
            return f"<{uri}>;{options}{';mediaenc=srtp' if self.encrypts else ''}"
        return f"<{uri};transport=tls>;{options};mediaenc=srtp-mand"

    def _command(self) -> list[str]:
        return ["baresip", "-s", "-f", str(self.directory)]  # -s: with every message

    def _quit(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def _recordings(self) -> list[Path]:
        return sorted(self.directory.glob("dump-*-dec.wav"))


_KEY = re.compile(
    r"^o=(\S+) (?:(?!^o=).)*?^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/]{40})",
    re.MULTILINE | re.DOTALL,
)
"""Who wrote a description, and the key in it."""


class Linphone(Softphone):
    """Linphone's console phone (https://www.linphone.org), package linphone-cli."""

    name = "linphone"

    def call(self, uri: str) -> None:
        self._type(f"call {uri}{';transport=tls' if self.tls else ''}\n")

    def press(self, key: str) -> None:
        self._type(f"{key}\n")

    async def hold(self) -> bool:
        return await self._change("pause", "paused")

    async def resume(self) -> bool:
        return await self._change("resume", "Media streams established")

    async def _change(self, command: str, then: str) -> bool:
        before = len(self.said)
        self._type(f"{command}\n")
        return await self._sees(then, before)

    def rekeyed(self) -> bool:
        if not self._log.exists():
            return False
        keys: dict[str, set[str]] = {}
        for author, key in _KEY.findall(self._log.read_text(errors="replace")):
            keys.setdefault(author, set()).add(key)
        return len(keys) == 2 and all(len(each) > 1 for each in keys.values())

    @property
    def _log(self) -> Path:
        """Every message of its calls, where they are encrypted."""
        return self.directory / "linphone.log"

    def _configure(self) -> None:
        host, port = self.address
        user = self.credentials.user if self.credentials else NUMBER
        lines = [
            "[sip]",
            f"sip_port={port}",
            "sip_tcp_port=0",
            f"sip_tls_port={-1 if self.tls else 0}",
            "guess_hostname=0",
            *([] if self.account is not None else [f"contact=<sip:{user}@{in_uri(host)}>"]),
            *self._secured(),
            f"use_ipv6={int(':' in host)}",
            "use_rfc2833=1",
            "[rtp]",
            f"download_ptime={self.ptime}",
            "audio_rtp_port=50000-50998",  # none of a server's
            "[sound]",
            "echocancellation=0",
            *self._known(),
        ]
        (self.directory / "linphonerc").write_text("\n".join([*lines, ""]))
        (self.directory / ".local/share/linphone").mkdir(parents=True)
        write_wav(self.directory / "said.wav", tone(SAYS_HZ, 60_000))

    def _secured(self) -> list[str]:
        if self.tls is None:
            return ["media_encryption=srtp"] if self.encrypts else []
        return [
            f"root_ca={self.tls.ca_file}",
            "verify_server_cn=0",  # mbedTLS 2 knows no addresses in certificates
            "media_encryption=srtp",
            "media_encryption_mandatory=1",
            "keep_srtp_keys=0",  # another key with each description
        ]

    def _known(self) -> list[str]:
        """Whom it answers a challenge as, whoever asks."""
        if self.credentials is None:
            return []
        user, password = self.credentials.user, self.credentials.password
        return ["[auth_info_0]", f"username={user}", f"userid={user}", f"passwd={password}"]

    def _command(self) -> list[str]:
        log = ["-d", "6", "-l", str(self._log)] if self.tls else []
        return ["linphonec", "-a", *log, "-c", str(self.directory / "linphonerc")]

    def _begin(self) -> None:
        self._type("soundcard use files\n")
        self._type(f"play {self.directory / 'said.wav'}\n")
        self._type(f"record {self.directory / 'heard.wav'}\n")

    def _quit(self) -> None:
        self._type("quit\n")

    def _recordings(self) -> list[Path]:
        return sorted(self.directory.glob("heard*.wav"))


SOFTPHONES: tuple[type[Softphone], ...] = (Baresip, Linphone)
