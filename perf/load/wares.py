"""What there is to buy, wanted as unequally as in the ledger."""

import random
from collections.abc import Sequence
from typing import Final

from gevent.lock import BoundedSemaphore

from perf.load.figures import WANTED
from perf.load.person import Person

_PAGE: Final = 100
_MOST_PAGES: Final = 50


class Choice:
    """Products from the most to the least wanted; which ones those are is the same in every run.

    Args:
        products: ids.
    """

    def __init__(self, products: Sequence[str]) -> None:
        # Any order will do, as long as everybody has the same one: popularity is made here, not found.
        ranked = sorted(products, key=lambda product: product[::-1])
        self._slices: list[Sequence[str]] = []
        begin = 0
        for per_cent, _ in WANTED:
            end = begin + per_cent
            part = ranked[len(ranked) * begin // 100 : len(ranked) * end // 100]
            self._slices.append(part or ranked[:1])
            begin = end

    def pick(self) -> str:
        """Return a product, wanted products more often."""
        shares = [share for _, share in WANTED]
        return random.choice(random.choices(self._slices, shares)[0])


class Wares:
    """The choice, read from the shop once, by the first person who needs it."""

    def __init__(self) -> None:
        self._choice: Choice | None = None
        self._reading = BoundedSemaphore()

    def of(self, person: Person) -> Choice:
        """Return the choice."""
        with self._reading:
            if self._choice is None:
                self._choice = Choice(_read(person))
            return self._choice


def _read(person: Person) -> list[str]:
    found: list[str] = []
    cursor = ""
    for _ in range(_MOST_PAGES):
        following = f"&cursor={cursor}" if cursor else ""
        page = person.ask(
            "GET", f"/api/products?limit={_PAGE}&in_stock=true{following}", name="/api/products (all)"
        )
        found += [product["id"] for product in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    if not found:
        person.wrong("the shop has something to sell")
    return found
