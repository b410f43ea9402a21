"""As much of Cassandra's native protocol, version 5, as a proxy must understand to know which statement it passes on.

The frames and segments are those of native_protocol_v5.spec; segments are read and written by the driver's own code.
"""

import asyncio
import contextlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from cassandra.segment import SegmentCodec

VERSION: Final = 5
STARTUP, READY, AUTHENTICATE = 0x01, 0x02, 0x03
QUERY, RESULT, PREPARE, EXECUTE, BATCH = 0x07, 0x08, 0x09, 0x0A, 0x0D
_HEADER: Final = struct.Struct(">BBhBi")
_TRACED, _PAYLOAD, _WARNED = 0x02, 0x04, 0x08
_PREPARED: Final = 4
_CRC32: Final = 4
_APPLIED: Final = b"\x00\x00\x00\x01\x00\x00\x00\x01\x01"
"""How the answer to a conditional write ends when it was applied: one row with one column, true."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message in either direction.

    Args:
        flags: of its header.
        stream: which answer belongs to which request.
        opcode: what it is.
        body: what follows the header.
    """

    flags: int
    stream: int
    opcode: int
    body: bytes
    raw: bytes
    """Header and body."""

    @property
    def prepared_id(self) -> bytes | None:
        """Under which id a statement was prepared, if this says so."""
        if self.opcode != RESULT:
            return None
        fields = _Fields.behind_extras(self)
        return fields.short_bytes() if fields.integer() == _PREPARED else None

    @property
    def says_applied(self) -> bool:
        """Whether this answers that a conditional write was applied."""
        return self.opcode == RESULT and self.body.endswith(_APPLIED)


def prepared_text(message: Message) -> str:
    """Return the CQL that a PREPARE wants prepared."""
    return _Fields(message.body).long_string()


def statements_of(message: Message) -> Iterator[bytes | str]:
    """Yield what a request executes: ids of prepared statements, or CQL."""
    fields = _Fields(message.body)
    if message.opcode == QUERY:
        yield fields.long_string()
    elif message.opcode == EXECUTE:
        yield fields.short_bytes()
    elif message.opcode == BATCH:
        fields.byte()
        for _ in range(fields.short()):
            yield fields.short_bytes() if fields.byte() else fields.long_string()
            for _ in range(fields.short()):
                fields.value()


class Wire:
    """One end's connection: messages in and out, in segments from where version 5 wants them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reads_segments = self.writes_segments = False
        self._reader = reader
        self._writer = writer
        self._codec = SegmentCodec()
        self._unpacked = bytearray()

    async def read(self) -> Message:
        """Return the next message.

        Raises:
            asyncio.IncompleteReadError: there is none; the other end hung up.
        """
        header = await self._take(_HEADER.size)
        version, flags, stream, opcode, length = _HEADER.unpack(header)
        assert version & 0x7F == VERSION, f"version {version & 0x7F} of the protocol is not understood here"
        body = await self._take(length)
        return Message(flags, stream, opcode, body, header + body)

    async def write(self, message: Message) -> None:
        """Send a message on; one to somebody who hung up goes nowhere."""
        if self._writer.is_closing():
            return
        data = io.BytesIO(message.raw)
        if self.writes_segments:
            data = io.BytesIO()
            self._codec.encode(data, message.raw)
        self._writer.write(data.getvalue())
        await self._writer.drain()

    def cut(self) -> None:
        """Break the connection, as a cable does; what was not sent yet is lost."""
        self._writer.transport.abort()

    async def closed(self) -> None:
        """Cut the connection and return once it is gone."""
        self.cut()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _take(self, count: int) -> bytes:
        if not self.reads_segments:
            return await self._reader.readexactly(count)
        while len(self._unpacked) < count:
            self._unpacked += await self._segment()
        taken = bytes(self._unpacked[:count])
        del self._unpacked[:count]
        return taken

    async def _segment(self) -> bytes:
        head = await self._reader.readexactly(self._codec.header_length_with_crc)
        header = self._codec.decode_header(io.BytesIO(head))
        payload = await self._reader.readexactly(header.payload_length + _CRC32)
        return bytes(self._codec.decode(io.BytesIO(payload), header).payload)


class _Fields:
    """Reads the fields of a body, one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @classmethod
    def behind_extras(cls, message: Message) -> Self:
        """Begin behind the trace id and the warnings that an answer may start with."""
        fields = cls(message.body)
        assert not message.flags & _PAYLOAD, "custom payloads are not understood here"
        if message.flags & _TRACED:
            fields._take(16)
        if message.flags & _WARNED:
            for _ in range(fields.short()):
                fields.short_bytes()
        return fields

    def byte(self) -> int:
        return self._take(1)[0]

    def short(self) -> int:
        return int.from_bytes(self._take(2), "big")

    def integer(self) -> int:
        return int.from_bytes(self._take(4), "big", signed=True)

    def short_bytes(self) -> bytes:
        return self._take(self.short())

    def long_string(self) -> str:
        return self._take(self.integer()).decode()

    def value(self) -> bytes:
        return self._take(max(0, self.integer()))

    def _take(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        assert len(taken) == count, "a message is shorter than its fields say"
        self._at += count
        return taken
