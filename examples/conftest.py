"""What the tests of the samples have in common: each is started as its readers start it."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from onhook.simulator import Phone, Simulator
from ports import free_port

if TYPE_CHECKING:  # whoever wants no real phones need not wait until they are loaded
    from onhook.simulator.real import RealPhones

    Backend: TypeAlias = Simulator | RealPhones

HERE = Path(__file__).parent
PATIENCE_S = 120.0
"""How long something may take that is going to happen."""


@pytest.fixture(
    params=["onhook_simulator", pytest.param("onhook_server", marks=pytest.mark.slow)],
    ids=["simulated", "real"],
)
def backend(request: pytest.FixtureRequest) -> "Backend":
    """Where calls are: in the simulator; or at a server and phones that are real, which takes its time."""
    found: Backend = request.getfixturevalue(request.param)
    if isinstance(found, Simulator):
        found.patience_s = PATIENCE_S  # a sample of its own process has to be started first
    return found


@pytest.fixture
def phone(backend: "Backend") -> Iterator[Phone]:
    """The phones; which application is tested, `serves` or `starts` says."""
    backend.begin_anew()
    yield Phone(backend)
    backend.begin_anew()


@pytest.fixture
def edition(request: pytest.FixtureRequest) -> str:
    """Which of two samples of the same name: the `plain` one, or that with the `kit`."""
    return str(getattr(request, "param", "plain"))


@pytest.fixture
def serves(
    backend: "Backend", edition: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Serves a sample that takes calls, in this process."""
    directory, app = (HERE / "kit", "app") if edition == "kit" else (HERE, "Application")

    def serve(name: str, **environment: str) -> None:
        for variable, value in {**backend.environment, **environment}.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("MY_URL", backend.ivr_url)
        backend.serve(runpy.run_path(str(directory / name))[app])

    return serve


class Program:
    """A sample that places a call, in a process of its own."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def types(self, line: str) -> None:
        """Writes a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def ends(self, code: int = 0) -> list[str]:
        """Waits until it ends, with this status; what it has said, by lines."""
        said, _ = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == code, said
        return said.splitlines()

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def starts(backend: "Backend") -> Iterator[Callable[..., Program]]:
    """Starts a sample with arguments."""
    started: list[Program] = []

    def start(name: str, *arguments: str, before: str = "") -> Program:
        """``before`` is Python that runs first, to take chance away."""
        url = f"http://127.0.0.1:{free_port()}/"
        backend.serve(url)
        run = f"{before}\nimport runpy\nrunpy.run_path({str(HERE / name)!r}, run_name='__main__')"
        environment: dict[str, Any] = {**os.environ, **backend.environment}
        program = Program([sys.executable, "-IS", "-c", run, *arguments], environment)
        started.append(program)
        return program

    yield start
    for program in started:
        program.close()
