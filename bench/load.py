"""Many callers at once: SIPp places the calls, `rtpsink` takes their audio. The callers are silent."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import percentile
from bench.rig import HERE, OUT, BenchError, end, first_line

_GRACE_S = 10
_SOURCE, _PROGRAM = HERE / "rtpsink.c", OUT / "rtpsink"


class NotStarted(BenchError):
    """SIPp placed no call: mostly somebody took one of its ports just before it did. Try again."""


def _compiled_sink() -> Path:
    """`rtpsink`, compiled on first use. BenchError without a compiler."""
    if _PROGRAM.exists() and _PROGRAM.stat().st_mtime > _SOURCE.stat().st_mtime:
        return _PROGRAM
    OUT.mkdir(exist_ok=True)
    try:
        subprocess.run(["gcc", "-O2", "-w", "-o", _PROGRAM, _SOURCE], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"rtpsink.c cannot be compiled: {error}") from error
    return _PROGRAM


class Sink:
    """Receives all audio on one socket, with the kernel's time stamps."""

    def __init__(self, life_s: float, expect_packets: int = 0) -> None:
        OUT.mkdir(exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix="sink-", suffix=".json", dir=OUT)
        os.close(descriptor)
        self._result = Path(path)
        program, result = str(_compiled_sink()), str(self._result)
        command = [program, "127.0.0.1", "0", result, str(int(life_s) + 1)]
        self.process = subprocess.Popen(
            [*command, "--expect", str(expect_packets)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.pid = self.process.pid
        self.port = int(first_line(self.process))

    def begin(self) -> None:
        """Forget everything, and count from now on."""
        self._result.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)

    def finish(self) -> None:
        """Count no more."""
        self.process.send_signal(signal.SIGUSR2)

    def told(self) -> dict[str, Any]:
        """What it measured between `begin` and `finish` (the keys of rtpsink's JSON). It goes on."""
        deadline_s = time.monotonic() + _GRACE_S
        while not self._result.exists():  # it is renamed into place when it is whole
            if time.monotonic() > deadline_s or self.process.poll() is not None:
                raise BenchError("the receiver of the audio did not say what it measured")
            time.sleep(0.01)
        found: dict[str, Any] = json.loads(self._result.read_text())
        return found

    def close(self) -> dict[str, Any]:
        """End it; what it measured."""
        end(self.process)
        return self.told()

    def remove(self) -> None:
        """End it, and remove what it wrote."""
        end(self.process)
        self._result.unlink(missing_ok=True)


@contextmanager
def sink(life_s: float, expect_packets: int = 0) -> Iterator[Sink]:
    """A sink that is ended, whatever happens."""
    running = Sink(life_s, expect_packets)
    try:
        yield running
    finally:
        running.remove()


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be called, how often, and for how long (`hold_s`: until the caller hangs up)."""

    scenario: str
    server: tuple[str, int]
    number: str
    sink_port: int
    rate: float
    calls: int
    hold_s: float = 0.0
    wait_s: float = 12.0
    """How long a caller waits for whatever the server has to send, its BYE too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a load; times in milliseconds, with SIPp's grain of 4."""

    created: int
    ok: int
    failed: int
    retransmitted: int
    setup_p50_ms: float | None
    setup_p99_ms: float | None
    ack_to_bye_p50_ms: float | None
    ack_to_bye_p99_ms: float | None
    took_s: float


class Callers:
    """A running SIPp."""

    def __init__(self, load: Load, folder: Path) -> None:
        if shutil.which("sipp") is None:
            raise BenchError("sipp is not installed (Debian: sip-tester)")
        if not load.server[0].startswith("127."):
            raise BenchError("loopback only")
        self._folder = folder
        self.bound_s = load.calls / load.rate + load.hold_s + _GRACE_S
        self._began_s = time.monotonic()
        with (folder / "screen").open("wb") as screen:
            self.process = subprocess.Popen(
                _command(load, self.bound_s),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )
        self.pid = self.process.pid

    @property
    def running(self) -> bool:
        """Whether it still has calls to place or to end."""
        return self.process.poll() is None

    def result(self) -> Outcome:
        """Waits for the end, for a bounded time, then reads what SIPp wrote. May raise NotStarted."""
        left_s = self.bound_s - (time.monotonic() - self._began_s)
        try:
            self.process.wait(max(0.1, left_s))
        except subprocess.TimeoutExpired:
            end(self.process)
        took_s = time.monotonic() - self._began_s
        outcome = _read(self._folder, took_s)
        if not outcome.created:
            raise NotStarted(f"SIPp ended with {self.process.returncode} and placed no call")
        return outcome


def _command(load: Load, bound_s: float) -> list[str]:
    return [
        "sipp", f"{load.server[0]}:{load.server[1]}",
        "-sf", str(HERE / "scenarios" / f"{load.scenario}.xml"),
        "-i", "127.0.0.1", "-p", str(_free_port()), "-cp", str(_free_port()),
        "-mi", "127.0.0.1", "-mp", str(_free_port()),
        "-key", "dest", load.number, "-key", "sink_port", str(load.sink_port),
        "-r", f"{load.rate:g}", "-m", str(load.calls), "-l", str(load.calls),
        "-d", str(round(load.hold_s * 1000)), "-recv_timeout", str(round(load.wait_s * 1000)),
        "-timeout", f"{int(bound_s)}s", "-timeout_error", "-nd", "-nostdin",
        "-buff_size", "4194304", "-trace_stat", "-fd", "1", "-stf", "stat.csv",
        "-trace_rtt", "-rtt_freq", "1",
    ]  # fmt: skip


@contextmanager
def callers(load: Load) -> Iterator[Callers]:
    """Callers that are gone afterwards, with what they wrote."""
    with tempfile.TemporaryDirectory(prefix="sipp-", dir=OUT) as folder:
        running = Callers(load, Path(folder))
        try:
            yield running
        finally:
            end(running.process, signal.SIGKILL)


def _read(folder: Path, took_s: float) -> Outcome:
    rows: list[dict[str, str]] = []
    if (folder / "stat.csv").exists():
        text = (folder / "stat.csv").read_text(errors="replace")
        rows = list(csv.DictReader(text.splitlines(), delimiter=";"))
    last = rows[-1] if rows else {}
    setup, bye = _response_times(folder)
    return Outcome(
        created=int(last.get("TotalCallCreated") or 0),
        ok=int(last.get("SuccessfulCall(C)") or 0),
        failed=int(last.get("FailedCall(C)") or 0),
        retransmitted=int(last.get("Retransmissions(C)") or 0),
        setup_p50_ms=percentile(setup, 0.5),
        setup_p99_ms=percentile(setup, 0.99),
        ack_to_bye_p50_ms=percentile(bye, 0.5),
        ack_to_bye_p99_ms=percentile(bye, 0.99),
        took_s=round(took_s, 2),
    )


def _response_times(folder: Path) -> tuple[list[float], list[float]]:
    """The two timers of the scenarios, in milliseconds: lines of moment;ms;number."""
    times: dict[str, list[float]] = {"1": [], "2": []}
    for file in folder.glob("*rtt.csv"):
        for line in file.read_text(errors="replace").splitlines():
            moment, *rest = line.split(";")
            if len(rest) >= 2 and moment[:1].isdigit() and rest[1].strip() in times:
                times[rest[1].strip()].append(float(rest[0]))
    return times["1"], times["2"]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
