"""What the commands about rates do; a running server takes a change over within two seconds."""

from pathlib import Path

from onhook.billing import RateFileInvalid, RateInvalid, RateRow, exact, rate_row, read_rates
from onhook.calls.charging import record, row
from onhook.cli.errors import CommandError
from onhook.cli.opening import opened

LARGEST_FILE_BYTES = 100_000_000


async def list_rates(data: Path, database_url: str | None = None) -> list[dict[str, object]]:
    """Every row of the rate table; the keys are the columns of the CSV file."""
    async with opened(data, database_url) as (store, _):
        return [shown(row(stored)) for stored in await store.money.rates()]


async def set_rate(
    data: Path,
    direction: str,
    prefix: str,
    currency: str,
    per_minute: str,
    steps: tuple[str, str],
    *,
    database_url: str | None = None,
) -> dict[str, object]:
    """Adds or changes one row; ``steps`` are its initial and increment seconds."""
    made = _row(direction, prefix, currency, per_minute, *steps)
    async with opened(data, database_url) as (store, _):
        await store.money.put_rates([record(made)])
    return shown(made)


async def remove_rate(
    data: Path, direction: str, prefix: str, currency: str, *, database_url: str | None = None
) -> None:
    """Removes one row. Raises :class:`CommandError` if there is none."""
    key = _row(direction, prefix, currency, "0").key
    async with opened(data, database_url) as (store, _):
        if not await store.money.remove_rate(*key):
            raise CommandError(f"There is no such rate: {' '.join(key)}.")


async def import_rates(
    data: Path, file: Path, *, replace: bool = False, database_url: str | None = None
) -> int:
    """Adds or changes the rows of a CSV file, all or none; returns how many there were."""
    rows = _read(file)
    async with opened(data, database_url) as (store, _):
        await store.money.put_rates([record(one) for one in rows], replace=replace)
    return len(rows)


def shown(rate: RateRow) -> dict[str, object]:
    """A row as people read it, and as it stands in a file; an empty prefix is ``*``."""
    return {
        "direction": rate.direction,
        "prefix": rate.prefix or "*",
        "currency": rate.rate.currency,
        "per_minute": exact(rate.rate.per_minute),
        "initial_s": rate.rate.initial_s,
        "increment_s": rate.rate.increment_s,
    }


def _row(*cells: str) -> RateRow:
    try:
        return rate_row(*cells)
    except RateInvalid as error:
        raise CommandError(f"The rate cannot be used: {error}.") from error


def _read(file: Path) -> list[RateRow]:
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise CommandError(f"{file} is larger than {LARGEST_FILE_BYTES:,} bytes.")
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            return read_rates(lines)
    except RateFileInvalid as error:
        raise CommandError(f"{file}, line {error.line}: {error}; nothing was imported.") from error
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
