"""A PostgreSQL server of the tests' own: Debian's programs, a directory and a port for this run."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from ports import free_port

USER = "onhook"
PASSWORD = "pass/word@1"  # with what has to be escaped in a URL
_READY_S = 120.0


class PostgreSQLFailed(Exception):
    """There is no server to test with; the message says why."""


class PostgreSQL:
    """A server for as long as the context lasts. Unless it flushes, what it has is lost with the machine, but
    not with its processes.

    It refuses to run as root, so root runs it as ``postgres``, or as ``nobody``.
    """

    def __init__(self, *, flushes: bool = True) -> None:
        self._flushes = flushes
        self._programs = _programs()
        self._as = _unprivileged()
        self._names = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="onhook-pg-"))
        secret = self._home / "password"
        secret.write_text(PASSWORD)
        if self._as is not None:
            for path in (self._home, secret):
                os.chown(path, self._as.pw_uid, self._as.pw_gid)
        try:
            how = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={secret}"]
            self._run("initdb", "-D", str(self._data), *how, "--encoding=UTF8", "--no-sync")
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(signal.SIGQUIT)  # nothing of it is needed any more
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def start(self) -> None:
        """Starts the server, after a stop on the port that it had before."""
        self._port = self._port or free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._home),
            "max_connections": "60",
            "fsync": "on" if self._flushes else "off",
        }
        chosen = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        with (self._home / "log").open("ab") as log:
            self._process = self._begin("postgres", "-D", str(self._data), *chosen, output=log)
        ends_at = time.monotonic() + _READY_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > ends_at:
                raise PostgreSQLFailed(self.log)
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends every connection and the server: SIGINT is its fast shutdown, SIGQUIT its immediate one."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def pids(self) -> list[int]:
        """Its process, and those of its connections."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    @property
    def log(self) -> str:
        """What the server wrote."""
        path = self._home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def open_socket(self) -> tuple[Path, int]:
        """The directory that its socket is in, to which all users can get from now on, and its port."""
        self._home.chmod(0o711)
        return self._home, self._port

    def new_database(self, like: str = "") -> str:
        """The URL of a new database: empty, or as another is, by its URL, to which nobody is connected."""
        name = f"test{next(self._names)}"
        where = [f"--host={self._home}", f"--port={self._port}", f"--username={USER}"]
        copied = [f"--template={like.rpartition('/')[2]}"] if like else []
        self._run("createdb", *where, *copied, name)
        return f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self._port}/{name}"

    def _ready(self) -> bool:
        """The last line of the lock file says so (src/include/utils/pidfile.h)."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _run(self, program: str, *arguments: str) -> None:
        with tempfile.TemporaryFile() as output:
            if self._begin(program, *arguments, output=output).wait() != 0:
                output.seek(0)
                raise PostgreSQLFailed(output.read().decode(errors="replace"))

    def _begin(self, program: str, *arguments: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        someone = self._as
        groups: list[int] | None = [] if someone else None
        return subprocess.Popen(
            [str(self._programs / program), *arguments],
            env={"LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]},
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=someone.pw_uid if someone else None,
            group=someone.pw_gid if someone else None,
            extra_groups=groups,
        )


def _programs() -> Path:
    """Where initdb and postgres are; Debian keeps them out of PATH."""
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    found = shutil.which("initdb")
    if found is None:
        raise PostgreSQLFailed("PostgreSQL is not installed; 'make test' installs it.")
    return Path(found).resolve().parent


def _unprivileged() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
