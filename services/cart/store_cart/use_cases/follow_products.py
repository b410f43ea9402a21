"""Forget products that have changed."""

from dataclasses import dataclass, field

from store_kit.clock import Clock

from store_cart.ports import Catalogue, KnownProducts

_SOURCES = 8
"""Processes of the catalogue whose positions are remembered; any further one is asked from the beginning."""


@dataclass(slots=True)
class FollowProducts:
    """Ask the catalogue once what has changed: such products are looked up again when they are needed next.

    Any process of the catalogue may answer: it is told what was seen of it, and says what came since.
    """

    catalogue: Catalogue
    products: KnownProducts
    clock: Clock
    _seen: dict[str, int] = field(default_factory=dict)

    async def __call__(self) -> int:
        """Look once; there is never more to do at once.

        Raises:
            Unavailable: the catalogue did not answer; what is remembered is believed for a second only.
        """
        began_ms = self.clock.now_ms()
        news = await self.catalogue.read_news(self._seen)
        if news.complete:
            self.products.forget_products(news.product_ids)
        else:
            self.products.forget_all_products()
        self._seen.pop(news.source, None)
        self._seen = dict(((news.source, news.position), *list(self._seen.items())[: _SOURCES - 1]))
        self.products.note_followed(began_ms)
        return 0
