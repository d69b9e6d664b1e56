"""deploy/compose.yaml, started by podman-compose, and what stands in for the image of its database."""

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import yaml

from deploy import debian
from deploy.apart import apart, beside, ran
from deploy.containerfile import DEPLOY
from deploy.image import Image, files_to_open

PATIENCE_S = 300.0
_PROGRAM = Path(sys.executable).with_name("podman-compose")
_POSTGRES = "localhost/postgres:17"
"""What the file asks for. It is Debian's PostgreSQL here, as no image can be fetched."""
_ENTRYPOINT = r"""#!/bin/sh
set -e
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
as="setpriv --reuid=postgres --regid=postgres --clear-groups"
chown postgres: $data /run/postgresql
chmod 3775 /run/postgresql
if [ ! -s $data/PG_VERSION ]; then
    install -o postgres -m 0600 "$POSTGRES_PASSWORD_FILE" /tmp/password
    $as $bin/initdb -D $data --username="$POSTGRES_USER" --pwfile=/tmp/password $POSTGRES_INITDB_ARGS
    echo "CREATE DATABASE $POSTGRES_DB" | $as $bin/postgres --single -D $data postgres
    rm /tmp/password
fi
exec $as $bin/postgres -D $data -k /run/postgresql
"""
"""What the entry point of the image that is meant does with the variables which the file gives it."""


def make_postgres(image: Image, home: Path) -> None:
    """An image with PostgreSQL, beside that of Onhook."""
    root, tar = home / "root", home / "postgres.tar"
    debian.make(root, "postgresql")
    entrypoint = root / "usr/local/bin/entrypoint"
    entrypoint.write_text(_ENTRYPOINT)
    entrypoint.chmod(0o755)
    ran(["tar", "--create", f"--file={tar}", f"--directory={root}", "."])
    shutil.rmtree(root)
    # As that image: at SIGTERM, PostgreSQL would wait until everybody has gone.
    how = ('ENTRYPOINT ["/usr/local/bin/entrypoint"]', "STOPSIGNAL SIGINT")
    image.podman("import", "--quiet", *(f"--change={each}" for each in how), str(tar), _POSTGRES)
    tar.unlink()


def _limits() -> dict[str, object]:
    """Those of the file, as far as this machine allows them to anybody."""
    files = files_to_open()
    priority = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
    return {"nofile": {"soft": files, "hard": files}, "nproc": 4096, "rtprio": priority}


class Composed:
    """Both services, as long as the context lasts.

    They are those of a copy of deploy/ below ``home``, as the operator's secrets are put there.
    ``environment`` is for Onhook, and goes before that of the file.
    """

    def __init__(self, image: Image, home: Path, environment: dict[str, str]) -> None:
        self._home = home
        self._variables = image.variables(home)
        shutil.copytree(DEPLOY, home / "deploy")
        more = {"services": {"onhook": {"environment": environment, "ulimits": _limits()}}}
        (home / "more.yaml").write_text(yaml.safe_dump(more))

    def __enter__(self) -> Self:
        begun = apart("sh", "-c", "echo up; exec sleep infinity")
        self._mounts = subprocess.Popen(begun, stdout=subprocess.PIPE, text=True)
        assert self._mounts.stdout is not None
        assert self._mounts.stdout.readline() == "up\n"
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.compose("down", "--volumes")
        finally:
            self._mounts.kill()
            self._mounts.communicate()

    def starts(self) -> None:
        """Both of them, from the images that are there."""
        self.compose("up", "--detach")
        self.becomes_ready()

    def becomes_ready(self) -> None:
        """Waits until new calls are taken, which the health check of the file tells."""
        ends_at = time.monotonic() + PATIENCE_S
        while self._tried(*self._command("exec", "-T", "onhook", "onhook-healthy")).returncode:
            assert time.monotonic() < ends_at, self.compose("logs")
            time.sleep(0.2)

    def compose(self, *arguments: str) -> str:
        """What podman-compose printed."""
        return self._printed(*self._command(*arguments))

    def podman(self, *arguments: str) -> str:
        """What podman printed, where both run."""
        return self._printed("podman", *arguments)

    def onhook(self, *arguments: str) -> str:
        """What a command of Onhook printed in its container."""
        return self.compose("exec", "-T", "onhook", "onhook", *arguments)

    def in_postgresql(self, statement: str) -> str:
        """What PostgreSQL said to it, who asks by the same socket and the same password as Onhook."""
        command = 'PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") psql -U onhook -h /run/postgresql -Atc "$1"'
        asked = ("exec", "-T", "database", "sh", "-c", command, "sh", statement)
        return self.compose(*asked).strip()

    def _command(self, *arguments: str) -> list[str]:
        files = ("--file=deploy/compose.yaml", "--file=more.yaml")
        return [str(_PROGRAM), *files, *arguments]

    def _printed(self, *command: str) -> str:
        done = self._tried(*command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _tried(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            beside(self._mounts.pid, "sh", "-c", 'cd "$1"; shift; exec "$@"', "sh",
                   str(self._home), *command),
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
