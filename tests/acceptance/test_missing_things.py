"""Things without which nothing works: they are made again, or said at the start in one sentence."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from acceptance.files import FileServer, wav
from acceptance.harness import READY_S, Customer, Onhook
from acceptance.talking import until
from acceptance.test_operating import onhook, refused
from acceptance.test_record import fetched
from onhook.cli import accounts
from onhook.store import Keyring
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import tone

PORTS = ("--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--rtp-ports", "20000-59999")


def sentence(told: str) -> str:
    """The one sentence with which a command ended that could not go on."""
    assert "Traceback" not in told
    [line] = [line for line in told.splitlines() if line.startswith("onhook: ")]
    return line


async def test_a_lost_or_a_foreign_key_is_said_at_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Keyring.open(data)
    await accounts.create_application(data, "test")
    key = data / "secret.key"
    kept = key.rename(data / "kept")
    for missing in (True, False):
        if not missing:
            Keyring.open(data)
        where = ("--data", str(data))
        serve = await asyncio.to_thread(onhook, "serve", *PORTS, *where)
        create = await asyncio.to_thread(refused, "app", "create", "another", *where)
        assert serve.returncode == create.exit_code == 1
        for ended in (serve, create):
            told = sentence(ended.stderr)
            assert str(key) in told
            assert ("is missing" if missing else "is not the one") in told
            assert "backup" in told
        assert key.exists() is not missing
    kept.replace(key)
    again = Onhook(data=data)
    again.close()


async def test_prompts_and_recordings_that_were_deleted_are_made_again(
    start: Callable[..., Onhook],
    receiver: Receiver,
    phone: Phone,
    files: FileServer,
    tmp_path: Path,
) -> None:
    server = start()  # in which no other test is still being heard or recorded
    customer = await Customer.make(server, receiver, phone)
    prompts = server.data / "prompts"
    url = files.serve("kept.wav", wav(tone(1000, 300)))
    for count in (1, 2):
        call, told = await customer.call()
        speech = f"<url>{url}</url><speech>This was said {count} times.</speech>"
        done = await customer.hangup(told["session"], msg=speech)
        assert done == {"status": "success_ok"}
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        assert call.recording.heard_s > 1
        await until(prompts.exists, "prompts on disk")
        delete(prompts, tmp_path / f"prompts{count}")
        if count == 1:
            delete(server.data / "recordings", tmp_path / "recordings")
    call, told = await customer.call()
    await customer.block("middle/record", told["session"], max_duration="1")
    done_recording = await customer.receiver.next(ivr_block="record", timeout_s=60)
    assert len(await fetched(done_recording["record_url"])) > 4000
    await customer.hangup(told["session"])
    await call.ended()


def delete(directory: Path, aside: Path) -> None:
    """All of it at once, whatever is being written there."""
    directory.rename(aside)


def few_files(limit: int, *arguments: str) -> list[str]:
    """A command that may open so many files, and no more if it wants to."""
    unprivileged = ["setpriv", "--bounding-set=-sys_resource"] if os.getuid() == 0 else []
    return [*unprivileged, "prlimit", f"--nofile={limit}:{limit}", sys.executable, "-m", *arguments]


def test_too_few_open_files_are_one_clear_sentence(tmp_path: os.PathLike[str]) -> None:
    command = few_files(100, "onhook", "serve", *PORTS, "--data", str(tmp_path))
    ended = subprocess.run(command, capture_output=True, text=True, timeout=READY_S, check=False)
    assert ended.returncode == 1
    assert "100 files" in sentence(ended.stderr)
    assert "ulimit -n" in sentence(ended.stderr)


def test_few_open_files_are_said_at_the_start(tmp_path: os.PathLike[str]) -> None:
    command = few_files(500, "onhook", "serve", *PORTS, "--data", str(tmp_path))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        ready = one.stdout.readline()
        one.terminate()
        _, log = one.communicate(timeout=READY_S)
    assert ready.startswith("onhook ready ")
    [warning] = [line for line in log.splitlines() if "few_open_files" in line]
    assert '"limit": 500' in warning


def test_the_limit_is_raised_as_far_as_that_is_allowed(tmp_path: os.PathLike[str]) -> None:
    command = ["prlimit", "--nofile=100:8000", sys.executable, "-m", "onhook", "serve", *PORTS]
    with subprocess.Popen(
        [*command, "--data", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline().startswith("onhook ready ")
        soft, _ = resource.prlimit(one.pid, resource.RLIMIT_NOFILE)
        one.terminate()
        _, log = one.communicate(timeout=READY_S)
    assert soft >= 8000
    assert "few_open_files" not in log
