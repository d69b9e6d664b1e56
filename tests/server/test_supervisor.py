"""The supervisor with processes of the test's own: what it starts, hands on, starts again, and ends."""

import contextlib
import ctypes
import fcntl
import json
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from onhook import at_hand
from onhook.cli.main import app
from onhook.server.occupancy import LOCK_FILE, Occupied, occupied
from onhook.server.supervisor import status
from onhook.server.supervisor.hanging import Hanging
from onhook.server.supervisor.restarts import AT_ONCE, Restarts
from onhook.server.supervisor.roles import pause_s

_SUPERVISOR = """
import ctypes, json, sys
from onhook.server.supervisor import supervisor
from onhook.server.supervisor.inheritance import Inheritance
from onhook.server.supervisor.roles import Role
PR_SET_CHILD_SUBREAPER = 36  # whoever loses its parent is ours, as of the first process of a container
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
supervisor.ROLES = (Role("plane", "played_plane"), Role("switch", "played_switch", sys.argv[2]))
sys.exit(supervisor.Supervisor(Inheritance(**json.loads(sys.argv[1]))).run())
"""

# It answers whoever has the link with its generation. A memory stands before that, as in a real plane's.
_PLANE = """
import json, os, socket
from threading import Thread
from onhook.processes.membership import Membership
member = Membership.join()
def answer():
    while member.answer():
        os.write(member.settings["pipe"], json.dumps({"event": "asked", "role": "plane"}).encode() + b"\\n")
Thread(target=answer, daemon=True).start()
memory = os.memfd_create("played")
while True:
    ours, theirs = socket.socketpair()
    member.offer("plane", [memory, theirs.fileno()])
    theirs.close()
    while ours.recv(100):
        assert "secret" not in member.settings["database_url"]
        ours.sendall(str(member.generation).encode())
    ours.close()
"""

# It says on the test's pipe what it hears, and does what it is told by its settings.
_SWITCH = """
import json, os, signal, socket, sys, time
from onhook import at_hand
from onhook.processes.membership import END, HERE, Membership
member = Membership.join()
def say(**what):
    os.write(member.settings["pipe"], json.dumps({"generation": member.generation, **what}).encode() + b"\\n")
say(event="begins", suspects=member.suspects)
crashes = member.settings["folder"] + "/crashes"
if os.path.exists(crashes) and not member.suspects:
    at_hand.share(member.memory[0], told={})
    at_hand.begins(at_hand.number(open(crashes).read()) + 3)
    member.ready(http="h", sip="s", listeners="l")
    os.abort()
def end(*_):
    stays = os.path.exists(member.settings["folder"] + "/stays")
    say(event="asked to end")
    if not stays:
        sys.exit(0)
signal.signal(END, end)
assert "secret" in member.settings["database_url"]
lasting = os.path.exists(member.settings["folder"] + "/lasting")
if member.settings["fails"] or lasting or os.path.exists(member.settings["folder"] + "/passing"):
    say(event="fails")
    member.failed("The test does not want it.", lasting=lasting)
    sys.exit(1)
between = os.fork()
if between == 0:
    orphan = os.fork()
    if orphan:
        say(event="orphaned", pid=orphan)
    os._exit(0)
os.waitpid(between, 0)
member.ready(http="h", sip="s", listeners="l")
while True:
    told = member.channel.receive()
    if told is None:
        break
    message, descriptors = told
    while os.path.exists(member.settings["folder"] + "/stuck"):
        time.sleep(0.01)
    if message["say"] == "ping":
        member.channel.send(HERE)
        say(event="asked", role="switch")
    if message["say"] == "processes":
        say(event="processes", roles=[each["role"] for each in message["processes"]])
    if message["say"] == "link":
        os.close(descriptors[0])
        link = socket.socket(fileno=descriptors[1])
        link.sendall(b"?")
        say(event="linked", plane=int(link.recv(10)))
        member.kept = link
    if message["say"] == "reload":
        say(event="reload")
    if message["say"] == "worker":
        say(event="worker", role=message["role"])
    if message["say"] == "refused":
        say(event="refused", why=message["why"])
    if message["say"] == "link":
        member.channel.send({"say": "start", "id": 1, "program": "encoder", "arguments": []})
        member.channel.send({"say": "start", "id": 2, "program": "rm", "arguments": ["-rf"]})
"""

# It runs the switch above in processes that it forks.
_SPARE = """
import sys
from pathlib import Path
from onhook.processes import spare
from onhook.processes.membership import Membership
program = compile(Path(__file__).with_name("played_switch.py").read_text(), "played_switch", "exec")
def run(member):
    Membership.join = lambda: member
    exec(program, {"__name__": "__main__"})
    return 0
sys.exit(spare.serve(lambda member: run))
"""


def take_terminal() -> None:
    """Make standard input the terminal of this session, whose end is not ignored (as under nohup)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Played:
    """A supervisor that runs, and what its switches say."""

    def __init__(
        self,
        folder: Path,
        *,
        fails: bool = False,
        spare: bool = False,
        start: str = "",
        terminal: int | None = None,
        begin: str = "",
        **settings: float,
    ) -> None:
        """`spare`: a process stands by for the switch; `start` is a command that starts another; `terminal`
        becomes its terminal; `begin` is Python that the supervisor runs first."""
        for name, program in (("plane", _PLANE), ("switch", _SWITCH), ("spare", _SPARE)):
            (folder / f"played_{name}.py").write_text(program)
        self.data = folder
        reading, writing = os.pipe()
        inheritance = {
            "data": str(folder),
            "settings": {
                "pipe": writing,
                "fails": fails,
                "folder": str(folder),
                "database_url": "postgresql://me:secret@db",
                **settings,
            },
            "sockets": {},
            "kept_open": [writing],
        }
        self.process = subprocess.Popen(
            [
                *start.split(),
                sys.executable,
                "-P",
                "-c",
                begin + _SUPERVISOR,
                json.dumps(inheritance),
                "played_spare" if spare else "",
            ],
            stdin=terminal,
            start_new_session=terminal is not None,
            preexec_fn=None if terminal is None else take_terminal,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[writing],
            text=True,
        )
        os.close(writing)
        self.said = os.fdopen(reading)

    def until(self, event: str, **more: object) -> dict[str, Any]:
        """What a switch says next of a kind."""
        for line in self.said:
            heard: dict[str, Any] = json.loads(line)
            if heard["event"] == event and more.items() <= heard.items():
                return heard
        raise AssertionError(f"nobody said {event} any more")

    def logged(self, event: str) -> dict[str, Any]:
        """What the supervisor logs next of a kind."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found
        raise AssertionError(f"there is no {event} in the log")

    def pid(self, role: str) -> int:
        """Which process has a role now."""
        return next(int(each["pid"]) for each in status.ask(self.data) if each["role"] == role)

    def end(self) -> tuple[int, str]:
        """SIGTERM; its exit status and its log."""
        self.process.terminate()
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log


@pytest.fixture(params=[False, True], ids=["", "spare"])
def played(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Played]:
    """With and without a process that stands by for the switch."""
    one = Played(tmp_path, spare=request.param)
    yield one
    one.process.kill()
    one.process.wait()
    assert one.said.read() is not None  # the pipe ends: no process holds it any more
    one.said.close()


def test_what_dies_is_started_again_and_gets_its_links(played: Played) -> None:
    assert played.until("linked") == {"generation": 1, "event": "linked", "plane": 1}
    os.kill(played.pid("plane"), signal.SIGKILL)
    assert played.until("linked") == {"generation": 1, "event": "linked", "plane": 2}
    os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.until("linked") == {"generation": 2, "event": "linked", "plane": 2}
    running = {each["role"]: each for each in status.ask(played.data)}
    assert running["supervisor"]["pid"] == played.process.pid
    assert (running["plane"]["restarts"], running["switch"]["restarts"]) == (1, 1)
    assert played.process.stdout is not None
    assert played.process.stdout.readline() == "onhook ready http=h sip=s listeners=l\n"
    exit_status, log = played.end()
    assert exit_status == 0
    assert played.until("asked to end")["generation"] == 2
    lines = [json.loads(line) for line in log.splitlines()]
    assert {line["role"] for line in lines} == {"supervisor"}
    assert [line["process"] for line in lines if line["event"] == "process_died"] == [
        "plane",
        "switch",
    ]


def test_what_cannot_be_started_is_tried_again_and_the_others_stay(played: Played) -> None:
    played.until("linked")
    switch, plane = played.pid("switch"), played.pid("plane")
    limits = resource.prlimit(played.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(played.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(plane, signal.SIGKILL)
    assert played.logged("process_not_started")["process"] == "plane"
    resource.prlimit(played.process.pid, resource.RLIMIT_NOFILE, limits)
    assert played.until("linked") == {"generation": 1, "event": "linked", "plane": 2}
    assert played.pid("switch") == switch


def test_a_link_that_died_unread_with_its_switch_is_made_anew(played: Played) -> None:
    played.until("linked")
    os.kill(played.pid("switch"), signal.SIGSTOP)
    os.kill(played.pid("plane"), signal.SIGKILL)
    while not any(
        each["role"] == "plane" and each["restarts"] == 1 for each in status.ask(played.data)
    ):
        time.sleep(0.01)
    time.sleep(0.2)  # most likely its link lies with the switch by then
    os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.until("linked") == {"generation": 2, "event": "linked", "plane": 2}


def test_a_link_that_nobody_waits_for_is_kept_for_the_next_switch(played: Played) -> None:
    played.until("linked")
    (played.data / "passing").touch()
    os.kill(played.pid("switch"), signal.SIGKILL)
    played.until("fails")
    os.kill(played.pid("plane"), signal.SIGKILL)
    (played.data / "passing").unlink()
    assert played.until("linked")["plane"] == 2


def test_the_next_switch_is_told_at_whose_event_two_have_died(played: Played) -> None:
    played.until("linked")
    (played.data / "crashes").write_text("a-session")
    os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.logged("process_died")["signal"] == "SIGKILL"
    for _ in range(2):
        assert played.until("begins")["suspects"] == {}
        assert played.logged("process_died")["signal"] == "SIGABRT"
    assert played.until("begins")["suspects"] == {str(at_hand.number("a-session")): 3}


# What stands by for the switch ------------------------------------------------------------------------


@pytest.fixture
def spared(tmp_path: Path) -> Iterator[Played]:
    one = Played(tmp_path, spare=True)
    yield one
    one.process.kill()
    one.process.communicate()
    one.said.close()


def test_what_stands_by_forks_the_switch_again_and_again(spared: Played) -> None:
    """It is a child of the supervisor's all the same, and dies with it."""
    spare = None
    for generation in range(1, 5):
        assert spared.until("linked")["generation"] == generation
        assert spare in (None, spared.pid("spare"))
        spare, switch = spared.pid("spare"), spared.pid("switch")
        assert _parent(switch) == spared.process.pid
        assert _program(switch) == _program(spare)
        os.kill(switch, signal.SIGKILL)
    spared.until("linked")
    watched = os.pidfd_open(spared.pid("switch"))
    spared.process.kill()
    ended, _, _ = select.select([watched], [], [], 30)
    os.close(watched)
    assert ended


def test_a_switch_is_started_though_nothing_stands_by(spared: Played) -> None:
    spared.until("linked")
    for role in ("spare", "switch"):
        os.kill(spared.pid(role), signal.SIGSTOP)
    for role in ("spare", "switch"):
        os.kill(spared.pid(role), signal.SIGKILL)
    assert spared.until("linked")["generation"] == 2
    while not any(each["role"] == "spare" and each["ready"] for each in status.ask(spared.data)):
        time.sleep(0.01)
    os.kill(spared.pid("switch"), signal.SIGKILL)
    assert spared.until("linked")["generation"] == 3
    assert _program(spared.pid("switch")) == _program(spared.pid("spare"))


def test_what_stands_by_and_does_not_answer_is_replaced(spared: Played) -> None:
    spared.until("linked")
    spare = spared.pid("spare")
    os.kill(spare, signal.SIGSTOP)
    os.kill(spared.pid("switch"), signal.SIGKILL)
    assert spared.logged("spare_unusable")["pid"] == spare
    assert spared.until("linked")["generation"] == 2
    while not any(
        each["role"] == "spare" and each["pid"] != spare for each in status.ask(spared.data)
    ):
        time.sleep(0.01)


def test_what_stands_by_has_nothing_of_the_switch(spared: Played) -> None:
    """Whoever waits for the end of a socket of a dead switch reads it."""
    spared.until("linked")
    for _ in range(3):
        os.kill(spared.pid("switch"), signal.SIGKILL)
        spared.until("linked")
    spare = spared.pid("spare")
    for _ in range(3000):  # the switch may be quicker than what forked it
        if len(held := _sockets(spare)) == 1:
            break
        time.sleep(0.01)
    assert len(held) == 1, "nothing but its channel"


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _program(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _sockets(pid: int) -> list[str]:
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(one.readlink()))
    return [one for one in found if one.startswith("socket:")]


@pytest.mark.parametrize(("start", "then"), [("", "asked to end"), ("nohup", "reload")])
def test_it_goes_with_its_terminal_unless_it_was_told_not_to(
    tmp_path: Path, start: str, then: str
) -> None:
    person, programs = pty.openpty()
    one = Played(tmp_path, start=start, terminal=programs)
    try:
        one.until("linked")
        os.close(programs)
        os.close(person)
        assert one.until(then)["generation"] == 1
    finally:
        one.process.kill()
        one.process.communicate()
        one.said.close()


def test_what_lost_its_parent_is_taken_away_when_it_ends(played: Played) -> None:
    orphan = played.until("orphaned")["pid"]
    ends_s = time.monotonic() + 30
    while Path(f"/proc/{orphan}").exists():
        assert time.monotonic() < ends_s, "it is left"
        time.sleep(0.01)
    assert played.pid("switch")


def test_workers_are_started_for_the_switch_and_go_with_it(played: Played) -> None:
    assert played.until("worker")["role"] == "encoder"
    assert "no program 'rm'" in played.until("refused")["why"]
    first = played.pid("encoder")
    os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.until("worker") == {"generation": 2, "event": "worker", "role": "encoder"}
    while played.pid("encoder") == first:
        played.until("processes")  # the supervisor tells of each change


def test_all_go_with_the_supervisor(played: Played) -> None:
    played.until("worker")
    played.process.kill()
    assert played.process.wait() == -signal.SIGKILL
    played.said.read()  # to its end, which comes when the last process is gone


def test_what_cannot_run_is_one_sentence(tmp_path: Path) -> None:
    one = Played(tmp_path, fails=True)
    _, log = one.process.communicate(timeout=60)
    assert one.process.returncode == 1
    assert [line for line in log.splitlines() if not line.startswith("{")] == [
        "onhook: The test does not want it."
    ]
    one.said.close()


def test_what_did_run_is_tried_again_until_it_can(played: Played) -> None:
    played.until("worker")
    hindrance = played.data / "passing"
    hindrance.touch()
    os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.until("fails")["generation"] == 2
    assert played.until("fails")["generation"] == 3
    hindrance.unlink()
    assert played.until("linked")["generation"] > 3
    exit_status, log = played.end()
    assert exit_status == 0
    failed = [
        each for each in map(json.loads, log.splitlines()) if each["event"] == "process_failed"
    ]
    assert failed[0]["reason"] == "The test does not want it."


def test_what_will_not_go_away_ends_the_server(tmp_path: Path) -> None:
    one = Played(tmp_path)
    one.until("worker")
    (tmp_path / "lasting").touch()
    os.kill(one.pid("switch"), signal.SIGKILL)
    _, log = one.process.communicate(timeout=60)
    assert one.process.returncode == 1
    assert "onhook: The test does not want it." in log.splitlines()
    one.said.close()


def test_a_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        one = Played(tmp_path)
        assert manager.recv(100) == b"READY=1"
        one.end()
        assert manager.recv(100) == b"STOPPING=1"
    one.said.close()


# What hangs -----------------------------------------------------------------------------------------

PATIENCE_S = 3.0
"""Nobody else's process is kept from answering for so long, on a busy machine either."""
ASKED = 5
"""It is asked three times in that, so whoever has not answered meanwhile has been ended."""


@contextlib.contextmanager
def watching(folder: Path, **more: Any) -> Iterator[Played]:
    one = Played(folder, hang_s=PATIENCE_S, **more)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()
        one.said.close()


def test_a_process_that_was_stopped_is_killed_and_started_again(tmp_path: Path) -> None:
    with watching(tmp_path) as one:
        assert one.until("linked")["plane"] == 1
        plane = one.pid("plane")
        os.kill(plane, signal.SIGSTOP)
        told = one.logged("process_hangs")
        assert (told["process"], told["pid"], told["level"]) == ("plane", plane, "error")
        assert told["for_s"] >= PATIENCE_S
        assert one.logged("process_died")["signal"] == "SIGKILL"
        assert one.until("linked") == {"generation": 1, "event": "linked", "plane": 2}


def test_a_stopped_plane_whose_switch_dies_ends_nothing(tmp_path: Path) -> None:
    with watching(tmp_path) as one:
        one.until("worker")
        os.kill(one.pid("plane"), signal.SIGSTOP)
        os.kill(one.pid("switch"), signal.SIGKILL)
        assert one.until("linked") == {"generation": 2, "event": "linked", "plane": 2}


def test_a_switch_whose_thread_is_stuck_is_killed_and_started_again(tmp_path: Path) -> None:
    with watching(tmp_path) as one:
        one.until("worker")
        (tmp_path / "stuck").touch()
        assert one.logged("process_hangs")["process"] == "switch"
        (tmp_path / "stuck").unlink()
        assert one.until("linked") == {"generation": 2, "event": "linked", "plane": 1}


def test_who_waits_without_hanging_is_left_alone(tmp_path: Path) -> None:
    with watching(tmp_path) as one:
        one.until("worker")
        for _ in range(ASKED):
            one.until("asked", role="switch")
            one.until("asked", role="plane")
        assert {each["restarts"] for each in status.ask(tmp_path)} == {0}
        exit_status, log = one.end()
        assert exit_status == 0
        assert "process_hangs" not in log


def test_what_a_debugger_stops_is_left_alone(tmp_path: Path) -> None:
    with watching(tmp_path) as one:
        one.until("worker")
        switch = one.pid("switch")
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.ptrace(_PTRACE_ATTACH, switch, None, None) == 0, os.strerror(ctypes.get_errno())
        os.waitpid(switch, _WALL)
        for _ in range(ASKED):
            one.until("asked", role="plane")
        assert one.pid("switch") == switch
        assert libc.ptrace(_PTRACE_DETACH, switch, None, None) == 0
        one.until("asked", role="switch")
        assert one.pid("switch") == switch
        _, log = one.end()
        assert "process_hangs" not in log


_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
_WALL = 0x40000000


def test_a_switch_that_does_not_end_is_killed(tmp_path: Path) -> None:
    sooner = "from onhook.server.supervisor import supervisor; supervisor._SWITCH_LAST_S = 0.3\n"
    (tmp_path / "stays").touch()
    one = Played(tmp_path, begin=sooner, drain_s=0.3)
    one.until("worker")
    exit_status, log = one.end()
    one.said.close()
    assert exit_status == 1
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["process"] for line in lines if line["event"] == "process_killed"] == ["switch"]


def test_a_switch_that_dies_at_the_end_is_followed_by_one_that_ends_its_calls(
    played: Played,
) -> None:
    played.until("worker")
    (played.data / "stays").touch()
    played.process.terminate()
    assert played.until("asked to end")["generation"] == 1
    (played.data / "stays").unlink()
    os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.until("asked to end")["generation"] == 2
    assert played.process.wait(60) == 0


def test_a_switch_that_dies_at_the_end_is_followed_once(played: Played) -> None:
    played.until("worker")
    (played.data / "stays").touch()
    played.process.terminate()
    for generation in (1, 2):
        assert played.until("asked to end")["generation"] == generation
        os.kill(played.pid("switch"), signal.SIGKILL)
    assert played.process.wait(60) == 1


def test_a_switch_that_is_taking_over_ends_when_it_has(played: Played) -> None:
    played.until("worker")
    switch = played.pid("switch")
    os.kill(played.process.pid, signal.SIGSTOP)
    os.kill(switch, signal.SIGKILL)
    os.kill(played.process.pid, signal.SIGTERM)
    os.kill(played.process.pid, signal.SIGCONT)
    assert played.until("asked to end")["generation"] == 2
    assert played.process.wait(60) == 0


def test_a_machine_that_stood_still_is_no_fault_of_a_process() -> None:
    now_s = 100.0
    hanging = Hanging(30.0, lambda: now_s)

    def passes(seconds: float) -> tuple[list[str], dict[str, float]]:
        nonlocal now_s
        now_s += seconds
        return hanging.look(["plane", "switch"])

    for role in ("plane", "switch"):
        hanging.begins(role)
        hanging.heard(role)
    assert passes(10.0) == (["plane", "switch"], {})
    hanging.heard("plane")
    assert passes(10.1) == (["plane"], {})
    assert passes(5.0) == ([], {}), "it is not time"
    assert passes(600.0) == ([], {}), "all stood still"
    hanging.heard("plane")
    assert passes(10.0)[1] == {}
    assert passes(10.0)[1] == {}
    assert passes(10.0)[1] == {"switch": 30.0}


def test_what_loads_its_program_has_more_time() -> None:
    now_s = 100.0
    hanging = Hanging(3.0, lambda: now_s)
    hanging.begins("switch")
    seconds = 0
    while not hanging.look(["switch"])[1]:
        now_s += 1.0
        seconds += 1
    assert 12 <= seconds <= 14


def test_nobody_is_looked_at_who_may_hang() -> None:
    hanging = Hanging(0.0, lambda: 100.0)
    assert hanging.next_s == ()
    assert hanging.look(["switch"]) == ([], {})


def test_what_dies_again_and_again_is_started_ever_later() -> None:
    now_s = 100.0
    restarts = Restarts(lambda: now_s)
    waits = []
    for _ in range(AT_ONCE + 9):
        waits.append(restarts.put_off("plane"))
        restarts.works("plane")
    assert waits == sorted(waits)
    assert set(waits[: AT_ONCE + 1]) == {0.0}
    assert waits[-1] == 30.0
    now_s += 61
    assert restarts.put_off("plane") == 0.0
    never_worked = [restarts.put_off("plane") for _ in range(3)]
    assert never_worked == [0.0, 0.5, 1.0]
    assert restarts.put_off("switch") == 0.0


def test_what_has_worked_for_a_while_is_started_again_at_once_however_often() -> None:
    now_s = 100.0
    restarts = Restarts(lambda: now_s)
    for _ in range(10 * AT_ONCE):
        restarts.works("switch")
        now_s += 1.0
        assert restarts.put_off("switch") == 0.0
    assert [restarts.put_off("switch") for _ in range(3)] == [0.0, 0.5, 1.0]


def test_a_log_that_nobody_reads_holds_nothing_up(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    command = ["serve", "--data", str(tmp_path), "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, "-m", "onhook", *command], stdout=subprocess.PIPE, stderr=writing
    ) as server:
        os.close(writing)
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"onhook ready ")
        before = {each["role"]: each["pid"] for each in status.ask(tmp_path)}
        os.kill(before["plane"], signal.SIGKILL)
        while not any(
            each["role"] == "plane" and each["ready"] and each["pid"] != before["plane"]
            for each in status.ask(tmp_path)
        ):
            time.sleep(0.02)
        server.terminate()
    assert server.returncode == 0
    os.close(reading)


def test_nobody_answers_for_a_directory_without_a_server(tmp_path: Path) -> None:
    with pytest.raises(status.NobodyThere):
        status.ask(tmp_path)


def test_another_program_that_has_taken_the_name_is_no_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
        taken.bind(status.status_name(tmp_path))
        taken.listen()

        def greet() -> None:
            asking, _ = taken.accept()
            with asking:
                asking.sendall(b'["hello"]')

        greeting = Thread(target=greet)
        greeting.start()
        ended = CliRunner().invoke(app, ["status", "--data", str(tmp_path)])
        greeting.join()
    assert ended.exit_code == 1
    assert f"another program (process {os.getpid()})" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_server_that_is_stopped_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_PATIENCE_S", 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(status.status_name(tmp_path))
        silent.listen()
        with pytest.raises(status.NoAnswer, match=f"its process {os.getpid()} was stopped"):
            status.ask(tmp_path)


def test_pauses_grow() -> None:
    pauses = [pause_s(deaths) for deaths in range(1, 12)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30


def test_what_is_left_of_a_killed_server_is_waited_for(tmp_path: Path) -> None:
    """Its processes hold the lock until they are gone; the one that signed it is gone already."""
    holds = "import sys, time; print('held', flush=True); sys.stdin.read()"
    with occupied(tmp_path) as lock:
        left = subprocess.Popen(
            [sys.executable, "-c", holds],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[lock],
        )
        assert left.stdout is not None
        left.stdout.readline()
    with pytest.raises(Occupied, match=f"process {os.getpid()}"), occupied(tmp_path):
        pass  # this process lives, and signed it
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / LOCK_FILE).write_text(f"{gone.pid}\n")
    waiting = subprocess.Popen(
        [sys.executable, "-c", _TAKES, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "waits\n"
    left.communicate()
    assert waiting.stdout.readline() == "taken\n"
    waiting.communicate()


_TAKES = """
import sys
from pathlib import Path
from onhook.server.occupancy import occupied
print("waits", flush=True)
with occupied(Path(sys.argv[1])):
    print("taken", flush=True)
"""
