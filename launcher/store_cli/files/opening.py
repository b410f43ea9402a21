"""Open a text file of unknown encoding once, zipped or not, also from a pipe.

The bytes are copied into a temporary file while they are looked at (in memory while they are few): what a pipe gave
cannot be read again, and whether a file is UTF-8 is only known at its end.
"""

import codecs
import gzip
import io
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol, TextIO

from store_cli.boundary import WrongUsage

STDIN: Final = Path("-")
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BLOCK: Final = 1 << 20
_IN_MEMORY: Final = 64 << 20
_FOREIGN: Final = {
    b"PK\x03\x04": "a workbook or a zip archive: save it as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save it as CSV (UTF-8)",
    b"BZh": "packed by bzip2: unpack it first",
    b"\xfd7zX": "packed by xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it first",
    b"%PDF": "a PDF document",
}
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The signatures that programs put before text (RFC 3629 section 6); that of UTF-32 begins like one of UTF-16."""
_HIGH_RUNS: Final = re.compile(rb"[\x80-\xff]+")
_CYRILLIC_RUN: Final = 2.5
"""Accented letters stand alone between plain ones; those of Cyrillic words follow each other."""


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class FileError(WrongUsage):
    """A file cannot be read as what it should be; says which, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Text:
    """An open text: its lines with their ends as they are, and the encoding that was found or given.

    A byte that has no meaning in the encoding is a lone surrogate, as in PEP 383: see `is_damaged`.
    """

    lines: TextIO
    encoding: str


def is_damaged(text: str) -> bool:
    """Tell whether a byte of the text had no meaning in its file's encoding."""
    if text.isascii():
        return False
    return any("\udc80" <= letter <= "\udcff" for letter in text)


@contextmanager
def opened(path: Path, encoding: str | None = None) -> Iterator[Text]:
    """Open a file, or the standard input for `-`; the encoding is found out unless it is given.

    Raises:
        FileError: it is not text, its archive is damaged, or it ends amid a character.
        OSError: it cannot be opened or read.
    """
    if encoding is not None and not _is_text_encoding(encoding):
        raise FileError(f"There is no encoding '{encoding}'; try utf-8, cp1252 or cp1251.")
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        with _source(path) as source:
            _copy(source, spool, path)
        found = encoding or _encoding_of(spool)
        spool.seek(0)
        errors = "strict" if found.startswith("utf-") and "8" not in found else "surrogateescape"
        with io.TextIOWrapper(spool, encoding=found, errors=errors, newline="") as text:
            try:
                yield Text(text, found)
            except UnicodeError as broken:
                raise FileError(f"{path} is not text in {found}: {broken}.") from broken


def _is_text_encoding(name: str) -> bool:
    try:
        "a".encode(name)
    except (LookupError, UnicodeError):
        return False
    return True


@contextmanager
def _source(path: Path) -> Iterator[IO[bytes]]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


def _copy(source: IO[bytes], spool: IO[bytes], path: Path) -> None:
    """Copy what the source holds, unpacked."""
    start = source.read(len(max(_FOREIGN, key=len)))
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            raise FileError(f"{path} is {what}.")
    whole = _Chained(start, source)
    if not start.startswith(_GZIP_MAGIC):
        _copy_blocks(whole, spool)
        return
    try:
        with gzip.GzipFile(fileobj=whole, mode="rb") as unpacked:
            _copy_blocks(unpacked, spool)
    except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
        raise FileError(f"{path} is a damaged gzip archive: {broken}. Get it again.") from broken


def _copy_blocks(source: _Readable, spool: IO[bytes]) -> None:
    while block := source.read(_BLOCK):
        spool.write(block)


class _Chained(io.BufferedIOBase):
    """What was read already, then the rest."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int | None = -1, /) -> bytes:
        start, self._start = self._start, b""
        if size is None or size < 0:
            return start + self._rest.read()
        if len(start) > size:
            start, self._start = start[:size], start[size:]
        return start + self._rest.read(size - len(start))


def _encoding_of(spool: IO[bytes]) -> str:
    spool.seek(0)
    start = spool.read(_BLOCK)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    if b"\x00" in start[:2]:  # a first letter of plain ASCII in UTF-16 without a signature
        return "utf-16-be" if start[:1] == b"\x00" else "utf-16-le"
    return "utf-8" if _is_utf8(spool) else _of_eight_bits(spool)


def _is_utf8(spool: IO[bytes]) -> bool:
    """Tell whether it is; a few damaged lines among many good ones do not make it another encoding."""
    spool.seek(0)
    good = bad = 0
    for line in spool:
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            bad += 1
        else:
            good += 1
    return not bad or good > bad


def _of_eight_bits(spool: IO[bytes]) -> str:
    """Choose between what Western and Russian Windows write."""
    spool.seek(0)
    runs = letters = 0
    for line in spool:
        for run in _HIGH_RUNS.findall(line):
            runs += 1
            letters += len(run)
    return "cp1251" if letters > runs * _CYRILLIC_RUN else "cp1252"
