"""A PostgreSQL server of a measurement's own: Debian's programs, a directory beside SQLite's, a free port.

It is as durable as an installed one: nothing is set but where it listens. It refuses to run as root, so
root runs it as `postgres`, or as `nobody`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from bench.rig import OUT, READY_S, BenchError, end

USER = "onhook"
PASSWORD = "loopback-only"
_LOG_CHARS = 2000


class PostgreSQL:
    """A running server. `pid` is its first process, the parent of all others."""

    def __init__(self, programs: Path, home: Path, runs_as: pwd.struct_passwd | None) -> None:
        self._programs, self._home, self._runs_as = programs, home, runs_as
        self._names = count(1)
        self._port = _free_port()
        self._log = home / "log"
        self._initialise()
        self.process = self._begin(
            "postgres", "-D", str(home / "data"),
            "-c", "listen_addresses=127.0.0.1", "-c", f"port={self._port}",
            "-c", "unix_socket_directories=",
        )  # fmt: skip
        self.pid = self.process.pid

    @property
    def version(self) -> str:
        """Such as `15`."""
        return (self._home / "data" / "PG_VERSION").read_text().strip()

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"bench{next(self._names)}"
        self._run(
            "createdb", "--host=127.0.0.1", f"--port={self._port}", f"--username={USER}", name
        )
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self._port}/{name}"

    def wait_until_ready(self) -> None:
        """BenchError, with what the server wrote, if it does not get ready in time."""
        ends_s = time.monotonic() + READY_S
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > ends_s:
                raise BenchError(f"PostgreSQL did not start:\n{self._told()}")
            time.sleep(0.02)

    def _initialise(self) -> None:
        secret = self._home / "password"
        secret.write_text(PASSWORD)
        if self._runs_as is not None:
            for path in (self._home, secret):
                os.chown(path, self._runs_as.pw_uid, self._runs_as.pw_gid)
        self._run(
            "initdb", "-D", str(self._home / "data"), "--encoding=UTF8",
            "--auth=scram-sha-256", f"--username={USER}", f"--pwfile={secret}",
        )  # fmt: skip

    def _ready(self) -> bool:
        """The last line of the lock file says so (src/include/utils/pidfile.h)."""
        try:
            lines = (self._home / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _run(self, program: str, *arguments: str) -> None:
        if self._begin(program, *arguments).wait() != 0:
            raise BenchError(f"{program} failed:\n{self._told()}")

    def _begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        someone = self._runs_as
        groups: list[int] | None = [] if someone else None
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                env={"LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=someone.pw_uid if someone else None,
                group=someone.pw_gid if someone else None,
                extra_groups=groups,
            )

    def _told(self) -> str:
        return self._log.read_text(errors="replace")[-_LOG_CHARS:]


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server that is gone afterwards, with its data. BenchError if there can be none."""
    programs = _programs()
    OUT.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="postgresql-", dir=OUT))
    try:
        server = PostgreSQL(programs, home, _unprivileged())
        try:
            server.wait_until_ready()
            yield server
        finally:
            end(server.process, signal.SIGQUIT)  # at once: nothing of it is needed any more
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs() -> Path:
    """Where initdb and postgres are; Debian keeps them out of PATH."""
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    found = shutil.which("initdb")
    if found is None:
        raise BenchError("PostgreSQL is not installed (Debian: postgresql)")
    return Path(found).resolve().parent


def _unprivileged() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
