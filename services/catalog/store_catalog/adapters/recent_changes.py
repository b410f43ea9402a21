"""Which products this process has seen change lately, for services that remember products; in memory, bounded."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from store_kit.ids import new_id

from store_catalog.domain import Product, ProductId
from store_catalog.ports import Changes

_KEPT: Final = 2_000
"""Some seconds of a busy shop; a caller that comes later, or during an import, is told to forget everything."""

Listener = Callable[[Collection[ProductId]], None]


class RecentChanges:
    """The last changes by position, from this process' start; every process counts its own.

    A change is noted when the truth shows it: a caller that hears of it and asks for the product gets the new one.
    """

    def __init__(self) -> None:
        self._source = new_id()
        self._position = 0
        self._ids: deque[ProductId] = deque(maxlen=_KEPT)
        self._listeners: list[Listener] = []

    def note(self, products: Sequence[Product]) -> None:
        """Note products that were made, edited or deleted, or went in or out of stock; tell the listeners."""
        ids = [product.id for product in products]
        self._ids.extend(ids)
        self._position += len(ids)
        for listener in self._listeners:
            listener(ids)

    def listen(self, listener: Listener) -> None:
        """Call `listener` at every change; it lives in this process and must be quick."""
        self._listeners.append(listener)

    def list_changes(self, seen: Mapping[str, int]) -> Changes:
        """Return what changed behind the position that the caller has seen of this process."""
        before = seen.get(self._source, -1)
        missed = self._position - before
        if before < 0 or not 0 <= missed <= len(self._ids):
            return Changes(self._source, self._position, complete=False)
        ids = list(self._ids)[len(self._ids) - missed :]
        return Changes(self._source, self._position, complete=True, product_ids=list(dict.fromkeys(ids)))
