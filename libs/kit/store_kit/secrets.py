"""Secrets come from a variable or a file; the embedded shop makes those it lacks, nothing else does."""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from store_kit.refusals import Refusal
from store_kit.settings import StoreSettings

KEY_BYTES: Final = 32
"""The length of SHA-256's output: what a key has at least."""


class SecretError(Refusal):
    """A service cannot start with the secrets it has."""


class MissingSecret(SecretError):
    """A secret that a service cannot start without is neither in a variable nor in a file."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(
            f"The secret '{name}' is missing. Set STORE_{name.upper()} or write the file {path} (mode 0600)."
        )


class UnusableSecret(SecretError):
    """A secret is there, but cannot be what it should be."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"The secret '{name}' (STORE_{name.upper()}, or its file) cannot be used: {why}.")


class Secrets:
    """Reads secrets: `STORE_<NAME>` in the environment, else a file of that name in the secrets folder."""

    def __init__(self, settings: StoreSettings) -> None:
        self._folder = settings.secrets_path
        self._generate = settings.embedded

    def text(self, name: str, *, at_least: int = KEY_BYTES) -> str:
        """Return the secret; made (32 random bytes) when missing in embedded mode.

        Args:
            name: which one.
            at_least: bytes that it must have; a key of HMAC-SHA-256 as many as the hash (RFC 2104 section 3, RFC 7518
                section 3.2).

        Raises:
            MissingSecret: outside embedded mode, when it is nowhere.
            UnusableSecret: its file cannot be read, is empty, or it is too short.
        """
        found = self._read(name)
        if found is None:
            return self._make(name, secrets.token_urlsafe(32).encode()).decode()
        if len(found.encode()) < at_least:
            raise UnusableSecret(name, f"it has {len(found.encode())} bytes, at least {at_least} are needed")
        return found

    def pem(self, name: str) -> bytes:
        """Return a private signing key as PEM; an Ed25519 key is made when missing in embedded mode.

        Raises:
            MissingSecret: outside embedded mode, when it is nowhere.
            UnusableSecret: its file cannot be read, or is empty.
        """
        found = self._read(name)
        return self._make(name, new_signing_key()) if found is None else found.encode()

    def optional(self, name: str) -> str | None:
        """Return the secret, None when it is nowhere; e.g. the key before the present one.

        Raises:
            UnusableSecret: its file cannot be read, or is empty.
        """
        return self._read(name)

    def _read(self, name: str) -> str | None:
        value = os.environ.get(f"STORE_{name.upper()}")
        if value:
            return value
        path = self._folder / name
        try:
            found = path.read_text().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableSecret(name, str(error)) from error
        if not found:
            raise UnusableSecret(name, f"{path} is empty; write the secret into it, or delete it")
        return found

    def _make(self, name: str, value: bytes) -> bytes:
        path = self._folder / name
        if not self._generate:
            raise MissingSecret(name, path)
        try:
            return make_private_file(path, value)
        except OSError as error:
            raise UnusableSecret(name, f"{path} cannot be written: {error.strerror}") from error


def readable_by_others(folder: Path) -> list[str]:
    """Return the names of the files in a folder of secrets that others than their owner may read."""
    try:
        files = [path for path in folder.iterdir() if path.is_file()]
        return sorted(path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError:
        return []  # what cannot be looked at cannot be read either, and is said where it is needed


def new_signing_key() -> bytes:
    """Return a new Ed25519 key as PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).strip()


def make_private_file(path: Path, value: bytes) -> bytes:
    """Create `path` with mode 0600 and return what it holds, which is what the first process wrote.

    The value is written beside the name and linked to it, so that nobody ever reads half a secret. Where the file is
    there already nothing is written at all: it may lie on a mount that can only be read.
    """
    if path.exists():
        return path.read_bytes().strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return path.read_bytes().strip()
    finally:
        draft.unlink()
    return value
