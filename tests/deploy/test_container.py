"""deploy/Containerfile is built and run: an ordinary user, nothing writable but the data, a real call."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.calling import an_application, call
from deploy.image import USER, Image
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from ports import free_port
from store.postgresql import PASSWORD, PostgreSQL

pytestmark = pytest.mark.slow  # the image takes minutes

LARGEST_BYTES = 400_000_000


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A directory for the volume, as the page says."""
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    os.chown(made, USER, USER)
    yield made
    shutil.rmtree(made)


def _settings() -> dict[str, str]:
    return {
        "http": f"127.0.0.1:{free_port()}",
        "sip": "127.0.0.1:0",
        "allowed_networks": "127.0.0.0/8",
        "shed_lag_ms": "0",
    }


def _owners(directory: Path) -> set[int]:
    return {path.stat().st_uid for path in directory.rglob("*")}


async def test_it_takes_a_call_on_a_root_that_cannot_be_written(image: Image, data: Path) -> None:
    with image.start(data, _settings()) as server:
        assert server.run("onhook-healthy").returncode == 0
        async with Receiver() as receiver, Phone() as phone:
            made = an_application(server.onhook, receiver)
            called = await call(phone, server.sip, server.url, made, receiver)
            told = await called.hang_up()
            assert told["debit"] == "0.020"
        python = ("/opt/onhook/bin/python", "-c")
        written = server.run(*python, "open('/opt/onhook/written', 'w')")
        assert "Read-only file system" in written.stderr
        assert server.run(*python, "import os; print(os.getuid())").stdout == f"{USER}\n"
        assert "audio arrives both ways" in server.onhook("doctor")
        backup = "/var/lib/onhook/backup.tar"
        assert backup in server.onhook("backup", backup)
        assert server.run(*python, f"import os; os.remove('{backup}')").returncode == 0
        assert server.stop() == 0
    assert _owners(data) == {USER}


def test_its_health_check_tells_a_server_that_is_away(image: Image, data: Path) -> None:
    with image.start(data, _settings()) as server:
        away = server.run("onhook-healthy", ONHOOK_HTTP=f"127.0.0.1:{free_port()}")
        assert away.returncode == 1
        assert "does not answer" in away.stderr


def test_it_reloads_its_settings(image: Image, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "onhook.toml"
    file.write_text("max_calls = 5\n")
    mounted = (f"--volume={file}:/etc/onhook.toml:ro", "--env=ONHOOK_CONFIG=/etc/onhook.toml")
    with image.start(data, _settings(), *mounted) as server:
        file.write_text("max_calls = 6\n")
        assert "has taken over" in server.onhook("reload")
        assert server.run("onhook-healthy").returncode == 0


def test_it_reaches_postgresql_as_compose_has_it(
    image: Image, data: Path, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """By its socket, with the password from a file."""
    database = postgresql.new_database().rpartition("/")[2]
    sockets, port = postgresql.open_socket()
    secret = tmp_path / "pgpass"
    secret.touch(mode=0o600)
    secret.write_text(f"*:*:{database}:onhook:{PASSWORD}\n")
    os.chown(secret, USER, USER)
    where = f"postgresql://onhook@/{database}?host=/run/postgresql&port={port}"
    mounted = (
        f"--volume={sockets}:/run/postgresql:ro",
        f"--volume={secret}:/run/secrets/pgpass:ro",
        "--env=PGPASSFILE=/run/secrets/pgpass",
    )
    with image.start(data, {**_settings(), "database_url": where}, *mounted) as server:
        assert json.loads(server.onhook("app", "list", "--json")) == []
        assert not (data / "onhook.db").exists()


def test_it_says_how_it_is_run_and_looked_after(image: Image) -> None:
    assert json.loads(image.config(".Config.Healthcheck.Test")) == ["CMD", "onhook-healthy"]
    assert json.loads(image.config(".Config.User")) == f"{USER}:{USER}"
    assert json.loads(image.config(".Config.StopSignal")) in ("SIGTERM", "15")
    assert image.size_bytes() < LARGEST_BYTES
    data = image.mounted() / "var/lib/onhook"
    assert (data.stat().st_uid, data.stat().st_mode & 0o777) == (USER, 0o700)
