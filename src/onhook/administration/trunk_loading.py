"""Trunks as a text has them, a table each: all of them become what it says, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from onhook.administration.errors import Note, NotPossible
from onhook.administration.trunk_files import WrittenTrunk
from onhook.administration.trunk_options import OptionRefused
from onhook.administration.trunk_presets import preset
from onhook.administration.trunks import changed, check_name, new
from onhook.store import Keyring, Store, TrunkRecord
from onhook.store.trunks import all_trunks, put_trunks


async def load(
    store: Store, keyring: Keyring, note: Note, written: Sequence[WrittenTrunk], source: str
) -> list[TrunkRecord]:
    """Those that are not there are added, those that are keep their place in the order, and their password
    where ``source`` has none. Raises :class:`NotPossible`."""
    before = {one.name: one for one in await all_trunks(store)}
    after = [
        _as_written(source, n, one, before.get(one.name), keyring) for n, one in enumerate(written)
    ]
    names = ", ".join(one.name for one in after)[:400]
    await put_trunks(store, after, note("trunk load", source.rpartition("/")[2], names))
    return after


def with_preset(
    like: str, options: Mapping[str, object], *, kept: bool = False
) -> Mapping[str, object]:
    """The options with those that a carrier's trunks begin with; of one that is there already the password
    may be ``kept``."""
    if not like:
        return options
    begun = preset(like)
    begun.check({"password": "kept", **options} if kept else options)
    return begun.with_(options)


def _as_written(
    source: str, n: int, one: WrittenTrunk, before: TrunkRecord | None, keyring: Keyring
) -> TrunkRecord:
    made = new(one.name, later_ms=n)
    if before is not None:
        kept = before.password_encrypted if one.options.get("username", one.like) else ""
        made = replace(made, created_ms=before.created_ms, password_encrypted=kept)
    try:
        check_name(one.name)
        return changed(made, with_preset(one.like, one.options, kept=before is not None), keyring)
    except OptionRefused as error:
        raise NotPossible(f"{source}: [{one.name}] {error}.") from None
    except NotPossible as error:
        raise NotPossible(f"{source}: [{one.name}] {error}") from error
