"""What ``make budget`` makes of what it counted."""

import subprocess
import sys
from pathlib import Path

from bench.budget import instructions, statements, system_calls
from bench.budget.comparing import Figure, Verdict, compare, least, read, told, written

COMMITTED = {
    "system calls": Figure(100.0, {"switch sendto": 60.0, "switch recvfrom": 40.0}),
    "flushes": Figure(6.0, {"onhook.db-wal": 6.0}),
}
TRACED = """\
11 sendto(7<socket:[51]>, ""..., 300, 0, NULL, 0) = 300
11 epoll_pwait(3<anon_inode:[eventpoll]>,  <unfinished ...>
12 pwrite64(9</data/onhook.db-wal>, ""..., 4096, 96 <unfinished ...>
12 <... pwrite64 resumed>)                 = 4096
12 fdatasync(9</data/onhook.db-wal>)       = 0
11 <... epoll_pwait resumed>0x7f, 64, 3, NULL, 8) = 1
11 write(5<anon_inode:[eventfd]>, ""..., 8) = 8
11 recvfrom(7<socket:[51]>, ""..., 4096, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
11 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0} => {parent_tid=[13]}, 88) = 13
13 close(8</data/onhook.db>) = 0
11 vfork( <unfinished ...>
14 execve(0x1, 0x2, 0x3) = 0
11 <... vfork resumed>) = 14
21 write(2</logs/data-a1b2.log>, ""..., 120) = 120
99 close(4<socket:[52]>)                    = 0
11 +++ exited with 0 +++
"""


def test_six_per_cent_more_is_said_with_what_grew() -> None:
    now = {
        "system calls": Figure(106.0, {"switch sendto": 67.0, "switch recvfrom": 39.0}),
        "flushes": Figure(6.2, {"onhook.db-wal": 6.2}),
    }
    calls, flushes = compare(now, COMMITTED)
    assert calls.verdict is Verdict.MORE
    assert calls.moved == [("switch sendto", 60.0, 67.0)]
    assert flushes.verdict is Verdict.SAME
    assert "switch sendto: 60.00 -> 67.00" in told([calls, flushes])


def test_what_is_new_among_the_parts_is_named() -> None:
    now = {"flushes": Figure(7.0, {"onhook.db-wal": 6.0, "onhook.db": 1.0})}
    [_, flushes] = compare(now, COMMITTED)
    assert flushes.moved == [("onhook.db", 0.0, 1.0)]


def test_less_is_no_failure_and_a_figure_of_one_side_only_is_none_either() -> None:
    now = {"system calls": Figure(50.0, {"switch sendto": 50.0}), "new": Figure(1.0, {})}
    verdicts = {each.name: each.verdict for each in compare(now, COMMITTED)}
    assert verdicts == {
        "system calls": Verdict.LESS,
        "flushes": Verdict.GONE,
        "new": Verdict.NEW,
    }


def test_of_two_measurements_the_smaller_figures_count() -> None:
    other = {"system calls": Figure(90.0, {}), "flushes": Figure(7.0, {})}
    assert least(COMMITTED, other) == {
        "system calls": other["system calls"],
        "flushes": COMMITTED["flushes"],
    }


def test_what_is_committed_reads_as_it_was_measured() -> None:
    figures, about = read(written(COMMITTED, {"calls": "200"}))
    assert figures == COMMITTED
    assert about == {"calls": "200"}


def test_system_calls_by_process_with_their_bytes() -> None:
    found = system_calls.read(TRACED.splitlines(), {11: "switch", 12: "switch", 21: "deliveries"})
    assert found.calls == {
        "switch sendto": 1,
        "switch pwrite64": 1,
        "switch fdatasync": 1,
        "switch recvfrom": 1,
        "switch clone3": 1,
        "switch close": 1,
        "switch vfork": 1,
        "deliveries write": 1,
    }
    assert found.waits == {"switch epoll_pwait": 1, "switch write": 1}
    assert found.flushes == {"onhook.db-wal": 1}
    assert found.written == {"onhook.db-wal": 4096, "log": 120}
    assert found.sent == {"switch": 300}


def test_strace_follows_a_process_and_lets_it_go() -> None:
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "for _ in iter(input, ''): open('/dev/null').close()"],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert sleeper.stdin is not None
    with system_calls.followed([sleeper.pid]) as lines:
        sleeper.stdin.write("go\ngo\ngo\n\n")
        sleeper.stdin.flush()
        sleeper.wait(30)
    found = system_calls.read(lines, {sleeper.pid: "sleeper"})
    assert found.calls["sleeper openat"] >= 3


def test_instructions_where_there_is_a_counter_and_where_there_is_none() -> None:
    assert instructions.read(["123456,,instructions:u,1000,100.00,,"]) == 123456
    assert instructions.read(["<not supported>,,instructions:u,0,100.00,,"]) is None


def test_statements_count_by_their_beginning_each_row_once(tmp_path: Path) -> None:
    file = tmp_path / "1.statements"
    script = f"""
import sqlite3
from bench.budget import statements
statements.follow({str(file)!r})
database = sqlite3.connect(":memory:", isolation_level=None)
database.execute("CREATE TABLE t (a TEXT)")
database.executemany("INSERT INTO t (a) VALUES (?)", [("secret",), ("other",)])
database.execute("UPDATE t SET a = 'x' WHERE a = 'secret'")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    found = statements.read(file)
    assert found == {"CREATE TABLE t (a TEXT)": 1, "INSERT INTO t (a)": 2, "UPDATE t SET a": 1}
