"""What the simulated payment provider needs from a database: a row for each key, changed by compare-and-set."""

from typing import Protocol

from store_order.ports import Payment


class PaymentBooks(Protocol):
    """Durable rows of payments by key."""

    async def open_if_absent(self, key: str, payment: Payment) -> Payment:
        """Write a payment unless the key is known; return what is known now."""
        ...

    async def close(self, key: str, was: str, to: Payment) -> bool:
        """Replace a payment that is in state `was`; return whether it is now as given."""
        ...

    async def find(self, key: str) -> Payment | None:
        """Return what is known under a key; None when nothing is."""
        ...
