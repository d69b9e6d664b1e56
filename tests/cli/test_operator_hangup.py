"""Who an operator is who hangs up by the command, as the API is told and believes it."""

import pytest
from cryptography.fernet import Fernet

from onhook.administration.operator_hangup import header_of, read_header
from onhook.store import Keyring

SESSION = "S-1"


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(Fernet.generate_key())


@pytest.mark.parametrize("name", ["root", "uid 1000", "jörg", "王", "EXAMPLE\\mei", "100%"])
def test_any_name_of_a_user_arrives(keyring: Keyring, name: str) -> None:
    """A header has nothing but ASCII, whatever the directory of users has."""
    written = header_of(keyring.name_for, name, SESSION)
    assert written.isascii()
    assert read_header(keyring.name_for, written, SESSION) == f"cli {name}"


@pytest.mark.parametrize(
    "change", ["another session", "another name", "another key", "no name", "nothing"]
)
def test_what_nobody_of_ours_has_written_names_nobody(keyring: Keyring, change: str) -> None:
    written = header_of(keyring.name_for, "root", SESSION)
    _, signature = written.split()
    session, name_for = SESSION, keyring.name_for
    match change:
        case "another session":
            session = "S-2"
        case "another name":
            written = f"mei {signature}"
        case "another key":
            name_for = Keyring(Fernet.generate_key()).name_for
        case "no name":
            written = signature
        case "nothing":
            written = ""
    assert read_header(name_for, written, session) == ""
