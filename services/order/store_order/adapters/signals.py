"""News inside one process that an order was changed."""

import asyncio


class LocalSignals:
    """Wakes those who watch an order; remembers nothing about orders that nobody watches."""

    def __init__(self) -> None:
        self._watching: dict[str, set[_Watching]] = {}

    def announce(self, order_id: str) -> None:
        """Wake whoever watches an order."""
        for watching in self._watching.get(order_id, ()):
            watching.news.set()

    def watch(self, order_id: str) -> "_Watching":
        """Begin to watch an order; read it after this, not before."""
        watching = _Watching(self, order_id)
        self._watching.setdefault(order_id, set()).add(watching)
        return watching

    def leave(self, watching: "_Watching") -> None:
        """Forget one who watches."""
        watchers = self._watching.get(watching.order_id, set())
        watchers.discard(watching)
        if not watchers:
            self._watching.pop(watching.order_id, None)


class _Watching:
    def __init__(self, signals: LocalSignals, order_id: str) -> None:
        self._signals = signals
        self.order_id = order_id
        self.news = asyncio.Event()

    async def changed(self, within_s: float) -> None:
        """Return once the order was changed since the last call, or after `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self.news.wait()
        except TimeoutError:
            return
        self.news.clear()

    def close(self) -> None:
        """Stop watching."""
        self._signals.leave(self)
