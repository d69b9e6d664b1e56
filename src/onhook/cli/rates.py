"""What the commands about rates do; a running server takes a change over within two seconds."""

from pathlib import Path

from onhook.administration import rates
from onhook.administration.rates import row_of, shown
from onhook.billing import Rate, RateFileInvalid, RateRow, read_rates
from onhook.calls.charging import record, row
from onhook.cli.errors import CommandError
from onhook.cli.noting import note
from onhook.cli.opening import opened
from onhook.server.settings import Settings

LARGEST_FILE_BYTES = 100_000_000


async def list_rates(data: Path, database_url: str | None = None) -> list[dict[str, object]]:
    """Every row of the rate table; the keys are the columns of the CSV file."""
    async with opened(data, database_url) as (store, _):
        return await rates.listed(store)


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
    async with opened(data, database_url) as (store, _):
        return await rates.put(store, note, direction, prefix, currency, per_minute, steps)


async def rate_of(
    settings: Settings, direction: str, number: str, currency: str
) -> dict[str, object]:
    """What a minute costs towards (``out``) or at (``in``) a number, and the prefix by which that is found;
    none of them is the default of the settings. Raises :class:`CommandError`."""
    asked = row_of(direction, number, currency, "0")
    async with opened(settings.data) as (store, _):
        rows = [row(stored) for stored in await store.money.rates()]
    fitting = [
        one
        for one in rows
        if (one.direction, one.rate.currency) == (asked.direction, currency)
        and asked.prefix.startswith(one.prefix)
    ]
    if fitting:
        return shown(max(fitting, key=lambda one: len(one.prefix)))
    default = RateRow(asked.direction, "", Rate(currency, settings.rate))
    return {**shown(default), "prefix": "(default)"}


async def remove_rate(
    data: Path, direction: str, prefix: str, currency: str, *, database_url: str | None = None
) -> None:
    """Removes one row. Raises :class:`CommandError` if there is none."""
    async with opened(data, database_url) as (store, _):
        await rates.remove(store, note, direction, prefix, currency)


async def import_rates(
    data: Path, file: Path, *, replace: bool = False, database_url: str | None = None
) -> int:
    """Adds or changes the rows of a CSV file, all or none; returns how many there were."""
    rows = _read(file)
    async with opened(data, database_url) as (store, _):
        said = f"{len(rows)} rows, {'in place of all' if replace else 'beside the others'}"
        noted = note("rate import", file.name, said)
        await store.money.put_rates([record(one) for one in rows], replace=replace, noted=noted)
    return len(rows)


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
