"""What the read model stores of a product: its place in every order, its words, its ready JSON."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from store_kit.clock import rfc3339
from store_kit.http import json_bytes
from store_kit.texts import same_text

from store_catalog.adapters.read_model.text import key_of, words
from store_catalog.domain import Product

_EPOCH_MS: Final = 1_577_836_800_000
"""2020-01-01: 41 bits of milliseconds from there reach to 2089."""
_HASH_BITS: Final = 22
_LATEST: Final = (1 << 41) - 1


_time: Final = lru_cache(maxsize=256)(rfc3339)
"""Products of one batch have one time."""


@dataclass(frozen=True, slots=True)
class Item:
    """A product in a list. How many there are is said by the product itself: it changes with every sale."""

    id: str
    sku: str | None
    name: str
    category: str
    price_minor: int
    currency: str
    in_stock: bool
    version: int
    created_at: str
    updated_at: str


category_key: Final = lru_cache(maxsize=2_000)(same_text)
"""A shop has far fewer categories than products."""


def age_key(created_at_ms: int, product_id: str) -> int:
    """Return the place of a product in the order of age: 41 bits of time, 22 bits of its id's hash.

    Made of the product alone, so every replica has the same order and takes another one's cursors. Should two
    products ever have the same key, the one that comes second is stored under the next free number.
    """
    moment = min(max(created_at_ms - _EPOCH_MS, 0), _LATEST)
    return moment << _HASH_BITS | zlib.crc32(product_id.encode()) >> (32 - _HASH_BITS)


def incoming(product: Product, currency: str) -> tuple[str | int, ...]:
    """Return what `writer` takes for a product, in the order of its columns."""
    if product.deleted:
        return (product.id, product.revision, 1, 0, "", "", 0, 0, "", "", "", "")
    name = words(product.name)
    return (
        product.id,
        product.revision,
        0,
        age_key(product.created_at_ms, product.id),
        product.category,
        category_key(product.category),
        int(product.in_stock),
        product.price_minor,
        key_of(name),
        item_json(product, currency).decode(),
        _distinct(name, words(product.sku or "")),
        _distinct(words(product.category), words(product.description)),
    )


def item_json(product: Product, currency: str) -> bytes:
    """Return a product as the JSON object it is in every list."""
    return json_bytes(
        Item(
            product.id,
            product.sku,
            product.name,
            product.category,
            product.price_minor,
            currency,
            product.in_stock,
            product.version,
            _time(product.created_at_ms),
            _time(product.updated_at_ms),
        )
    )


def _distinct(*texts: list[str]) -> str:
    """Return all these words, each once, separated by spaces."""
    return " ".join(dict.fromkeys(chain.from_iterable(texts)))
