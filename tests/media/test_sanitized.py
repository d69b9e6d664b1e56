"""The C of the media plane under the sanitizers, where the compiler has them."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from onhook.media.build_plane import FLAGS, WARNINGS

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "src" / "onhook" / "media" / "native"
TESTS = ROOT / "tests" / "media"
MEMORY = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
THREADS = ("-fsanitize=thread",)
SEEDS = (
    "88172645463325252",
    "987654321987",  # a message is cut before its first frame, while the other side speaks
    "2991310576147184315",  # two that are joined are joined again
)
COMPILER = shutil.which(os.environ.get("CC", "cc"))

Objects: TypeAlias = Callable[[Sequence[str]], list[Path]]
"""The plane, compiled with these flags besides its own; once for all workers of a run."""


def compile_c(*arguments: object) -> None:
    command = [str(COMPILER), *map(str, arguments), "-g", "-O1", "-Werror"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr


def require(folder: Path, flags: Sequence[str]) -> Path:
    """Skip the test where compiler or sanitizer are missing; else return a program that has it."""
    if COMPILER is None:
        pytest.skip("no C compiler")
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n", encoding="ascii")
    command = [COMPILER, *flags, str(probe), "-o", str(folder / "probe")]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"the compiler has no {flags[0]}")
    return folder / "probe"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent  # the folder of all workers

    def compiled(flags: Sequence[str]) -> list[Path]:
        folder = run / f"plane{''.join(flags)}"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            require(folder, flags)
            return [_compiled(source, folder, flags) for source in sorted(NATIVE.glob("*.c"))]

    return compiled


def _compiled(source: Path, folder: Path, flags: Sequence[str]) -> Path:
    """An object, which is made unless it is there. Whoever calls has the lock of the folder."""
    made = folder / f"{source.stem}.o"
    if not made.exists():
        part = made.with_suffix(".part")
        compile_c(*FLAGS, *WARNINGS, *flags, "-c", source, "-o", part)
        part.rename(made)
    return made


def program(folder: Path, source: Path, flags: Sequence[str], linked: Sequence[Path]) -> str:
    target = folder / source.stem
    warnings = ("-std=c11", "-Wall", "-Wextra", f"-I{NATIVE}")
    compile_c(*warnings, *flags, source, *linked, "-lcrypto", "-lpthread", "-lm", "-o", target)
    return str(target)


def run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (ended.stdout, ended.returncode) == ("ok\n", 0), ended.stderr


DRIVERS = pytest.mark.parametrize("driver", ["plane_drive.c", "plane_relink.c"])


@DRIVERS
def test_memory(tmp_path: Path, objects: Objects, driver: str) -> None:
    run(program(tmp_path, TESTS / driver, MEMORY, objects(MEMORY)))


@DRIVERS
def test_threads(tmp_path: Path, objects: Objects, driver: str) -> None:
    drive = program(tmp_path, TESTS / driver, THREADS, objects(THREADS))
    # older thread sanitizers cannot live with the address randomisation of newer kernels
    still = ["setarch", "-R"] if shutil.which("setarch") else []
    if subprocess.run([*still, str(require(tmp_path, THREADS))], capture_output=True).returncode:
        pytest.skip("the thread sanitizer does not run here")
    run(*still, drive)


def test_pacing(tmp_path: Path, objects: Objects) -> None:
    run(program(tmp_path, TESTS / "plane_timing.c", MEMORY, objects(MEMORY)))


def test_leaving_together(tmp_path: Path, objects: Objects) -> None:
    run(program(tmp_path, TESTS / "plane_batch.c", MEMORY, objects(MEMORY)))


def test_joined(tmp_path: Path, objects: Objects) -> None:
    joined = program(tmp_path, TESTS / "plane_joined.c", MEMORY, objects(MEMORY))
    for seed in SEEDS:
        run(joined, seed)


def test_nonsense_from_the_other_side(tmp_path: Path, objects: Objects) -> None:
    run(program(tmp_path, TESTS / "plane_link.c", MEMORY, objects(MEMORY)))


def test_mixing(tmp_path: Path, objects: Objects) -> None:
    run(program(tmp_path, TESTS / "mixing.c", MEMORY, objects(MEMORY)))


def test_places(tmp_path: Path, objects: Objects) -> None:
    flags = (*MEMORY, "-Wl,--wrap=write")
    run(program(tmp_path, TESTS / "recorder_places.c", flags, objects(MEMORY)))


@pytest.mark.parametrize(
    ("harness", "inputs"), [("media_receive", 1500), ("media_commands", 600), ("media_link", 600)]
)
def test_whatever_comes(tmp_path: Path, objects: Objects, harness: str, inputs: int) -> None:
    flags = (*MEMORY, "-DSTANDALONE")
    source = ROOT / "fuzz" / f"{harness}.c"
    run(program(tmp_path, source, flags, objects(MEMORY)), str(inputs))
