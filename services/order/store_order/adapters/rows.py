"""How orders, lines and timeline rows are laid out in columns; the same for every database."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from store_order.domain import Agreement, Event, Line, Mark, Order, Reason, Status

ORDER_COLUMNS: Final = (
    "order_id",
    "user_id",
    "status",
    "version",
    "fingerprint",
    "payment_token",
    "line_count",
    "created_ms",
    "agreement",
    "updated_ms",
    "total_minor",
    "currency",
    "next_due_ms",
    "shipped_ms",
    "driver",
    "lease_until_ms",
    "reason",
)


CHANGING_COLUMNS: Final = (*ORDER_COLUMNS[2:4], *ORDER_COLUMNS[9:])
"""What never changes (user, fingerprint, created, agreement ...) is not written again."""


class _Row(msgspec.Struct, array_like=True):
    """An array per line instead of an object: a wholesale order has hundreds. Older rows are shorter."""

    product_id: str
    quantity: int
    sku: str | None
    name: str | None
    unit_price_minor: int | None
    since: int | None = None


_lines_decoder: Final = msgspec.json.Decoder(list[_Row])
_reason_decoder: Final = msgspec.json.Decoder(Reason)
_agreement_decoder: Final = msgspec.json.Decoder(Agreement)
_encoder: Final = msgspec.json.Encoder()
_STATUSES: Final = {status.value: status for status in Status}
_MARKS: Final = {mark.value: mark for mark in Mark}


def encode_lines(lines: Sequence[Line]) -> bytes:
    """Return an order's lines as one value."""
    return _encoder.encode(
        [(x.product_id, x.quantity, x.sku, x.name, x.unit_price_minor, x.since) for x in lines]
    )


def decode_lines(value: bytes) -> tuple[Line, ...]:
    """Return the lines that `encode_lines` was given."""
    return tuple(
        [
            Line(x.product_id, x.quantity, x.sku, x.name, x.unit_price_minor, x.since)
            for x in _lines_decoder.decode(value)
        ]
    )


def order_values(order: Order) -> tuple[Any, ...]:
    """Return an order's values, in the order of `ORDER_COLUMNS`."""
    return (
        order.id,
        order.user_id,
        order.status.value,
        order.version,
        order.fingerprint,
        order.payment_token,
        order.line_count,
        order.created_at_ms,
        _json(order.agreement),
        order.updated_at_ms,
        order.total_minor,
        order.currency,
        order.next_due_at_ms,
        order.shipped_at_ms,
        order.driver,
        order.lease_ends_at_ms,
        _json(order.reason),
    )


def changed_values(order: Order) -> tuple[Any, ...]:
    """Return those of an order's values that a step may change, in the order of `CHANGING_COLUMNS`."""
    values = order_values(order)
    return (*values[2:4], *values[9:])


def order_of(row: Sequence[Any]) -> Order:
    """Return the order whose values these are."""
    agreement = None if row[8] is None else _agreement_decoder.decode(row[8])
    reason = None if row[16] is None else _reason_decoder.decode(row[16])
    values: Sequence[Any] = (*row[:2], _STATUSES[row[2]], *row[3:8], agreement, *row[9:16], reason)
    return Order(*values)


def _json(value: Agreement | Reason | None) -> str | None:
    return None if value is None else _encoder.encode(value).decode()


def event_of(row: Sequence[Any]) -> Event:
    """Return the timeline row of version, status, mark, at_ms, token."""
    return Event(row[0], _STATUSES[row[1]], _MARKS[row[2]], row[3], row[4])
