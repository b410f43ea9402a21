"""Segments, in which version 5 of the protocol sends frames, read and written in fewer steps than the driver takes.

The driver copies each through several streams and computes the checksum of its head bit by bit, in Python.
"""

import functools
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from cassandra.connection import ProtocolError, _Frame
from cassandra.segment import CRC24_LENGTH, CRC32_INITIAL, CrcException, Segment, SegmentCodec, compute_crc24

_LENGTH: Final = SegmentCodec.UNCOMPRESSED_HEADER_LENGTH
_HEAD: Final = _LENGTH + CRC24_LENGTH
_WHOLE: Final = 1 << SegmentCodec.FLAG_OFFSET
"""Set where a segment holds whole frames."""
_CRC32: Final = 4
_FRAME: Final = struct.Struct(">BBhBi")
_VERSION: Final = 0x7F
_HEADS: Final = 4_096


@functools.lru_cache(_HEADS)
def _head(length: int) -> bytes:
    checksum: int = compute_crc24(length, _LENGTH)
    return length.to_bytes(_LENGTH, "little") + checksum.to_bytes(CRC24_LENGTH, "little")


class Segments(SegmentCodec):  # type: ignore[misc]  # the driver ships no types
    """Writes segments that are not compressed."""

    def encode(self, buffer: io.BytesIO, msg: bytes) -> None:
        """Write a frame, in several segments if it is long."""
        if len(msg) > Segment.MAX_PAYLOAD_LENGTH:
            super().encode(buffer, msg)
        else:
            checksum = zlib.crc32(msg, CRC32_INITIAL).to_bytes(_CRC32, "little")
            buffer.write(b"".join((_head(len(msg) | _WHOLE), msg, checksum)))


class Frames:
    """Takes the frames out of segments that are not compressed."""

    def __init__(self) -> None:
        self._received = self._begun = b""

    def of(self, received: bytes) -> Iterator[tuple[_Frame, bytes]]:
        """Yield the head and the body of each frame that has arrived completely.

        Raises:
            CrcException: the data was corrupted on the way.
            ProtocolError: it is not a frame.
        """
        data, at = self._received + received, 0
        while (begins := at + _HEAD) <= len(data):
            length = int.from_bytes(data[at : at + _LENGTH], "little")
            if data[at:begins] != _head(length):
                raise CrcException("The head of a segment has another checksum.")
            ends = begins + (length & Segment.MAX_PAYLOAD_LENGTH)
            at_next = ends + _CRC32
            if at_next > len(data):
                break
            payload = data[begins:ends]
            if zlib.crc32(payload, CRC32_INITIAL) != int.from_bytes(data[ends:at_next], "little"):
                raise CrcException("A segment has another checksum.")
            at = at_next
            yield from self._of_payload(payload)
        self._received = data[at:]

    def _of_payload(self, payload: bytes) -> Iterator[tuple[_Frame, bytes]]:
        data, at = self._begun + payload, 0
        while (begins := at + _FRAME.size) <= len(data):
            version, flags, stream, opcode, length = _FRAME.unpack_from(data, at)
            if length < 0:
                raise ProtocolError(f"A frame has a length of {length}.")
            ends = begins + length
            if ends > len(data):
                break
            yield _Frame(version & _VERSION, flags, stream, opcode, begins, ends), data[begins:ends]
            at = ends
        self._begun = data[at:]
