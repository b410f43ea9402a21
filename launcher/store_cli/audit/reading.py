"""Read a working shop's books over HTTP, look twice at whatever seems wrong, and report what is."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from store_cli.audit.judging import Books, Finding, Summary, judge, second_look, summarise
from store_cli.console import Meter
from store_cli.shop.accounts import Account
from store_cli.shop.admin_views import OrderRow, StockRow, order_pages, status_pages, stock_pages

LOOKS = 4
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The confirmed findings and what the books held at the last look."""

    violations: tuple[Finding, ...]
    summary: Summary
    looks: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations


async def audit(
    admin: Account, meter: Meter, sleep: Callable[[float], Awaitable[None]], *, pause_s: float = PAUSE_S
) -> AuditReport:
    """Audit the shop while it works.

    What the first look finds is looked for again after a pause, up to four times while its figures still
    move, and reported only if it is still there.

    Raises:
        ShopProblem: the administrator may not see the lists.
        ShopUnreachable: the shop is away.
    """
    began = time.perf_counter()
    books = await _read(admin, meter, await _statuses(admin, meter))
    confirmed: list[Finding] = []
    suspected = {finding.key: finding for finding in judge(books)}
    looks = 1
    while suspected and looks < LOOKS:
        await sleep(pause_s)
        books = await _read(admin, meter, {order.id: order.status for order in books.after.values()})
        verdict = second_look(suspected, judge(books))
        confirmed += verdict.confirmed
        suspected = {finding.key: finding for finding in verdict.suspected}
        looks += 1
    return AuditReport(
        (*confirmed, *suspected.values()), summarise(books), looks, time.perf_counter() - began
    )


async def _statuses(admin: Account, meter: Meter) -> dict[str, str]:
    step = meter.track("Orders before", None)
    statuses: dict[str, str] = {}
    async for page in status_pages(admin):
        statuses.update((order.id, order.status) for order in page)
        step(len(page))
    return statuses


async def _read(admin: Account, meter: Meter, before: dict[str, str]) -> Books:
    stock: dict[str, StockRow] = {}
    step = meter.track("Stock", None)
    async for rows in stock_pages(admin):
        stock.update((row.product_id, row) for row in rows)
        step(len(rows))
    after: dict[str, OrderRow] = {}
    step = meter.track("Orders after", len(before) or None)
    async for orders in order_pages(admin):
        after.update((order.id, order) for order in orders)
        step(len(orders))
    return Books(before, stock, after)
