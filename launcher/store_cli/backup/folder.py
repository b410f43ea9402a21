"""The folder of a backup: it appears whole or not at all, and says by checksums whether it is still whole."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from store_kit.refusals import Refusal

MANIFEST: Final = "manifest.json"
SECRETS: Final = "secrets"
_BLOCK: Final = 1 << 20


class BackupError(Refusal):
    """A backup cannot be made or used; the text says why and what to do."""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds."""

    database: str
    """`sqlite` or `cassandra`."""
    made_at: str
    """RFC 3339, UTC."""
    version: str
    """Of the code that made it."""
    rows: dict[str, int]
    """Table (or file) -> how many rows (or bytes) it has."""
    checksums: dict[str, str]
    """File -> the SHA-256 of its bytes, in hex."""


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a draft that becomes `target` when all went well, and is deleted otherwise.

    Raises:
        BackupError: there is something at `target` already.
    """
    if target.exists():
        raise BackupError(f"{target} exists already; name a folder that does not.")
    draft = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    try:
        yield draft
        for path in draft.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)  # who copies it elsewhere copies that, too
            _sync(path)
        _sync(draft)
        draft.rename(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_manifest(folder: Path, database: str, made_at: str, version: str, rows: dict[str, int]) -> Manifest:
    """Describe what the folder holds now, and return the description."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    checksums = {str(path.relative_to(folder)): _checksum(path) for path in files}
    manifest = Manifest(database, made_at, version, rows, checksums)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup holds, once every file is what it was when it was made.

    Raises:
        BackupError: it is not a backup, or a file of it is missing or was altered.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise BackupError(f"{folder} is not a backup: its {MANIFEST} cannot be read ({error}).") from error
    for name, checksum in manifest.checksums.items():
        path = folder / name
        if not path.is_file() or _checksum(path) != checksum:
            raise BackupError(f"{path} is missing or was altered since the backup was made; use another one.")
    return manifest


def copy_secrets(source: Path, target: Path) -> None:
    """Copy the folder of keys and secrets, readable by their owner only."""
    if source.is_dir():
        shutil.copytree(source, target)
        target.chmod(0o700)


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
