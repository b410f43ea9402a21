"""The work queue in SQLite: an ordered table; finished hints are forgotten in batches."""

from collections.abc import Sequence
from typing import Final

from store_kit.sqlite.database import Sqlite

from store_order.domain import Hint, Queue

_FORGET: Final = "DELETE FROM order_work WHERE queue = ? AND due_ms = ? AND order_id = ? AND version = ?"
_ADD: Final = "INSERT OR IGNORE INTO order_work VALUES (?, ?, ?, ?, ?)"
_DUE: Final = (
    "SELECT due_ms, order_id, version, looks FROM order_work"
    " WHERE queue = ? AND due_ms <= ? ORDER BY due_ms LIMIT ?"
)
_Key = tuple[str, int, str, int]


class SqliteWorkQueue:
    """The work queue in the file of the orders.

    `done` only notes what is finished; the next look at the queue deletes it all in one write. So a finished
    order costs no write of its own, and a crash in between means one harmless second look.
    """

    def __init__(self, db: Sqlite) -> None:
        self._db = db
        self._finished: list[_Key] = []

    async def list_due_hints(self, queue: Queue, now_ms: int, limit: int) -> Sequence[Hint]:
        """Return up to `limit` hints whose time has come, oldest first."""
        await self._forget()
        rows = self._db.all("order_work.due", _DUE, (queue.value, now_ms, limit))
        return [Hint(queue, *row) for row in rows]

    async def schedule_hints(self, hints: Sequence[Hint]) -> None:
        """Write hints."""
        rows = [(*_key(hint), hint.looks) for hint in hints]
        await self._db.write("order_work.schedule", lambda c: c.executemany(_ADD, rows))

    async def finish_hints(self, hints: Sequence[Hint]) -> None:
        """Note hints as finished."""
        self._finished.extend(map(_key, hints))

    async def _forget(self) -> None:
        finished, self._finished = self._finished, []
        if finished:
            await self._db.write("order_work.forget", lambda c: c.executemany(_FORGET, finished))


def _key(hint: Hint) -> _Key:
    return (hint.queue.value, hint.due_at_ms, hint.order_id, hint.version)
