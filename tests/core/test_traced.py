"""``bench/traced.py``, on a package whose calls can be counted by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "traced.py"

PACKAGE = {
    "onhook/__init__.py": "",
    "onhook/cli/__init__.py": (
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
        "from onhook.call.model import seen\n\n"
        "def step():\n    return max([1], key=lambda one: inner(one))\n\n"
        "def inner(one):\n    return seen(one)\n"
    ),
    "onhook/call/model.py": "def seen(one):\n    return one\n",
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
    calls = [(*trace["functions"][place], far) for _, place, far in trace["calls"]]
    nobody, same_module, same_part, another_part = 3, 0, 1, 2
    assert calls == [
        ("onhook.cli.__init__", "main", nobody),
        ("onhook.cli.__init__", "here", same_module),
        ("onhook.call.table", "step", another_part),
        ("onhook.call.table", "step.<locals>.<lambda>", same_module),
        ("onhook.call.table", "inner", same_module),
        ("onhook.call.model", "seen", same_part),
        ("onhook.cli.__init__", "here", nobody),
    ]
    times = [at_ns for at_ns, _, _ in trace["calls"]]
    assert times == sorted(times)
    assert times[5] < trace["steps"][0] < times[6]
