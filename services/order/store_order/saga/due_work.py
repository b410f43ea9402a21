"""How workers treat hints whose work cannot be done now."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from store_order.domain import Hint, Order, Rules
from store_order.ports import Clock, OrderStore, Telemetry, WorkQueue
from store_order.problems import StaleOrder
from store_order.saga.drive import TROUBLE

Handler = Callable[[Order, Hint], Awaitable[int | None]]
"""Does what is due for an order; returns when to look at the hint again, or None for never."""


def newest_versions(hints: Iterable[Hint]) -> dict[str, int]:
    """Return for each order the newest version that hints announce: an order that has it shows what became of them."""
    versions: dict[str, int] = {}
    for hint in hints:
        versions[hint.order_id] = max(hint.version, versions.get(hint.order_id, 0))
    return versions


@dataclass(frozen=True, slots=True)
class DueWork:
    """Hands due hints to a handler and keeps what it could not finish for later."""

    orders: OrderStore
    work: WorkQueue
    clock: Clock
    rules: Rules
    telemetry: Telemetry

    async def handle(self, hints: Sequence[Hint], known: Order | None, handler: Handler) -> None:
        """Handle the hints of one order as one: the newest stands for all, as the order itself says what is due.

        It is done when the handler says so and the change that it announces has been made. Trouble with a peer,
        or another driver that was faster, means another look after a pause; any other error does too, and is raised.
        Each look may leave a further hint, so the older ones end with it; or they would double with every look.

        Args:
            hints: of one order.
            known: the order as it was found.
            handler: does what is due.
        """
        # Of two that announce one version, that of the later attempt: its change may still come.
        newest = max(hints, key=lambda hint: (hint.version, -hint.looks, hint.due_at_ms))
        older = [hint for hint in hints if hint is not newest]
        try:
            await self._one(newest, known, handler)
        except Exception:
            # However it ended, the newest is done or still there to be looked at.
            await self.work.finish_hints(older)
            raise
        await self.work.finish_hints(older)

    async def later(self, hint: Hint, due_at_ms: int) -> None:
        """Look at a hint again at `due_at_ms`: the new row is durable before the old one goes."""
        if due_at_ms != hint.due_at_ms:
            await self.work.schedule_hints((replace(hint, due_at_ms=due_at_ms),))
            await self.work.finish_hints((hint,))

    async def orphaned(self, hint: Hint) -> None:
        """Look once more at a hint whose change has not appeared: hints are written first, so it may still follow."""
        if hint.looks == 0:
            later = replace(hint, due_at_ms=hint.due_at_ms + self.rules.orphan_ms, looks=1)
            await self.work.schedule_hints((later,))
        await self.work.finish_hints((hint,))

    async def not_there(self, hint: Hint, order: Order | None) -> None:
        """Keep a hint whose change was not found, for as long as the change may still come.

        An order that has not come so far yet may do so at any moment: whoever moves it on writes the hint first.
        """
        if order is not None and order.version < hint.version:
            await self.later(hint, self._soon_at_ms())
        else:
            await self.orphaned(hint)

    async def _one(self, hint: Hint, known: Order | None, handler: Handler) -> None:
        order = await self._announced(hint, known)
        if order is None:
            await self.orphaned(hint)
            return
        self.telemetry.note_overdue(order.overdue_ms(self.clock.now_ms()) / 1000)
        try:
            again_at_ms = await handler(order, hint)
        except (*TROUBLE, StaleOrder):
            # The faster one may be a driver that dies next: the hint is done only when the order says so.
            again_at_ms = self._soon_at_ms()
        except Exception:
            await self.later(hint, self._soon_at_ms())
            raise
        if order.version < hint.version:
            # The driver that announced the change may still make it, and writes no second hint.
            again_at_ms = self._soon_at_ms()
        if again_at_ms is None:
            await self.work.finish_hints((hint,))
        else:
            await self.later(hint, again_at_ms)

    async def _announced(self, hint: Hint, known: Order | None) -> Order | None:
        """Return the order after the change that the hint announces, or as it is if there was no such change yet."""
        if known is not None and known.version >= hint.version:
            return known
        # Half done, it is ended by this read, one way or the other.
        await self.orders.find_event(hint.order_id, hint.version)
        return await self.orders.find_order(hint.order_id)

    def _soon_at_ms(self) -> int:
        return self.clock.now_ms() + self.rules.retry_ms
