"""Secrets come from a variable or a file; the embedded shop makes those it lacks, nothing else does."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from store_kit.settings import StoreSettings


class SecretError(Exception):
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
    """Reads secrets by name: variable `STORE_<NAME>`, else file `<secrets_dir>/<name>`."""

    def __init__(self, settings: StoreSettings) -> None:
        self._folder = settings.secrets_path
        self._generate = settings.embedded

    def text(self, name: str) -> str:
        """Return the secret; made (32 random bytes) when missing in embedded mode.

        Raises:
            MissingSecret: outside embedded mode, when it is nowhere.
            UnusableSecret: its file cannot be read.
        """
        return self._read(name) or self._make(name, secrets.token_urlsafe(32).encode()).decode()

    def pem(self, name: str) -> bytes:
        """Return a private signing key as PEM; an Ed25519 key is made when missing in embedded mode.

        Raises:
            MissingSecret: outside embedded mode, when it is nowhere.
            UnusableSecret: its file cannot be read.
        """
        found = self._read(name)
        if found:
            return found.encode()
        return self._make(name, new_signing_key())

    def optional(self, name: str) -> str | None:
        """Return the secret, None when it is nowhere; e.g. the key before the present one."""
        return self._read(name)

    def _read(self, name: str) -> str | None:
        value = os.environ.get(f"STORE_{name.upper()}")
        if value:
            return value
        try:
            return (self._folder / name).read_text().strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableSecret(name, str(error)) from error

    def _make(self, name: str, value: bytes) -> bytes:
        path = self._folder / name
        if not self._generate:
            raise MissingSecret(name, path)
        return make_private_file(path, value)


def new_signing_key() -> bytes:
    """Return a new Ed25519 key as PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).strip()


def make_private_file(path: Path, value: bytes) -> bytes:
    """Create `path` with mode 0600 and return what it holds, which is what the first process wrote.

    The value is written beside the name and linked to it, so that nobody ever reads half a secret.
    """
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
