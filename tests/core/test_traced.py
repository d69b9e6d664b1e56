"""``bench/traced.py``, on a package whose calls can be counted by hand; and what it knows of the real one."""

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import sampled, traced

from onhook.server.supervisor.roles import DELIVERIES, ROLES, SWITCH

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


FORKING = {
    "onhook/__init__.py": "",
    "onhook/cli/__init__.py": (
        "import subprocess, sys\n\n"
        "def main():\n"
        "    subprocess.run([sys.executable, '-P', '-m', 'onhook.server.spare_process'], check=True)\n"
    ),
    "onhook/processes/__init__.py": "",
    "onhook/processes/membership.py": "import signal\nEND = signal.SIGUSR1\n",
    "onhook/server/__init__.py": "",
    "onhook/server/spare_process.py": (
        "import os, sys\n"
        "from onhook.server.switch import run\n"
        "run('spare')\n"
        "between = os.fork()\n"
        "if between:\n"
        "    os.waitpid(between, 0)\n"
        "elif os.fork():\n"
        "    os.wait()\n"
        "    os._exit(0)\n"
        "else:\n"
        "    run('switch')\n"
    ),
    "onhook/server/switch.py": "def run(what):\n    pass\n",
}
"""A process forks another, which forks the one that does the work, and ends."""


def traced_run(package: dict[str, str], folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit status of a package's command, and its trace."""
    for name, text in package.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    written = folder / "trace.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, written],
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=False,
    )
    return done.returncode, json.loads(written.read_text())


def test_calls_are_kept_in_order_with_where_they_came_from(tmp_path: Path) -> None:
    status, trace = traced_run(PACKAGE, tmp_path)
    assert status == 3
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


def test_what_a_process_that_stands_by_forks_is_traced_and_itself_is_not(tmp_path: Path) -> None:
    status, trace = traced_run(FORKING, tmp_path)
    assert status == 0
    calls = [tuple(trace["functions"][place]) for _, place, _ in trace["calls"]]
    assert calls == [("onhook.cli.__init__", "main"), ("onhook.server.switch", "run")]


def test_what_it_knows_of_the_server_is_still_so() -> None:
    """Else nothing is traced, and nothing says why."""
    module, name = traced.STEP
    assert inspect.isfunction(vars(import_module(module))[name])
    roles = {role.name: role for role in ROLES}
    assert (roles[SWITCH].module, roles[DELIVERIES].module) == traced.PROCESSES
    assert [traced.FORKING] == [sampled.SPARE] == [role.spare for role in ROLES if role.spare]
