"""Secrets are never in the clear on disk."""

import os
from pathlib import Path

import pytest

from onhook.store import Keyring, KeyringError
from onhook.store.keyring import KEY_FILE, new_credential, token_hash


def test_a_secret_comes_back(tmp_path: Path) -> None:
    sealed = Keyring.open(tmp_path).encrypt("s3cret")
    assert "s3cret" not in sealed
    assert Keyring.open(tmp_path).decrypt(sealed) == "s3cret"


def test_the_key_file_is_the_owners_alone(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        Keyring.open(tmp_path)


def test_another_key_is_told_apart(tmp_path: Path) -> None:
    sealed = Keyring.open(tmp_path / "one").encrypt("s3cret")
    with pytest.raises(KeyringError, match="same backup"):
        Keyring.open(tmp_path / "other").decrypt(sealed)


def test_a_damaged_key_file_is_one_clear_sentence(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(b"nonsense")
    with pytest.raises(KeyringError, match="damaged"):
        Keyring.open(tmp_path)


def test_credentials_have_the_shape_that_clients_know() -> None:
    made = {new_credential() for _ in range(100)}
    assert len(made) == 100
    assert all(len(text) == 16 and text.isalnum() and text.isascii() for text in made)
    assert len(token_hash("x")) == 64


def test_what_a_killed_process_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container, every process has the same number."""
    (tmp_path / f"{KEY_FILE}.{os.getpid()}").write_bytes(b"half a ke")
    sealed = Keyring.open(tmp_path).encrypt("s3cret")
    assert Keyring.open(tmp_path).decrypt(sealed) == "s3cret"
