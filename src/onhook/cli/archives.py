"""What ``onhook backup`` and ``onhook restore`` do: a data directory in one file, and back.

The archive is a plain tar: the database as it was at one moment, ``secret.key``, and ``recordings/``. What
can be made again (prompts, downloads, speech) is not in it.
"""

import asyncio
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from onhook.cli.errors import CommandError
from onhook.cli.opening import check_there
from onhook.server.directories import RECORDINGS
from onhook.server.occupancy import Occupied, occupied
from onhook.server.settings import Settings
from onhook.store.keyring import KEY_FILE
from onhook.store.sqlite import DATABASE_FILE

_BELONGING = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", KEY_FILE, RECORDINGS)
"""What is moved aside before a backup takes its place."""

Shown = dict[str, object]


async def write(settings: Settings, file: Path, *, recordings: bool) -> Shown:
    """Writes the archive, whole or not at all: ``file``, ``files``, ``bytes``. Raises CommandError."""
    check_there(settings.data)
    if settings.database_url.get_secret_value():
        raise CommandError(
            "The database is a PostgreSQL: back that up with pg_dump, and keep a copy of "
            f"{settings.data / KEY_FILE}, without which its secrets cannot be read."
        )
    return await asyncio.to_thread(_write, settings.data, file, recordings)


async def restore(settings: Settings, file: Path) -> Shown:
    """Makes the data directory what the archive has; ``aside`` is where is what was there before. Raises
    :class:`CommandError`."""
    return await asyncio.to_thread(_restore, settings.data, file)


def has_data(data: Path) -> bool:
    """Whether there is anything that a backup would take the place of."""
    return any((data / name).exists() for name in _BELONGING)


# Writing --------------------------------------------------------------------------------------------


def _write(data: Path, file: Path, recordings: bool) -> Shown:
    part = file.with_name(f"{file.name}.part")
    try:
        # Made by us, for us alone: it has tokens and numbers in it. One that is there is not replaced.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{part} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w") as archive:
                _fill(archive, data, recordings)
                names = archive.getnames()
            raw.flush()
            os.fsync(raw.fileno())
        file.hardlink_to(part)
    except FileExistsError:
        raise CommandError(f"{file} is there already; it is not replaced.") from None
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"The backup cannot be made: {error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return {"file": str(file), "files": len(names), "bytes": file.stat().st_size}


def _fill(archive: tarfile.TarFile, data: Path, recordings: bool) -> None:
    """The database first: what it names is in the directory by then."""
    with tempfile.TemporaryDirectory(dir=data, prefix="backup-") as beside:
        copy = Path(beside) / DATABASE_FILE
        _copy_database(data / DATABASE_FILE, copy)
        archive.add(copy, DATABASE_FILE)
    archive.add(data / KEY_FILE, KEY_FILE)
    for path in _recordings(data) if recordings else ():
        with suppress(FileNotFoundError):  # it was as old as it may become
            archive.add(path, f"{RECORDINGS}/{path.name}", recursive=False)


def _copy_database(source: Path, copy: Path) -> None:
    """As it is at one moment: a reader of a database in WAL mode holds nobody up."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(copy)) as writing,
    ):
        reading.backup(writing)


def _recordings(data: Path) -> Iterator[Path]:
    directory = data / RECORDINGS
    if directory.is_dir():
        yield from sorted(path for path in directory.iterdir() if path.is_file())


# Restoring ------------------------------------------------------------------------------------------


def _restore(data: Path, file: Path) -> Shown:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with occupied(data), tempfile.TemporaryDirectory(dir=data, prefix="restore-") as beside:
            _unpack(file, Path(beside))
            _check(Path(beside) / DATABASE_FILE, file)
            aside = _move_aside(data)
            for path in Path(beside).iterdir():
                path.rename(data / path.name)
    except Occupied as error:
        raise CommandError(str(error)) from error
    except (OSError, tarfile.TarError) as error:
        raise CommandError(f"{file} cannot be restored: {error}.") from error
    return {"data": str(data), "aside": str(aside) if aside else ""}


def _unpack(file: Path, directory: Path) -> None:
    with tarfile.open(file, "r:") as archive:
        members = archive.getmembers()
        for member in members:
            if not member.isfile() or not _belongs(member.name):
                raise CommandError(f"{file} is no backup of Onhook: {member.name[:80]!r} is in it.")
        if not {DATABASE_FILE, KEY_FILE} <= {member.name for member in members}:
            raise CommandError(
                f"{file} is no backup of Onhook: the database or its key is not in it."
            )
        for member in members:
            _extract(archive, member, directory / member.name)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """What is in it alone: whose it was, and who might read it, is no matter here. Times of recordings are
    kept, since their age decides when they are deleted."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    content = archive.extractfile(member)
    if content is None:
        raise CommandError(f"{member.name[:80]!r} cannot be read.")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with content, os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.utime(path, (member.mtime, member.mtime))


def _belongs(name: str) -> bool:
    folder, slash, rest = name.rpartition("/")
    recording = folder == RECORDINGS and bool(slash) and rest not in ("", ".", "..")
    return recording or name in (DATABASE_FILE, KEY_FILE)


def _check(database: Path, file: Path) -> None:
    """A database that is damaged takes nobody's place."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            [(said,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise CommandError(f"The database in {file} is damaged: {said}.")


def _move_aside(data: Path) -> Path | None:
    if not has_data(data):
        return None
    aside = data / time.strftime("before-restore-%Y%m%d-%H%M%S", time.gmtime())
    aside.mkdir(mode=0o700)
    for name in _BELONGING:
        if (data / name).exists():
            (data / name).rename(aside / name)
    return aside
