"""Forget products that have changed."""

from dataclasses import dataclass, field

from store_kit.clock import Clock

from store_cart.ports import News, ProductMemory

_SOURCES = 8
"""Processes of the catalogue whose positions are kept; more than these are asked from the beginning."""


@dataclass(slots=True)
class FollowProducts:
    """One look at what the catalogue says of changes: what changed is asked for again when it is needed next.

    Whichever process of the catalogue answers, it is told what was seen of it, and says what came since.
    """

    news: News
    memory: ProductMemory
    clock: Clock
    _seen: dict[str, int] = field(default_factory=dict)

    async def __call__(self) -> int:
        """Look once; there is never more to do at once.

        Raises:
            Unavailable: the catalogue did not answer; what is remembered is believed for a second only.
        """
        began_ms = self.clock.now_ms()
        news = await self.news.since(self._seen)
        if news.complete:
            self.memory.forget(news.product_ids)
        else:
            self.memory.forget_all()
        self._seen.pop(news.source, None)
        self._seen = dict(((news.source, news.position), *list(self._seen.items())[: _SOURCES - 1]))
        self.memory.followed(began_ms)
        return 0
