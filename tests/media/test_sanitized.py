"""The C of the media plane under the sanitizers, where the compiler has them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEDIA = ROOT / "src" / "onhook" / "media"
MEMORY = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREADS = ["-fsanitize=thread"]
REST = [
    MEDIA / "law.c",
    MEDIA / "mixer.c",
    MEDIA / "recorder.c",
    MEDIA / "rtcp.c",
    MEDIA / "silence.c",
]  # but for plane.c, which some include
SEEDS = (
    "88172645463325252",
    "987654321987",  # a message is cut before its first frame, while the other side speaks
    "2991310576147184315",  # two that are joined are joined again
)
COMPILER = shutil.which(os.environ.get("CC", "cc"))


def build(target: Path, flags: list[str], *sources: Path) -> Path:
    """Compile a program; skip the test where compiler or sanitizer are missing."""
    if COMPILER is None:
        pytest.skip("no C compiler")
    base = [COMPILER, "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{MEDIA}", *flags]
    probe = target.with_suffix(".c")
    probe.write_text("int main(void) { return 0; }\n", encoding="ascii")
    if subprocess.run([*base, str(probe), "-o", str(target)], capture_output=True).returncode:
        pytest.skip(f"the compiler has no {flags[0]}")
    command = [*base, *map(str, sources), "-lpthread", "-o", str(target)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return target


def run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (ended.stdout, ended.returncode) == ("ok\n", 0), ended.stderr


def test_memory(tmp_path: Path) -> None:
    drive = ROOT / "tests" / "media" / "plane_drive.c"
    run(str(build(tmp_path / "drive", MEMORY, drive, MEDIA / "plane.c", *REST)))


def test_threads(tmp_path: Path) -> None:
    drive = ROOT / "tests" / "media" / "plane_drive.c"
    program = build(tmp_path / "drive", THREADS, drive, MEDIA / "plane.c", *REST)
    # older thread sanitizers cannot live with the address randomisation of newer kernels
    still = ["setarch", "-R"] if shutil.which("setarch") else []
    trial = build(tmp_path / "trial", THREADS, tmp_path / "drive.c")
    if subprocess.run([*still, str(trial)], capture_output=True).returncode:
        pytest.skip("the thread sanitizer does not run here")
    run(*still, str(program))


def test_pacing(tmp_path: Path) -> None:
    timing = ROOT / "tests" / "media" / "plane_timing.c"
    run(str(build(tmp_path / "timing", MEMORY, timing, *REST)))


def test_joined(tmp_path: Path) -> None:
    joined = ROOT / "tests" / "media" / "plane_joined.c"
    program = str(build(tmp_path / "joined", MEMORY, joined, *REST))
    for seed in SEEDS:
        run(program, seed)


def test_mixing(tmp_path: Path) -> None:
    mixing = ROOT / "tests" / "media" / "mixing.c"
    run(str(build(tmp_path / "mixing", MEMORY, mixing, MEDIA / "law.c", MEDIA / "mixer.c")))


def test_places(tmp_path: Path) -> None:
    places = ROOT / "tests" / "media" / "recorder_places.c"
    run(str(build(tmp_path / "places", MEMORY, places, MEDIA / "law.c")))


def test_datagrams(tmp_path: Path) -> None:
    harness = ROOT / "fuzz" / "media_receive.c"
    run(str(build(tmp_path / "fuzz", [*MEMORY, "-DSTANDALONE"], harness, *REST)), "1500")
