"""From a machine with nothing on it to the first call that a softphone hears, typed as the pages have it.

How many lines that takes is counted, and how long, from the first one until the call is answered; what the
clock says is printed and nothing else, as it is of the machine and its network.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import soundfile

from acceptance.newcomer import NUMBER, ROOT
from deploy import debian
from deploy.fresh import Fresh, Terminal
from onhook.testing.tones import speech_like
from pages.reading import blocks

pytestmark = pytest.mark.slow

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_CALL: Final = (ROOT / "docs/first-call.md").read_text(encoding="utf-8")
TUTORIAL: Final = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Up to the next heading of any level."""
    begins = page.index(f"{heading}\n") + len(heading)
    return re.split(r"^#+ ", page[begins:], maxsplit=1, flags=re.MULTILINE)[0]


def lines(page: str, heading: str) -> list[list[str]]:
    """What is typed in a section: of each block the lines, in their order."""
    return [block.splitlines() for block in blocks(section(page, heading), "sh")]


@pytest.fixture(scope="module")
def bookworm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian, and nothing more than any has that boots."""
    made = tmp_path_factory.mktemp("debian") / "debian.tar"
    debian.make(made, "mount", "hostname")
    return made


@pytest.fixture
def machine(tmp_path: Path, bookworm: Path) -> Iterator[Fresh]:
    with Fresh(tmp_path / "root", bookworm) as made:
        yield made


@pytest.fixture(scope="session")
def wheel() -> Path:
    """As `make wheel` leaves it; it is made where what it is made of has changed since."""
    sources = [*ROOT.glob("src/**/*.[pcht]*"), ROOT / "pyproject.toml", ROOT / "setup.py"]
    changed_at = max(each.stat().st_mtime for each in sources if "guide_pages" not in each.parts)
    found = [each for each in ROOT.glob("dist/onhook-*x86_64.whl") if made_at(each) > changed_at]
    if not found:
        subprocess.run([ROOT / "scripts/build_wheel.sh"], check=True)
        found = list(ROOT.glob("dist/onhook-*x86_64.whl"))
    return max(found, key=made_at)


def made_at(file: Path) -> float:
    return file.stat().st_mtime


def brought(machine: Fresh, wheel: Path) -> None:
    """The file that somebody who has no compiler is given."""
    dist = machine.here / "dist"
    dist.mkdir()
    (dist / wheel.name).write_bytes(wheel.read_bytes())


def softphone(machine: Fresh, install: str, call: str) -> Terminal:
    """One that is installed, without a sound card, and has called."""
    [settings] = blocks(section(FIRST_CALL, "### baresip"), "sh")[1:]
    phone = machine.terminal()
    phone.types(install)
    for command in settings.rstrip("\n").split("\n", 1):
        phone.types(command)
    phone.starts(call, "Call established")
    return phone


def heard_s(machine: Fresh) -> float:
    """How long somebody speaks in what the softphone heard."""
    [dump] = machine.here.glob("dump-*-dec.wav")
    sound, rate = soundfile.read(dump, dtype="int16")
    assert rate == 8000
    return speech_like(sound).voiced_s


def test_from_the_wheel_by_five_questions(
    machine: Fresh, wheel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought(machine, wheel)
    python, install, serve, application, phone, doctor = lines(FIRST_CALL, "## The short way")
    first, second = machine.terminal(), machine.terminal()
    for line in [*python, *install[:-1]]:
        first.types(line)
    said = first.types(install[-1], answers="\n" * 5)
    assert f"dial sip:{NUMBER}@192.168.1.20:5080 " in said
    typed = re.findall(r"^    (.+)$", said, re.MULTILINE)
    assert typed == [serve[0], application[-1], doctor[0]]
    first.starts(serve[0], r"^onhook ready .*\n")
    second.types(application[0])
    second.starts(application[1], "waiting for calls")
    calling = softphone(machine, *phone)
    machine.prints(capsys, "from the wheel, by five questions")
    second.reads("middle/gather success_ok")
    calling.presses("1")
    second.reads("middle/play success_ok")
    calling.presses("7")
    second.reads("the call is over: SGD 0.020")
    calling.presses("q")
    calling.reads(r"ua: stop all")
    assert heard_s(machine) > 0.5


def test_from_the_wheel_as_the_tutorial_types_it(
    machine: Fresh, wheel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought(machine, wheel)
    python, install = lines(TUTORIAL, "### Install")
    [serve] = lines(TUTORIAL, "### Start the server")
    [say] = lines(TUTORIAL, "### Say who answers")
    [start] = lines(TUTORIAL, "### Write the application")
    [program] = blocks(TUTORIAL, "python")
    first, second = machine.terminal(), machine.terminal()
    for line in [*python, *install, *serve[:-1]]:
        first.types(line)
    first.starts(serve[-1], r"^onhook ready .*\n")
    made = said_by_app_create(second, say)
    machine.saves("shop.py", filled_in(program, made))
    second.starts(start[0], "")
    calling = softphone(machine, *lines(FIRST_CALL, "## The short way")[4])
    machine.prints(capsys, "from the wheel, by the tutorial")
    second.reads('middle/gather {"status":"success_ok"}')
    calling.presses("1")
    second.reads(r"it cost SGD 0\.020")
    calling.presses("q")
    calling.reads(r"ua: stop all")
    assert heard_s(machine) > 0.5


def test_from_a_checkout_as_the_readme_types_it(
    machine: Fresh, capsys: pytest.CaptureFixture[str]
) -> None:
    checked_out(machine)
    typed_there = indented(README, "## Run it")
    begin = next(at for at, line in enumerate(typed_there) if " serve " in line)
    [program] = blocks(README, "python")
    first, second = machine.terminal(), machine.terminal()
    for line in typed_there[:begin]:
        first.types(line)
    first.starts(typed_there[begin], r"^onhook ready .*\n")
    made = said_by_app_create(second, typed_there[begin + 1 :])
    machine.saves("first.py", filled_in(program, made))
    assert "`python3 first.py`" in README
    second.starts("python3 first.py", "")
    calling = softphone(machine, *lines(FIRST_CALL, "## The short way")[4])
    machine.prints(capsys, "from a checkout")
    second.reads(r"it cost SGD 0\.020")
    calling.presses("q")
    calling.reads(r"ua: stop all")
    assert heard_s(machine) > 0.5


def said_by_app_create(terminal: Terminal, typed: list[str]) -> dict[str, str]:
    """Types these lines, with the id for which they have a place; the credentials that were printed."""
    made: dict[str, str] = {}
    for line in typed:
        said = terminal.types(line.replace("APP_ID", made.get("app_id", "APP_ID")))
        if " app create " in line:
            made = dict(re.findall(r"^(app_id|access_token) +(\S+)$", said, re.MULTILINE))
    return made


def filled_in(program: str, made: dict[str, str]) -> str:
    """With the credentials in place of the dots."""
    text = program.replace('"app_id": "…"', f'"app_id": "{made["app_id"]}"')
    return text.replace('"access_token": "…"', f'"access_token": "{made["access_token"]}"')


def indented(page: str, heading: str) -> list[str]:
    """The commands of four blanks in a section, comments cut off."""
    found = re.findall(r"^    (.+)$", section(page, heading), re.MULTILINE)
    return [re.sub(r"\s{2,}#.*", "", line) for line in found]


def checked_out(machine: Fresh) -> None:
    """The repository, as `git clone` lays it."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in listed.split("\0")[:-1]:
        to = machine.here / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to, follow_symlinks=False)


def test_in_a_container(machine: Fresh, bookworm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked_out(machine)
    machine.lets_containers_run()
    build, run = lines(FIRST_CALL, "### The same in a container")
    begin = "podman build "
    first, second = machine.terminal(), machine.terminal()
    for line in build:
        if line.startswith(begin):
            machine.has_image(bookworm, "docker.io/library/debian:bookworm-slim")
        first.types(line)
    machine.prints(capsys, "in a container, when the image is built")
    init, serve, application = run
    said = first.types(init)
    assert f"dial sip:{NUMBER}@192.168.1.20:5080 " in said
    first.types(serve)
    first.types("until podman logs onhook | grep -q '^onhook ready'; do sleep 0.2; done")
    second.starts(application, "waiting for calls")
    calling = softphone(machine, *lines(FIRST_CALL, "## The short way")[4])
    machine.prints(capsys, "in a container")
    second.reads("middle/gather success_ok")
    calling.presses("7")
    second.reads("the call is over: SGD 0.020")
    calling.presses("q")
    calling.reads(r"ua: stop all")
    assert heard_s(machine) > 0.5
    first.types("podman stop --time 100 onhook")
