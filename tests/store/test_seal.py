"""The database knows its key: a lost one, or a foreign one, is noticed at once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from onhook.store import Keyring, KeyringError, Store
from onhook.store.keyring import KEY_FILE
from onhook.store.seal import keyring_of
from store.samples import APPLICATION


async def test_a_new_database_gets_a_new_key(store: Store, tmp_path: Path) -> None:
    keyring = await keyring_of(store, tmp_path)
    assert keyring.fingerprint == Keyring.open(tmp_path, make=False).fingerprint
    assert (await keyring_of(store, tmp_path)).fingerprint == keyring.fingerprint


async def test_a_lost_key_is_not_replaced(store: Store, tmp_path: Path) -> None:
    await keyring_of(store, tmp_path)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(KeyringError, match=r"secret\.key is missing.*backup"):
        await keyring_of(store, tmp_path)
    assert not (tmp_path / KEY_FILE).exists()


async def test_a_foreign_key_is_refused(store: Store, tmp_path: Path) -> None:
    await keyring_of(store, tmp_path)
    (tmp_path / KEY_FILE).unlink()
    Keyring.open(tmp_path)
    with pytest.raises(KeyringError, match="is not the one"):
        await keyring_of(store, tmp_path)


async def test_a_second_data_directory_needs_a_copy(store: Store, tmp_path: Path) -> None:
    await keyring_of(store, tmp_path)
    with pytest.raises(KeyringError, match="copies of one key file"):
        await keyring_of(store, tmp_path / "another")
    assert not (tmp_path / "another").exists()


async def test_of_two_that_begin_at_once_one_has_the_key(store: Store, tmp_path: Path) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    found = await asyncio.gather(
        *[keyring_of(store, place) for place in places], return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["Keyring", "KeyringError"]


@pytest.mark.parametrize("mine", [True, False])
async def test_a_database_of_before_there_were_fingerprints(
    store: Store, tmp_path: Path, mine: bool
) -> None:
    place = tmp_path if mine else tmp_path / "another"
    sealed = Keyring.open(place).encrypt("s3cret")
    await store.add_application(replace(APPLICATION, token_encrypted=sealed))
    Keyring.open(tmp_path)
    if not mine:
        with pytest.raises(KeyringError, match="same backup"):
            await keyring_of(store, tmp_path)
    assert (await keyring_of(store, place)).decrypt(sealed) == "s3cret"
    with pytest.raises(KeyringError, match="missing"):
        await keyring_of(store, tmp_path / "nowhere")


async def test_a_fingerprint_tells_nothing_of_the_key(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path)
    assert keyring.fingerprint not in (tmp_path / KEY_FILE).read_text()
    assert len(keyring.fingerprint) == 32
