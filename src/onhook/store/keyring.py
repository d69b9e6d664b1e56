"""Secrets at rest: encrypted under a key file of the data directory that only its owner can read."""

import base64
import hashlib
import hmac
import os
import secrets
import string
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

KEY_FILE = "secret.key"
CREDENTIAL_CHARACTERS = 16
_FINGERPRINT = b"onhook key fingerprint\n"
_NAMES = b"onhook names\n"
_ALPHABET = string.ascii_letters + string.digits


class KeyringError(Exception):
    """The key file cannot be read, or does not fit the database; the message says what to do."""


class Keyring:
    """Encrypts and decrypts tokens and webhook secrets."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self.fingerprint = hashlib.sha256(_FINGERPRINT + key).hexdigest()[:32]
        """Tells this key from others, and nothing of it."""
        self._name_key = hashlib.sha256(_NAMES + key).digest()

    def name_for(self, text: str) -> str:
        """A name that nobody can guess who has not the key, and that is the same for the same text."""
        return hmac.new(self._name_key, text.encode(), hashlib.sha256).hexdigest()[:20]

    @classmethod
    def open(cls, directory: Path, *, make: bool = True) -> "Keyring":
        """The key of a data directory; with ``make``, made at first use with mode 0600.

        Raises :class:`KeyringError` when the file is missing, unreadable, damaged, or open to others.
        """
        path = directory / KEY_FILE
        try:
            if make:
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                _create(path)
            key = path.read_bytes().strip()
            mode = path.stat().st_mode & 0o777
        except FileNotFoundError as error:
            raise KeyringError(
                f"The key file {path} is missing, without which nothing can be signed; restore it from "
                "the backup of the data directory. Servers on one database have copies of one key file."
            ) from error
        except OSError as error:
            raise KeyringError(f"The key file {path} cannot be read: {error.strerror}.") from error
        if mode & 0o077:
            raise KeyringError(
                f"The key file {path} can be read by others (mode {mode:04o}); run: chmod 600 {path}"
            )
        try:
            return cls(key)
        except ValueError as error:
            raise KeyringError(
                f"The key file {path} is damaged; restore it from the backup of the data directory."
            ) from error

    def encrypt(self, secret: str) -> str:
        """The secret, encrypted and authenticated, as text."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The secret again. Raises :class:`KeyringError` if another key encrypted it."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise KeyringError(
                f"A stored secret does not fit {KEY_FILE}; both must come from the same backup."
            ) from error


def _create(path: Path) -> None:
    """Writes a new key unless there is one; of two processes exactly one wins."""
    if path.exists():
        return
    # A name of its own: in a container every process has the number of one that was killed here.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    draft = Path(name)
    try:
        os.write(descriptor, Fernet.generate_key())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another process made it first; its key is the one
    finally:
        draft.unlink()


def new_credential() -> str:
    """A new app_id or access token: 16 letters and digits (95 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CREDENTIAL_CHARACTERS))


def new_webhook_secret() -> str:
    """A new secret for Standard Webhooks signatures: ``whsec_`` and 32 bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def token_hash(token: str) -> str:
    """The SHA-256 under which a token is looked up, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()
