"""The secrets of a shop whose services run apart, as files: each service's folder holds what it needs, no more."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store_kit.secrets import KEY_BYTES, UnusableSecret, make_private_file, new_signing_key

NEEDED: Final[Mapping[str, Sequence[str]]] = {
    # The user service first: it knows the others' secrets too, and what is shared is made there.
    "user": (
        "signing_key",
        "refresh_key",
        "cursor_key",
        "service_secret_catalog",
        "service_secret_cart",
        "service_secret_order",
        "service_secret_user",
    ),
    "catalog": ("cursor_key", "service_secret_catalog"),
    "cart": ("cursor_key", "guest_cart_key", "service_secret_cart"),
    "order": ("cursor_key", "service_secret_order"),
}
"""Service -> the names of its secrets."""
_SHARED: Final = "service_secret_"


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """What was made just now and what was there, as `service/name`; never what is in them."""

    made: tuple[str, ...]
    kept: tuple[str, ...]


def make_secret_files(folder: Path) -> SecretFiles:
    """Make what is missing below `folder`, mode 0600; safe to repeat.

    Raises:
        UnusableSecret: two services hold different values of one secret, or a file cannot be used.
    """
    made: list[str] = []
    kept: list[str] = []
    shared: dict[str, bytes] = {}
    for service, names in NEEDED.items():
        for name in names:
            path = folder / service / name
            (kept if path.exists() else made).append(f"{service}/{name}")
            value = _ensure(path, shared.get(name))
            if name.startswith(_SHARED):
                shared[name] = value
    return SecretFiles(tuple(made), tuple(kept))


def _ensure(path: Path, shared: bytes | None) -> bytes:
    try:
        # Read first: where all is there nothing is written, not even a draft, so that it may be mounted read-only.
        value = _kept(path) or make_private_file(path, shared or _new(path.name))
    except OSError as error:
        raise UnusableSecret(path.name, f"{path}: {error.strerror}") from error
    if shared is not None and value != shared:
        raise UnusableSecret(path.name, f"{path} holds another value than the user service's; delete both")
    return value


def _kept(path: Path) -> bytes | None:
    try:
        value = path.read_bytes().strip()
    except FileNotFoundError:
        return None
    if len(value) < KEY_BYTES:
        why = f"{path} has {len(value)} bytes, at least {KEY_BYTES} are needed; delete it, and a new one is made"
        raise UnusableSecret(path.name, why)
    return value


def _new(name: str) -> bytes:
    return new_signing_key() if name == "signing_key" else secrets.token_urlsafe(32).encode()
