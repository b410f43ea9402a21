"""A cart's lines as one value, the same for every database."""

from collections.abc import Iterable
from typing import Final

import msgspec

from store_cart.domain import Line

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Line])


def encode_lines(lines: Iterable[Line]) -> bytes:
    """Return lines as one value, in the order of their products."""
    return _encoder.encode(sorted(lines))


def decode_lines(value: bytes) -> list[Line]:
    """Return the lines that `encode_lines` was given; those of older rows are shorter."""
    return _decoder.decode(value)
