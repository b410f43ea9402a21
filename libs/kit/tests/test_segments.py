"""Segments are written and read as the driver does, and nothing that was changed on the way is taken for an answer."""

import io
import struct
from itertools import pairwise
from typing import Any

import pytest
from cassandra.connection import ProtocolError
from cassandra.segment import CrcException, Segment, SegmentCodec
from hypothesis import given
from hypothesis import strategies as st
from store_kit.cassandra.segments import Frames, Segments

LONG = Segment.MAX_PAYLOAD_LENGTH


def frame(body: bytes, stream: int = 3) -> bytes:
    return struct.pack(">BBhBi", 0x85, 0, stream, 8, len(body)) + body


def written(codec: SegmentCodec, message: bytes) -> bytes:
    buffer = io.BytesIO()
    codec.encode(buffer, message)
    return buffer.getvalue()


def read(frames: Frames, received: bytes) -> list[tuple[int, bytes]]:
    return [(head.stream, body) for head, body in frames.of(received)]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]


@pytest.mark.parametrize("length", [0, 1, 300, LONG - 9, LONG - 8, 2 * LONG, 3 * LONG + 1])
def test_segments_are_those_of_the_driver(length: int) -> None:
    """Byte by byte, and read again as they were."""
    message = frame(bytes(length))
    assert written(Segments(), message) == written(SegmentCodec(), message)
    assert read(Frames(), written(SegmentCodec(), message)) == [(3, bytes(length))]


@given(bodies=st.lists(st.binary(max_size=40), max_size=5), at=st.lists(st.integers(0, 400), max_size=6))
def test_frames_come_whole_however_they_are_cut(bodies: list[bytes], at: list[int]) -> None:
    """Once each, in their order."""
    data = b"".join(written(Segments(), frame(body, stream)) for stream, body in enumerate(bodies))
    frames = Frames()
    got = [one for part in cut(data, at) for one in read(frames, part)]
    assert got == list(enumerate(bodies))


def test_several_frames_share_a_segment_and_a_long_one_takes_several() -> None:
    """As a node does that has several answers at once, or a long page."""
    long = bytes(3 * LONG)
    data = written(Segments(), frame(b"a", 1) + frame(b"b", 2)) + written(Segments(), frame(long, 4))
    frames = Frames()
    got: list[Any] = []
    for begin in range(0, len(data), 65_536):
        got += read(frames, data[begin : begin + 65_536])
    assert got == [(1, b"a"), (2, b"b"), (4, long)]


@pytest.mark.parametrize("at", range(len(written(Segments(), frame(b"body")))))
def test_a_changed_byte_is_noticed(at: int) -> None:
    """Wherever it is: in the head of a segment, in the frame, or in a checksum."""
    data = bytearray(written(Segments(), frame(b"body")))
    data[at] ^= 1
    with pytest.raises(CrcException):
        read(Frames(), bytes(data))


def test_what_came_before_a_fault_is_answered() -> None:
    """An answer that is whole is given to its caller, whatever follows."""
    data = written(Segments(), frame(b"body")) + bytes(20)
    frames = Frames().of(data)
    assert next(frames)[1] == b"body"
    with pytest.raises(CrcException):
        next(frames)


def test_a_length_below_nothing_is_no_frame() -> None:
    """Or what follows would be read as one."""
    message = struct.pack(">BBhBi", 0x85, 0, 3, 8, -1)
    with pytest.raises(ProtocolError):
        read(Frames(), written(Segments(), message))
