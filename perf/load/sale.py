"""The product that the herd wants: on sale from the first look, a few units more whenever they are gone."""

import uuid
from typing import Final

from gevent.lock import BoundedSemaphore

from perf.load.credentials import NobodyKnown, find_administrator
from perf.load.person import Person

SKU: Final = "LOAD-TEST-SALE"
UNITS: Final = 10
"""Units that come at once: fewer than a herd wants."""


class Sale:
    """The product on sale, made by the first person who needs it. Its SKU makes it the same one for all."""

    def __init__(self) -> None:
        self._product = ""
        self._making = BoundedSemaphore()

    def product_of(self, person: Person) -> str:
        """Return the product's id."""
        with self._making:
            if not self._product:
                self._product = _make(person)
            return self._product

    def top_up(self, administrator: Person) -> None:
        """Receive units, if none are left."""
        product = self.product_of(administrator)
        shown = administrator.ask("GET", f"/api/products/{product}", name="/api/products/{id}")
        if shown["available"] == 0:
            receive(administrator, product, UNITS)


SALE: Final = Sale()


def receive(administrator: Person, product: str, units: int) -> None:
    """Add units to the stock of a product."""
    administrator.ask(
        "POST",
        f"/api/products/{product}/stock-adjustments",
        name="/api/products/{id}/stock-adjustments",
        body={"delta": units, "reason": "load test"},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )


def credentials_of_the_administrator(person: Person) -> dict[str, str]:
    """Return the administrator's headers; an unknown administrator counts as an error."""
    try:
        known = find_administrator(person.host or "")
    except NobodyKnown as nobody:
        person.wrong(str(nobody))
    return person.credentials_of(*known)


def _make(person: Person) -> str:
    headers = credentials_of_the_administrator(person)
    product = {"sku": SKU, "name": "On sale for the load test", "category": "Load test", "price_minor": 100}
    body = {"products": [{**product, "stock": UNITS}]}
    made = person.ask("POST", "/api/products/batch", body=body, headers=headers)
    return str(made["items"][0]["id"])
