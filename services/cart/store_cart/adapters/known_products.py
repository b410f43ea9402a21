"""Products remembered for a moment, so that adding to a cart costs no call to the catalogue.

Bounded: the least recently asked product goes first. While one call is on its way, further unknown products
wait and share the next one, so a crowd of shoppers makes a few large calls instead of many small ones.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Collection
from typing import Final

from cachetools import LRUCache
from store_kit.clock import Clock
from store_kit.problems import Unavailable
from store_kit.shop import MOST_ORDER_LINES

from store_cart.domain import Product
from store_cart.ports import Catalogue

_PER_CALL: Final = MOST_ORDER_LINES
_FOLLOWED_MS: Final = 2_000
"""How long ago the last look at changes may be for a product to be believed as long as the setting says."""
_UNFOLLOWED_MS: Final = 1_000
"""How long a product is believed while changes are not followed."""
_WORTH_A_WAIT_S: Final = 0.1
"""How long to wait for a fresh answer about a product that is already known."""


class _Call:
    """One call to the catalogue that is still gathering products."""

    __slots__ = ("answer", "ids")

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.answer: asyncio.Future[dict[str, Product]] = asyncio.get_running_loop().create_future()

    def has_room(self, count: int) -> bool:
        return not self.ids or len(self.ids) + count <= _PER_CALL

    def fail(self, error: Exception) -> None:
        self.answer.set_exception(error)
        # All who waited may have been cancelled: asyncio must not complain that the error was never read.
        self.answer.exception()


class RememberedProducts:
    """The KnownProducts port in front of the catalogue.

    Products that do not exist are not remembered: they may be created the next moment. An expired product
    is asked again, but still believed while the catalogue is away or takes long. One that has changed is forgotten:
    at once in the process that changed it, within two seconds elsewhere.

    Args:
        catalogue: where products are asked for.
        clock: decides about freshness.
        fresh_s: how long a product is believed without asking, while changes of products are followed.
        capacity: how many products are remembered.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock, *, fresh_s: float, capacity: int) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._fresh_ms = round(fresh_s * 1000)
        self._followed_ms = -_FOLLOWED_MS
        self._known: LRUCache[str, tuple[int, Product]] = LRUCache(capacity)
        # What was forgotten while a call was on its way: its answer may be older than the change.
        self._changed: set[str] = set()
        self._all_changed = False
        self._calls: deque[_Call] = deque()
        self._caller: asyncio.Task[None] | None = None

    async def find_known_products(self, ids: Collection[str]) -> dict[str, Product]:
        """Return those products that exist, from memory where it is fresh."""
        found, unknown = self._recall(ids)
        return found | await self._ask(unknown) if unknown else found

    def forget_products(self, ids: Collection[str]) -> None:
        """Ask again for these products."""
        if self._caller is not None:
            self._changed.update(ids)
        for product_id in ids:
            self._known.pop(product_id, None)

    def forget_all_products(self) -> None:
        """Ask again for every product."""
        self._all_changed = True
        self._known.clear()

    def note_followed(self, at_ms: int) -> None:
        """Take note that everything that changed before this time was forgotten."""
        self._followed_ms = at_ms

    def _recall(self, ids: Collection[str]) -> tuple[dict[str, Product], list[str]]:
        now_ms = self._clock.now_ms()
        followed = now_ms - self._followed_ms <= _FOLLOWED_MS
        since_ms = now_ms - (self._fresh_ms if followed else min(self._fresh_ms, _UNFOLLOWED_MS))
        found: dict[str, Product] = {}
        unknown = []
        for product_id in ids:
            entry = self._known.get(product_id)
            if entry is not None and entry[0] > since_ms:
                found[product_id] = entry[1]
            else:
                unknown.append(product_id)
        return found, unknown

    async def _ask(self, ids: list[str]) -> dict[str, Product]:
        """Join the next call; where it fails or takes long, an expired memory is better than none."""
        expired = {product_id: self._known[product_id][1] for product_id in ids if product_id in self._known}
        asked = self._join(ids).answer
        if len(expired) == len(ids):
            await asyncio.wait((asked,), timeout=_WORTH_A_WAIT_S)
            if not asked.done():
                return expired
        try:
            # Others wait for the same answer: a caller that gives up must not take it from them.
            answer = await asyncio.shield(asked)
        except Unavailable:
            if len(expired) < len(ids):
                raise
            return expired
        return {product_id: answer[product_id] for product_id in ids if product_id in answer}

    def _join(self, ids: list[str]) -> _Call:
        if not self._calls or not self._calls[-1].has_room(len(ids)):
            self._calls.append(_Call())
        call = self._calls[-1]
        call.ids.update(ids)
        if self._caller is None:
            # A context of its own: the time budget of the first caller is not the budget of all.
            work = self._call_until_answered()
            self._caller = asyncio.create_task(work, name="product lookups", context=contextvars.Context())
        return call

    async def _call_until_answered(self) -> None:
        # One turn of the loop, so that requests which arrived together share the first call too.
        await asyncio.sleep(0)
        while self._calls:
            call = self._calls.popleft()
            self._changed.clear()
            self._all_changed = False
            try:
                found = await self._catalogue.find_products(call.ids)
            except Exception as error:  # noqa: BLE001 - those who wait must learn of it, whatever it is
                call.fail(error)
            else:
                self._remember(call.ids, found)
                call.answer.set_result(found)
        self._caller = None

    def _remember(self, asked: Collection[str], found: dict[str, Product]) -> None:
        for product_id in asked:
            if product_id not in found:
                self._known.pop(product_id, None)
        now_ms = self._clock.now_ms()
        for product_id, product in found.items():
            if not self._all_changed and product_id not in self._changed:
                self._known[product_id] = (now_ms, product)
