"""Tells, inside one process, that an order was changed."""

import asyncio


class LocalSignals:
    """Wakes the watchers of an order; remembers nothing about orders without watchers."""

    def __init__(self) -> None:
        self._watching: dict[str, set[_Watching]] = {}

    def announce_change(self, order_id: str) -> None:
        """Wake the watchers of an order."""
        for watching in self._watching.get(order_id, ()):
            watching.news.set()

    def watch_order(self, order_id: str) -> "_Watching":
        """Begin to watch an order; read it after this, not before."""
        watching = _Watching(self, order_id)
        self._watching.setdefault(order_id, set()).add(watching)
        return watching

    def leave(self, watching: "_Watching") -> None:
        """Forget a watcher."""
        watchers = self._watching.get(watching.order_id, set())
        watchers.discard(watching)
        if not watchers:
            self._watching.pop(watching.order_id, None)


class _Watching:
    def __init__(self, signals: LocalSignals, order_id: str) -> None:
        self._signals = signals
        self.order_id = order_id
        self.news = asyncio.Event()

    async def wait_for_change(self, within_s: float) -> None:
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
