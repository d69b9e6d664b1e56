"""Commands that somebody types, each in a terminal of its own: they run as long as a test wants."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from acceptance.harness import READY_S

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("ONHOOK_")},
    # A machine with ten servers on it may be late with the first call, and slow to speak.
    "ONHOOK_SHED_LAG_MS": "0",
    "ONHOOK_PREPARE_S": "60",
}


@asynccontextmanager
async def runs(
    command: Sequence[str], here: Path, says: str, within_s: float = READY_S
) -> AsyncIterator[list[str]]:
    """What somebody has typed, from the line on that it ``says``; the lines that it wrote so far."""
    with (here / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=here, env=ENVIRONMENT, stdout=PIPE, stderr=log
        )
    said: list[str] = []
    reading = asyncio.create_task(_read(process, said))
    try:
        async with asyncio.timeout(within_s):
            while not any(line.startswith(says) for line in said):
                assert not reading.done(), (said, (here / "log").read_text())
                await asyncio.sleep(0.05)
        yield said
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _read(process: Process, said: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        said.append(line.decode().rstrip("\n"))
