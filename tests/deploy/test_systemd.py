"""The unit in a Debian, booted by systemd: docs/deploying.md typed; calls, a reload, a reboot, a backup."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy.booted import Booted
from deploy.calling import an_application, call
from deploy.containerfile import DEPLOY, ROOT
from deploy.image import Image
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from ports import free_port

pytestmark = pytest.mark.slow

LARGEST_EXPOSURE = 2.5
"""0 is a service that can do nothing, 10 one that can do everything."""
_ELSEWHERE = ("apt-get ", "python3 -m venv ", "/opt/onhook/bin/pip ")
"""What the image of the container has done already, of which /opt/onhook is taken."""


def typed(*headings: str) -> list[str]:
    """The commands of a section of docs/deploying.md, up to its next paragraph in bold or heading."""
    page = (ROOT / "docs/deploying.md").read_text()
    for heading in headings:
        page = page[page.index(f"{heading}\n") + len(heading) :]
    section = re.split(r"^(?:#|\*\*)", page, maxsplit=1, flags=re.MULTILINE)[0]
    lines = re.findall(r"^    (.+)$", section, re.MULTILINE)
    return [line for line in lines if not line.startswith(_ELSEWHERE)]


def test_the_unit_is_exposed_to_little() -> None:
    said = subprocess.check_output(
        ["systemd-analyze", "security", "--offline=true", DEPLOY / "systemd/onhook.service"],
        text=True,
    )
    [exposure] = re.findall(r"Overall exposure level for onhook.service: ([\d.]+)", said)
    assert float(exposure) < LARGEST_EXPOSURE


def _let(group: str) -> set[str]:
    """The system calls of a group of systemd's, such as @system-service."""
    listed = subprocess.check_output(["systemd-analyze", "syscall-filter", group], text=True)
    named = [line.strip() for line in listed.splitlines()[1:]]
    calls = {name for name in named if name and not name.startswith(("@", "#"))}
    return calls.union(*(_let(name) for name in named if name.startswith("@")))


def test_the_unit_lets_audio_be_sent_as_well_as_it_can_be() -> None:
    """A machine on which root may not raise limits, as where tests run, cannot show it by a call."""
    unit = (DEPLOY / "systemd/onhook.service").read_text()
    let: set[str] = set()
    for said in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        for name in said.removeprefix("~").split():
            named = _let(name) if name.startswith("@") else {name}
            let = let - named if said.startswith("~") else let | named
    wanted = {"io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create", "pidfd_open",
              "sched_setscheduler", "setpriority", "pidfd_send_signal", "copy_file_range"}  # fmt: skip
    assert wanted <= let
    assert not {"chown", "setuid", "mount", "ptrace", "bpf"} & let
    assert re.search(r"^LimitRTPRIO=10$", unit, re.MULTILINE)


def _configure(file: Path, http: str, sip: str) -> None:
    """As somebody edits it, who has a test's ports."""
    text = file.read_text()
    text = re.sub(r'^sip = ".*"$', f'sip = "{sip}"', text, flags=re.MULTILINE)
    text = re.sub(r'^http = ".*"$', f'http = "{http}"', text, flags=re.MULTILINE)
    file.write_text(f'{text}\nallowed_networks = ["127.0.0.0/8"]\nshed_lag_ms = 0\n')


async def test_it_is_set_up_as_the_page_says_and_back_after_a_reboot(
    image: Image, disk: Path
) -> None:
    onhook = image.mounted() / "opt/onhook"
    http, sip = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    host, _, port = sip.rpartition(":")
    where = (host, int(port))
    begin = "systemctl enable --now onhook"
    lines = typed("## With systemd")
    assert begin in lines
    async with Receiver() as receiver, Phone() as phone:
        with Booted(disk, onhook) as machine:
            for line in lines:
                if line == begin:
                    _configure(disk / "etc/onhook.toml", http, sip)
                machine.ran("sh", "-ec", line)
            made = an_application(lambda *words: machine.ran("onhook", *words), receiver)
            called = await call(phone, where, f"http://{http}", made, receiver)
            assert (await called.hang_up())["debit"] == "0.020"
            _sends_audio_as_well_as_it_can(machine)

            going_on = await call(phone, where, f"http://{http}", made, receiver)
            switch = machine.pids("switch")
            await asyncio.to_thread(machine.ran, "systemctl", "reload", "onhook")
            assert machine.pids("switch") != switch
            await going_on.hang_up()

            for line in typed("## With systemd", "### Backup"):
                machine.ran("sh", "-ec", line)
        with Booted(disk, onhook) as machine:
            assert machine.ran("systemctl", "is-active", "onhook") == "active\n"
            called = await call(phone, where, f"http://{http}", made, receiver)
            await called.hang_up()
            machine.ran("systemctl", "stop", "onhook")
            assert '"event": "ended", "status": 0' in machine.journal()

            machine.ran("sh", "-ec", "cp /var/backups/onhook/*.tar BACKUP.tar")
            for line in typed("## With systemd", "### Back from a backup"):
                machine.ran("sh", "-ec", line)
            listed = json.loads(machine.ran("onhook", "calls", "list", "--json"))
            assert len(listed) == 2  # the third one was after the backup


def _sends_audio_as_well_as_it_can(machine: Booted) -> None:
    """The list of system calls is in force, and has not taken from the plane what it wants."""
    [plane] = machine.pids("plane")
    opened = [each.readlink() for each in Path(f"/proc/{plane}/fd").iterdir()]
    assert Path("anon_inode:[io_uring]") in opened
    assert Path(f"/proc/{plane}/status").read_text().count("Seccomp:\t2") == 1
