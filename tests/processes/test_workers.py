"""Workers that are started, killed and let go of: nothing of them stays behind."""

import contextlib
import gc
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from onhook.processes.programs import PROGRAMS, Program, everything, nothing, without_settings
from onhook.processes.workers import Spawner, Worker

ECHO = "import os\nos.write(1, b'+')\nwhile said := os.read(0, 100): os.write(1, said)"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ECHO
PATIENCE_S = 60.0


def spawner(script: str = ECHO, *, die_with_us: bool = False) -> Spawner:
    start = (sys.executable, "-I", "-S", "-c", script)
    return Spawner({"echo": Program("speech", start)}, die_with_us=die_with_us)


def greeted(worker: Worker) -> Worker:
    assert select.select([worker.socket], [], [], PATIENCE_S)[0]
    assert worker.socket.recv(1) == b"+"
    return worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    one = greeted(spawner().start("echo"))
    yield one
    one.close()


def gone(pid: int) -> bool:
    """Whether it has ended and was waited for; a zombie would still be there."""
    return not Path(f"/proc/{pid}").exists()


def descriptors() -> set[str]:
    gc.collect()  # what earlier tests left does not go meanwhile
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def ended(worker: Worker) -> bool:
    """Wait until it has ended; it is not reaped."""
    poll = select.poll()
    poll.register(worker.pidfd, select.POLLIN)
    return bool(poll.poll(PATIENCE_S * 1000))


def test_a_worker_answers_through_its_socket(worker: Worker) -> None:
    assert worker.role == "speech"
    assert worker.alive()
    worker.socket.sendall(b"hello")
    assert worker.socket.recv(5) == b"hello"


def test_a_new_worker_has_a_socket_that_blocks() -> None:
    with contextlib.closing(spawner().start("echo")) as worker:
        assert worker.socket.getblocking()
        assert worker.socket.type is socket.SOCK_STREAM


def test_fifty_workers_leave_no_zombie_and_no_descriptor() -> None:
    before = descriptors()
    pids = set()
    starter = spawner()
    for _ in range(50):
        worker = starter.start("echo")
        pids.add(worker.pid)
        worker.close()
    assert len(pids) == 50
    assert all(map(gone, pids))
    assert descriptors() == before


def test_closing_twice_does_no_harm(worker: Worker) -> None:
    worker.close()
    assert gone(worker.pid)
    with socket.socket() as bystander:  # has got the number of one that was closed
        worker.close()
        worker.kill()
        assert bystander.fileno() in map(int, descriptors())
    assert not worker.alive()
    assert worker.pidfd == -1


def test_a_worker_that_was_killed_is_not_alive_and_no_zombie(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.socket.recv(1) == b""
    assert ended(worker)
    assert not worker.alive()
    assert gone(worker.pid)
    worker.close()


def test_whoever_waits_for_a_worker_that_is_ended_gets_the_end(worker: Worker) -> None:
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(worker.socket.recv, 1)
        worker.kill()
        assert waiting.result() == b""


def test_a_worker_that_ignores_sigterm_is_ended() -> None:
    worker = greeted(spawner(STUBBORN).start("echo"))
    os.kill(worker.pid, signal.SIGTERM)
    worker.socket.sendall(b"there")
    assert worker.socket.recv(5) == b"there"
    worker.close()
    assert gone(worker.pid)


def test_a_worker_ends_with_its_socket(worker: Worker) -> None:
    worker.socket.close()
    assert ended(worker)


def test_two_threads_start_workers_that_hold_nothing_of_each_other() -> None:
    """Else closing one's socket would not be the end of it."""
    starter = spawner()
    with ThreadPoolExecutor(2) as threads:
        workers = list(threads.map(lambda _: starter.start("echo"), range(20)))
    for worker in map(greeted, workers):
        held = Path(f"/proc/{worker.pid}/fd")
        assert {name.name for name in held.iterdir()} == {"0", "1", "2"}
        worker.socket.close()
        assert ended(worker)
        worker.close()
    assert all(gone(worker.pid) for worker in workers)


def test_a_worker_is_out_of_reach_of_the_terminal(worker: Worker) -> None:
    assert os.getsid(worker.pid) == worker.pid
    assert Path(f"/proc/{worker.pid}/fd/2").readlink() == Path(os.devnull)
    assert Path(f"/proc/{worker.pid}/cwd").readlink() == Path("/")


def test_a_worker_of_another_process_is_used_by_its_descriptors(worker: Worker) -> None:
    """As whoever asked that process for it has it: they travel, and waiting for its end is not ours."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with sender, receiver:
        socket.send_fds(sender, [b"x"], [worker.pidfd, worker.socket.fileno()])
        _, (pidfd, end), _, _ = socket.recv_fds(receiver, 1, 2)
    theirs = Worker(worker.role, worker.pid, socket.socket(fileno=end), pidfd)
    theirs.socket.sendall(b"hello")
    assert theirs.socket.recv(5) == b"hello"
    assert theirs.alive()
    theirs.close()
    theirs.close()
    assert not gone(worker.pid)  # until its parent waits for it
    assert not worker.alive()
    assert gone(worker.pid)


@pytest.mark.parametrize("die_with_us", [True, False])
def test_a_worker_ends_with_a_parent_that_was_killed(die_with_us: bool) -> None:
    """By the kernel, also when it does not look at its socket; else by its socket."""
    script = "import time; time.sleep(1000)" if die_with_us else "import os; os.read(0, 1)"
    program = (
        "import sys, time\n"
        "from onhook.processes.programs import Program\n"
        "from onhook.processes.workers import Spawner\n"
        f"echo = Program('speech', (sys.executable, '-I', '-S', '-c', {script!r}))\n"
        f"worker = Spawner({{'echo': echo}}, die_with_us={die_with_us}).start('echo')\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(1000)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        pidfd = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        assert select.select([pidfd], [], [], PATIENCE_S)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)


@pytest.mark.parametrize(
    ("program", "arguments", "sentence"),
    [
        ("sh", (), "no program 'sh'"),
        ("decoder", (), "takes 2 arguments, not 0"),
        ("models", ("",), "takes 2 to 3 arguments, not 1"),
        ("models", ("", "", "", ""), "takes 2 to 3 arguments, not 4"),
        ("models", ("", "", "; true"), "does not take '; true' as argument 3"),
        ("decoder", ("1", "; true"), "does not take '; true' as argument 2"),
        ("espeak", ("etc", "1", "2"), "does not take 'etc' as argument 1"),
        ("espeak", ("/etc\n", "1\n", "2"), "as argument 2"),
    ],
)
def test_only_programs_of_the_table_are_started(
    program: str, arguments: tuple[str, ...], sentence: str
) -> None:
    before = descriptors()
    with pytest.raises(OSError, match=re.escape(sentence)):
        Spawner().start(program, *arguments)
    assert descriptors() == before


@pytest.mark.parametrize("die_with_us", [True, False])
def test_a_program_that_is_not_there_is_said(die_with_us: bool) -> None:
    before = descriptors()
    starter = Spawner({"echo": Program("speech", ("/nonexistent",))}, die_with_us=die_with_us)
    with pytest.raises(OSError, match="'echo' cannot be started: No such file"):
        starter.start("echo")
    assert descriptors() == before


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_there(name: str) -> None:
    options, program = PROGRAMS[name].start[1:-1], PROGRAMS[name].start[-1]
    if options[-1] == "-m":
        assert find_spec(program) is not None
    else:
        assert Path(program).is_file()


def test_what_programs_see_of_our_environment() -> None:
    ours = {"ONHOOK_KEY": "secret", "HOME": "/home/me", "PYTHONPATH": "/a:b:", "LC_ALL": "de_DE"}
    assert nothing(ours) == {"LC_ALL": "C.UTF-8", "HOME": "/dev/null"}
    assert everything(ours) == {**ours, "LC_ALL": "C.UTF-8"}
    seen = without_settings(ours)
    assert seen.keys() == {"HOME", "PYTHONPATH", "LC_ALL", "OPENBLAS_NUM_THREADS"}
    package, *rest = seen["PYTHONPATH"].split(":")
    assert Path(package, "onhook", "processes").is_dir()
    assert rest == ["/a", str(Path.cwd() / "b")]
