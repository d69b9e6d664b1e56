"""The rate table; a running server takes a change over within two seconds."""

from onhook.administration.errors import Note, NotPossible
from onhook.billing import RateInvalid, RateRow, exact, rate_row
from onhook.calls.charging import record, row
from onhook.store import Store

Shown = dict[str, object]


async def listed(store: Store) -> list[Shown]:
    """Every row of the rate table; the keys are the columns of the CSV file."""
    return [shown(row(stored)) for stored in await store.money.rates()]


async def put(
    store: Store,
    note: Note,
    direction: str,
    prefix: str,
    currency: str,
    per_minute: str,
    steps: tuple[str, str],
) -> Shown:
    """Adds or changes one row; ``steps`` are its initial and increment seconds. Raises
    :class:`NotPossible`."""
    made = row_of(direction, prefix, currency, per_minute, *steps)
    said = note("rate set", " ".join(made.key), f"{exact(made.rate.per_minute)} a minute")
    await store.money.put_rates([record(made)], noted=said)
    return shown(made)


async def remove(store: Store, note: Note, direction: str, prefix: str, currency: str) -> None:
    """Removes one row. Raises :class:`NotPossible` if there is none."""
    key = row_of(direction, prefix, currency, "0").key
    if not await store.money.remove_rate(*key, note("rate remove", " ".join(key), "")):
        raise NotPossible(f"There is no such rate: {' '.join(key)}.")


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


def row_of(*cells: str) -> RateRow:
    """A row from its cells. Raises :class:`NotPossible`."""
    try:
        return rate_row(*cells)
    except RateInvalid as error:
        raise NotPossible(f"The rate cannot be used: {error}.") from error
