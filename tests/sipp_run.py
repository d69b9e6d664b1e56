"""Runs a SIPp scenario of tests/sipp, on ports of its own: as the caller, or as who is called.

result = await run_sipp("server_bye", ("127.0.0.1", port), number="+6531234567", timeout_s=20)
assert result.passed, result.log

async with sipp_callee("uas_busy") as callee:
    ...  # call callee.address
    result = await callee.result()
"""

import asyncio
import contextlib
import csv
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ports import free_port

SCENARIOS = Path(__file__).parent / "sipp"
PATH_OF_SIPP = shutil.which("sipp")
"""Where sipp is; None when it is not installed (skip the tests that need it)."""

# SIPp takes a response that comes twice for a retransmission, and answers it by sending its
# request again: a scenario that wants the repeated response has to switch that off.
_WANT_REPETITIONS = ("repeated_invite", "lost_ack", "no_ack", "bye_twice", "uas_retransmit_200")
_NEEDED_OPTIONS = dict.fromkeys(_WANT_REPETITIONS, ("-nr",))
_PORT_TAKEN = "Address already in use"
_ATTEMPTS = 3
_LOG_CHARS = 20_000
_GRACE_S = 2.0  # SIPp's own -timeout comes first and says more


class SippMissing(RuntimeError):
    """The sipp command is not installed."""


@dataclass(frozen=True, slots=True)
class SippResult:
    """What became of a run: the exit code, calls that went as the scenario says, and the others."""

    rc: int
    ok: int
    failed: int
    log: str
    """SIPp's errors and the messages of the run, the last 20,000 characters of each."""

    @property
    def passed(self) -> bool:
        """Tell whether every call went as the scenario says."""
        return self.rc == 0 and self.failed == 0 and self.ok > 0


async def run_sipp(
    scenario: str | Path,
    server: tuple[str, int],
    *,
    calls: int = 1,
    rate: int = 1,
    number: str = "+6531234567",
    timeout_s: float = 60.0,
    pause_ms: int = 500,
    options: Sequence[str] = (),
) -> SippResult:
    """Run `calls` calls, `rate` a second, of a scenario: a name in tests/sipp, or a path.

    `pause_ms` is the pause of scenarios that have one. After `timeout_s` SIPp is ended, by itself
    or by force, and what was not finished counts as failed. Raises SippMissing.
    """
    if PATH_OF_SIPP is None:
        raise SippMissing("sipp is not installed")
    path = SCENARIOS / f"{scenario}.xml" if isinstance(scenario, str) else scenario
    for attempt in range(_ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="sipp") as folder, _sink() as media_port:
            command = [
                *_command(path, media_port, calls, timeout_s, pause_ms), *options,
                f"{server[0]}:{server[1]}", "-p", str(free_port()),
                "-key", "number", number, "-r", str(rate), "-l", str(calls),
            ]  # fmt: skip
            rc, screen = await _run(command, folder, timeout_s + _GRACE_S)
            result = _read_result(rc, screen, Path(folder), calls)
        if rc == 0 or _PORT_TAKEN not in result.log or attempt == _ATTEMPTS - 1:
            return result
    raise AssertionError("unreachable")


class SippCallee:
    """SIPp that waits to be called, at `address`."""

    def __init__(self, address: tuple[str, int], ended: asyncio.Task[SippResult]) -> None:
        self.address = address
        self.folder: Path | None = None
        """Where it writes down what it sends and receives."""
        self._ended = ended

    def seen(self, method: str) -> int:
        """How many requests of this method it has sent or received."""
        return sum(line.startswith(f"{method} ") for line in self._lines())

    def answered(self, method: str) -> int:
        """How many requests of this method have been answered; until then it takes no other."""
        about = [line for line in self._lines() if line.startswith("CSeq: ")]
        return sum(line.endswith(f" {method}") for line in about) - self.seen(method)

    def _lines(self) -> list[str]:
        messages = self.folder / "messages" if self.folder else None
        if messages is None or not messages.exists():
            return []
        return messages.read_text(errors="replace").splitlines()

    async def result(self) -> SippResult:
        """What became of it, once all calls are over or the time is."""
        return await asyncio.shield(self._ended)


@contextlib.asynccontextmanager
async def sipp_callee(
    scenario: str,
    *,
    calls: int = 1,
    timeout_s: float = 60.0,
    pause_ms: int = 500,
    options: Sequence[str] = (),
    tcp: bool = False,
    port: int = 0,
) -> AsyncIterator[SippCallee]:
    """Run a scenario of who is called, for `calls` calls, over UDP or TCP. Raises SippMissing.

    It listens on a port of its own unless one is given.
    """
    if PATH_OF_SIPP is None:
        raise SippMissing("sipp is not installed")
    path = SCENARIOS / f"{scenario}.xml"
    port = port or free_port()

    async def run() -> SippResult:
        for _ in range(_ATTEMPTS - 1):
            result = await attempt()
            if result.rc == 0 or _PORT_TAKEN not in result.log:
                return result
        return await attempt()

    async def attempt() -> SippResult:
        with tempfile.TemporaryDirectory(prefix="sipp") as folder, _sink() as media_port:
            callee.folder = Path(folder)
            common = _command(path, media_port, calls, timeout_s, pause_ms)
            command = [*common, *options, "-p", str(port), "-t", "t1" if tcp else "u1"]
            rc, screen = await _run(command, folder, timeout_s + _GRACE_S)
            return _read_result(rc, screen, Path(folder), calls)

    ended = asyncio.create_task(run())
    callee = SippCallee(("127.0.0.1", port), ended)
    try:
        while not _is_open(port, tcp) and not ended.done():
            await asyncio.sleep(0.01)
        yield callee
    finally:
        ended.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ended


def _command(path: Path, media_port: int, calls: int, timeout_s: float, pause_ms: int) -> list[str]:
    return [
        str(PATH_OF_SIPP), "-sf", str(path), "-i", "127.0.0.1",
        "-cp", str(free_port()), "-mp", str(_free_media_port()),
        "-key", "media_port", str(media_port), "-m", str(calls), "-d", str(pause_ms),
        "-timeout", f"{max(1, round(timeout_s))}s", "-timeout_error",
        "-recv_timeout", str(round(timeout_s * 1000)), "-nostdin",
        "-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages",
        "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-buff_size", "1048576",
        *_NEEDED_OPTIONS.get(path.stem, ()),
    ]  # fmt: skip


async def _run(command: Sequence[str], folder: str, timeout_s: float) -> tuple[int, str]:
    """Run SIPp in its folder and return exit code and output; killed when the time is over."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"TERM": "dumb", "PATH": "/usr/bin:/bin"},
    )
    output = b""
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
    except TimeoutError:
        output = b"killed: it did not end in time"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode if process.returncode is not None else -1, output.decode(
        errors="replace"
    )


def _read_result(rc: int, screen: str, folder: Path, calls: int) -> SippResult:
    ok = failed = 0
    stat = folder / "stat.csv"
    if stat.exists():
        rows = list(csv.DictReader(stat.read_text(errors="replace").splitlines(), delimiter=";"))
        if rows:
            ok = int(rows[-1].get("SuccessfulCall(C)") or 0)
            failed = int(rows[-1].get("FailedCall(C)") or 0)
    if rc != 0:
        failed = max(failed, calls - ok)
    parts = [f"sipp ended with {rc}: {ok} ok, {failed} failed"]
    for name in ("errors", "messages"):
        if (folder / name).exists():
            text = (folder / name).read_text(errors="replace")
            parts.append(f"--- {name}\n{text[-_LOG_CHARS:]}")
    if rc != 0:
        parts.append(f"--- screen\n{screen[-2000:]}")
    return SippResult(rc, ok, failed, "\n".join(parts))


def _free_media_port() -> int:
    """SIPp binds it and, for video that nobody sends, the second one after it."""
    while True:
        port = free_port()
        if port < 65534 and _is_free(port + 2):
            return port


def _is_open(port: int, tcp: bool) -> bool:
    """Whether somebody takes what is sent to this port: bound is not enough, TCP has to listen."""
    kernel, state = ("/proc/net/tcp", "0A") if tcp else ("/proc/net/udp", "07")
    local = f"0100007F:{port:04X}"
    rows = (line.split() for line in Path(kernel).read_text().splitlines()[1:])
    return any(row[1] == local and row[3] == state for row in rows)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _sink() -> Iterator[int]:
    """Hold a port open for the server's RTP, so that it is not answered with ICMP errors."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]
