"""``bench/traced.py``, on a package whose calls can be counted by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "traced.py"

PACKAGE = {
    "onhook/__init__.py": "",
    "onhook/cli.py": (
        "import threading\n"
        "from onhook.call import table\n"
        "\n"
        "def main():\n"
        "    here()\n"
        "    table.step()\n"
        "    thread = threading.Thread(target=here)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "    raise SystemExit(3)\n"
        "\n"
        "def here():\n"
        "    return [one for one in range(2)]\n"
    ),
    "onhook/call/__init__.py": "",
    "onhook/call/table.py": (
        "def step():\n    return max([1], key=lambda one: inner(one))\n\n"
        "def inner(one):\n    return one\n"
    ),
}


def test_calls_are_kept_in_order_with_where_they_came_from(tmp_path: Path) -> None:
    for name, text in PACKAGE.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    written = tmp_path / "trace.json"

    done = subprocess.run(
        [sys.executable, SCRIPT, written],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 3
    trace = json.loads(written.read_text())
    calls = [(*trace["functions"][place], crosses) for _, place, crosses in trace["calls"]]
    assert calls == [
        ("onhook.cli", "main", True),
        ("onhook.cli", "here", False),
        ("onhook.call.table", "step", True),
        ("onhook.call.table", "step.<locals>.<lambda>", False),
        ("onhook.call.table", "inner", False),
        ("onhook.cli", "here", True),
    ]
    times = [at_ns for at_ns, _, _ in trace["calls"]]
    assert times == sorted(times)
    assert times[4] < trace["steps"][0] < times[5]
