"""What ``make setup`` leaves behind: what a server needs, and nothing that only tests do."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("scripts", "src", "LICENSES", "LICENSE", "README.md", "setup.py", "pyproject.toml")
MOST_MB = 350


@pytest.mark.slow
def test_a_server_takes_less_than_350_mb(tmp_path: Path) -> None:
    for name in (*NEEDED, *(lock.name for lock in ROOT.glob("*.lock"))):
        if (ROOT / name).is_dir():
            built = shutil.ignore_patterns("__pycache__", "*.so", "_plane.c", "*.egg-info")
            shutil.copytree(ROOT / name, tmp_path / name, ignore=built)
        else:
            shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["scripts/set_up.sh"], cwd=tmp_path, check=True)
    installed = tmp_path / ".venv"
    files = (path.lstat() for path in installed.rglob("*"))
    assert sum(file.st_blocks * 512 for file in files) < MOST_MB * 2**20
    assert not list(installed.glob("lib/python3*/site-packages/pytest"))
    asked = subprocess.run([installed / "bin/onhook", "--help"], check=True, capture_output=True)
    assert b"serve" in asked.stdout
