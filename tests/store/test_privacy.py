"""The database holds phone numbers and messages: other users of the machine do not read it."""

import asyncio
import os
from pathlib import Path

from onhook.store import Store
from onhook.store.sqlite import DATABASE_FILE


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # as a package or systemd makes it
    before = os.umask(0o022)
    try:
        modes = asyncio.run(_modes_while_open(tmp_path))
    finally:
        os.umask(before)
    assert modes.pop(DATABASE_FILE) == 0o600
    assert set(modes.values()) <= {0o600}  # of the files that SQLite keeps beside it


async def _modes_while_open(directory: Path) -> dict[str, int]:
    store = await Store.open(directory)
    try:
        return {entry.name: entry.stat().st_mode & 0o777 for entry in os.scandir(directory)}
    finally:
        await store.close()
