"""The C of the media plane under the sanitizers, where the compiler has them."""

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
"""The plane, compiled with these flags besides its own; once a module of tests."""


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
    made: dict[tuple[str, ...], list[Path]] = {}

    def compiled(flags: Sequence[str]) -> list[Path]:
        key = tuple(flags)
        if key not in made:
            folder = tmp_path_factory.mktemp("plane")
            require(folder, flags)
            made[key] = []
            for source in sorted(NATIVE.glob("*.c")):
                made[key].append(folder / f"{source.stem}.o")
                compile_c(*FLAGS, *WARNINGS, *flags, "-c", source, "-o", made[key][-1])
        return made[key]

    return compiled


def program(folder: Path, source: Path, flags: Sequence[str], linked: Sequence[Path]) -> str:
    target = folder / source.stem
    warnings = ("-std=c11", "-Wall", "-Wextra", f"-I{NATIVE}")
    compile_c(*warnings, *flags, source, *linked, "-lcrypto", "-lpthread", "-lm", "-o", target)
    return str(target)


def run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (ended.stdout, ended.returncode) == ("ok\n", 0), ended.stderr


def test_memory(tmp_path: Path, objects: Objects) -> None:
    run(program(tmp_path, TESTS / "plane_drive.c", MEMORY, objects(MEMORY)))


def test_threads(tmp_path: Path, objects: Objects) -> None:
    drive = program(tmp_path, TESTS / "plane_drive.c", THREADS, objects(THREADS))
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
