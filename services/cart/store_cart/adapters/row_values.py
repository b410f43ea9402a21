"""How stores write values, the same in both databases."""

from collections.abc import Iterable
from typing import Final, cast

import msgspec

from store_cart.domain import Line, Owner, OwnerKind

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Line])


def owner_key(owner: Owner) -> str:
    """Return the text that names an owner: users and guests never share one."""
    return f"{owner.kind}:{owner.id}"


def owner_of(key: str) -> Owner:
    """Return the owner that a text names."""
    kind, _, owner_id = key.partition(":")
    return Owner(cast("OwnerKind", kind), owner_id)


def encode_lines(lines: Iterable[Line]) -> bytes:
    """Return lines as one value, in the order of their products."""
    return _encoder.encode(sorted(lines))


def decode_lines(value: bytes) -> list[Line]:
    """Return the lines that `encode_lines` was given; those of older rows are shorter."""
    return _decoder.decode(value)
