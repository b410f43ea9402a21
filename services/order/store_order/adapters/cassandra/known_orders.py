"""What a process remembers of orders that it has read or written."""

from typing import Final

from cachetools import LRUCache

from store_order.domain import Event, Mark, Order

_ORDERS: Final = 16_384
"""12 MB; enough for 100 orders a second that are delivered after two and a half minutes."""
_EVENTS: Final = 4_096
"""1 MB; customers are told of a change within seconds."""


class KnownOrders:
    """Orders at their latest version that was seen here, and changes of status that were made here.

    An order may have been changed by another process since. A change that was made stays as it is for ever.
    """

    def __init__(self) -> None:
        self._orders: LRUCache[str, Order] = LRUCache(_ORDERS)
        self._events: LRUCache[tuple[str, int], Event] = LRUCache(_EVENTS)

    def remember(self, order: Order, event: Event | None = None) -> None:
        """Keep an order as it was read, or as an event that is durable has made it, unless a later one is known."""
        known = self._orders.get(order.id)
        if known is None or known.version < order.version:
            self._orders[order.id] = order
        if event is not None and event.mark is Mark.STATUS:
            self._events[order.id, event.version] = event

    def forget(self, order_id: str) -> None:
        """Forget an order that is about to be changed: the outcome may be that another process was faster."""
        self._orders.pop(order_id, None)

    def recall(self, order_id: str, version: int) -> Order | None:
        """Return an order if it is known at this version or a later one."""
        order = self._orders.get(order_id)
        return order if order is not None and order.version >= version else None

    def recall_event(self, order_id: str, version: int) -> Event | None:
        """Return the change of status to a version, if it was made here a short while ago."""
        return self._events.get((order_id, version))
