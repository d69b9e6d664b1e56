"""What README and the page of the first call tell a newcomer to type works, in that order."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from acceptance.newcomer import NUMBER, ONHOOK, ROOT, Newcomer, listening, typed
from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like
from pages.reading import blocks


@pytest.fixture
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """Who has typed what README says up to the first application."""
    readme = (ROOT / "README.md").read_text()
    one = Newcomer(tmp_path_factory.mktemp("home"))
    for line in typed(readme[: readme.index("## A first application")]):
        one.type(line)
    yield one
    if one.server is not None:
        one.server.close()


async def test_the_first_application_of_the_readme_takes_the_first_call(newcomer: Newcomer) -> None:
    [program] = blocks((ROOT / "README.md").read_text(), "python")
    testing = (ROOT / "docs/testing.md").read_text()
    [example] = blocks(testing[testing.index("## Real phones") :], "python")
    assert newcomer.server is not None
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", newcomer.program(program)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        await listening(newcomer.forward_port)
        async with Phone() as phone:
            call = await phone.call(NUMBER, server=("127.0.0.1", newcomer.server.sip[1]))
            await call.answered()
            await call.ended()
            assert speech_like(call.recording.pcm()).voiced_s > 0.5
        assert running.stdout is not None
        assert await running.stdout.readline() == b"it cost SGD 0.020\n"
        heard = await asyncio.to_thread(
            subprocess.check_output,
            [sys.executable, "-c", example.replace("5080", str(newcomer.server.sip[1]))],
            text=True,
        )
        assert re.fullmatch(r"bye_received [1-9]\.\d s of speech\n", heard)
    finally:
        running.kill()
        await running.wait()


def test_the_page_of_the_first_call_types_the_same_commands() -> None:
    """So that page is as true as README."""
    page = (ROOT / "docs/first-call.md").read_text()
    page = page[page.index("## 1 The server") :].replace("    onhook ", f"    {ONHOOK} ")
    readme = (ROOT / "README.md").read_text()
    assert typed(page) == typed(readme[: readme.index("## A first application")])
