"""Play a ledger's invoices as orders through the public HTTP API, and count what the shop says it did.

Every total is taken from the shop's answers, never from the file: if the shop loses a line or charges a wrong
price, the totals show it.
"""

import asyncio
import dataclasses
import hashlib
import heapq
import hmac
import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec

from store_cli.audit.judging import MADE
from store_cli.console import Meter, Step
from store_cli.files.left_aside import LeftAside
from store_cli.importing.ledger import Invoice, Ledger, shopper_key, units_by_sku
from store_cli.importing.sending import ledger_product, product_ids
from store_cli.shop.accounts import Account, Credentials
from store_cli.shop.admin_views import stock_pages
from store_cli.shop.client import PATIENCE_S, Answer
from store_cli.shop.parallel import in_parallel

DEFAULT_SHOPPERS = 64
DEFAULT_CONCURRENCY = 32
ACCOUNTS_AT_ONCE = 8
ACCOUNTS_PATIENCE_S = 300.0  # a shop that throttles registrations by the minute lets them pass in time
ADJUSTMENTS_AT_ONCE = 32
IN_PROGRESS_PAUSE_S = 0.2
REASON = "online-retail replay"
ATTEMPTS = 5
TAKEN_BACK = "order-not-placed"
"""The problem of an order that a crash interrupted: it says to order again with a new key."""
_FAULTS_KEPT = 10


class _Line(msgspec.Struct):
    quantity: int


class _Order(msgspec.Struct):
    id: str
    status: str
    lines: list[_Line]
    total_minor: int | None = None
    currency: str | None = None


@dataclass
class Totals:
    """What the shop answered, added up; `faults` keeps the first few things that went wrong, in words."""

    orders: int = 0
    lines: int = 0
    units: int = 0
    total_minor: int = 0
    currency: str = ""
    refused: int = 0
    differing: int = 0
    faults: list[str] = field(default_factory=list)

    def count(self, order: _Order, invoice: Invoice) -> None:
        """Add an order that the shop made; one with other lines than its invoice is a fault."""
        units = sum(line.quantity for line in order.lines)
        self.orders += 1
        self.lines += len(order.lines)
        self.units += units
        self.total_minor += order.total_minor or 0
        self.currency = order.currency or self.currency
        if (len(order.lines), units) != (len(invoice.lines), sum(line.quantity for line in invoice.lines)):
            self.differing += 1
            self.note(
                f"invoice {invoice.number}: order {order.id} has {len(order.lines)} lines, {units} units"
            )

    def refuse(self, invoice: Invoice, why: str) -> None:
        """Count an order that the shop did not make."""
        self.refused += 1
        self.note(f"invoice {invoice.number}: {why}")

    def note(self, fault: str) -> None:
        """Keep a fault for the report, if it is among the first."""
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(fault)


@dataclass
class Shopper:
    """An account and the invoices that it has still to buy, one after the other."""

    account: Account
    invoices: deque[Invoice]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The outcome of a replay; times in seconds, money in minor units."""

    totals: Totals
    shoppers: int
    products: int
    left_over: Mapping[str, int]
    """Available stock by SKU where it is not zero afterwards."""
    seconds: float
    order_seconds: float
    left_aside: LeftAside
    """Lines of the ledger that were not bought, since they cannot be sold as they stand."""

    @property
    def ok(self) -> bool:
        """Whether every invoice became its order and every product ended at zero."""
        return not (self.totals.refused or self.totals.differing or self.left_over)


def share_out(invoices: Sequence[Invoice], shoppers: int) -> dict[str, list[Invoice]]:
    """Give every invoice to a shopper by name; the same customer is always the same shopper.

    `shoppers` = 0 gives every customer an account of their own.
    """
    shared: dict[str, list[Invoice]] = {}
    for invoice in invoices:
        shared.setdefault(_shopper_name(shopper_key(invoice), shoppers), []).append(invoice)
    return shared


def _shopper_name(key: str, shoppers: int) -> str:
    if not shoppers:
        return key.replace(":", "-").lower()
    digest = hashlib.blake2s(key.encode()).digest()
    return f"shopper-{int.from_bytes(digest[:8], 'big') % shoppers:04d}"


def shopper_credentials(name: str, admin: Credentials) -> Credentials:
    """Return a shopper's e-mail and password, derived from the administrator's password.

    So a second replay on the same shop finds its accounts again, and their passwords cannot be guessed.
    """
    secret = hmac.new(admin.password.encode(), b"replay shoppers", "sha256").digest()
    shop = hmac.new(secret, b"shop", "sha256").hexdigest()[:8]
    password = hmac.new(secret, name.encode(), "sha256").hexdigest()
    return Credentials(f"{name}.{shop}@replay.example.com", password)


async def replay(
    admin: Account,
    ledger: Ledger,
    invoices: Sequence[Invoice],
    *,
    shoppers: int,
    concurrency: int,
    meter: Meter,
) -> ReplayReport:
    """Make accounts and stock ready, play the invoices, and look whether every product ended at zero.

    Raises:
        ShopProblem: the shop refused the preparations.
        ShopUnreachable: it was away for longer than a minute.
    """
    began = time.perf_counter()
    needed = units_by_sku(invoices)
    products = await _prepare_stock(admin, ledger, needed, meter)
    invoices = list(_of_what_is_sold(invoices, products))
    ready = await _prepare_shoppers(admin, share_out(invoices, shoppers), meter)
    ordering = time.perf_counter()
    totals = await _play_all(ready, products, concurrency, meter.track("Orders", len(invoices)))
    ended = time.perf_counter()
    available = await _available(admin, products)
    left_over = {sku: left for sku, product_id in products.items() if (left := available[product_id])}
    return ReplayReport(
        totals=totals,
        shoppers=len(ready),
        products=len(products),
        left_over=left_over,
        seconds=time.perf_counter() - began,
        order_seconds=ended - ordering,
        left_aside=ledger.left_aside,
    )


def _of_what_is_sold(invoices: Iterable[Invoice], products: Mapping[str, str]) -> Iterator[Invoice]:
    """Yield the invoices without lines of products that the shop does not take; they are left aside."""
    for invoice in invoices:
        lines = tuple(line for line in invoice.lines if line.sku in products)
        if lines:
            yield invoice if len(lines) == len(invoice.lines) else dataclasses.replace(invoice, lines=lines)


async def _prepare_stock(
    admin: Account, ledger: Ledger, needed: Mapping[str, int], meter: Meter
) -> Mapping[str, str]:
    """Bring what is available of each product to exactly what is needed; return product ids by SKU."""
    rows = [ledger_product(product, 0) for product in ledger.products if product.sku in needed]
    ids = await product_ids(admin, rows, meter.track("Products", len(rows)), ledger.left_aside)
    available = await _available(admin, ids)
    changes = {product_id: needed[sku] - available[product_id] for sku, product_id in ids.items()}
    deltas = [(product_id, delta) for product_id, delta in changes.items() if delta]
    step, run = meter.track("Stock", len(deltas)), secrets.token_hex(8)

    async def adjust(change: tuple[str, int]) -> None:
        product_id, delta = change
        answer = await admin.call(
            "POST",
            f"/api/products/{product_id}/stock-adjustments",
            body={"delta": delta, "reason": REASON},
            headers={"Idempotency-Key": f"replay-{run}"},
        )
        if not answer.ok:
            raise answer.problem()
        step()

    await in_parallel(adjust, deltas, ADJUSTMENTS_AT_ONCE)
    return ids


async def _available(admin: Account, ids: Mapping[str, str]) -> dict[str, int]:
    """Return what is available of these products, by product id."""
    wanted = set(ids.values())
    return {
        row.product_id: row.available
        async for page in stock_pages(admin)
        for row in page
        if row.product_id in wanted
    }


async def _prepare_shoppers(
    admin: Account, shared: Mapping[str, list[Invoice]], meter: Meter
) -> list[Shopper]:
    step = meter.track("Shoppers", len(shared))
    shoppers = [
        Shopper(Account(admin.shop, shopper_credentials(name, admin.credentials)), deque(invoices))
        for name, invoices in shared.items()
    ]

    async def prepare(shopper: Shopper) -> None:
        await shopper.account.register(ACCOUNTS_PATIENCE_S)
        await shopper.account.sign_in(ACCOUNTS_PATIENCE_S)
        step()

    await in_parallel(prepare, shoppers, ACCOUNTS_AT_ONCE)
    return shoppers


async def _play_all(
    shoppers: Sequence[Shopper], products: Mapping[str, str], concurrency: int, step: Step
) -> Totals:
    """Let `concurrency` shoppers buy at a time, those with most left first, so that all end together."""
    game = _Game(products, Totals(), secrets.token_hex(8))
    waiting = [(-len(shopper.invoices), number) for number, shopper in enumerate(shoppers)]
    heapq.heapify(waiting)

    async def play_on(_player: int) -> None:
        while waiting:
            left, number = heapq.heappop(waiting)
            shopper = shoppers[number]
            await _play(shopper.account, shopper.invoices.popleft(), game)
            step()
            if shopper.invoices:
                heapq.heappush(waiting, (left + 1, number))

    await in_parallel(play_on, range(min(concurrency, len(shoppers))), concurrency)
    return game.totals


@dataclass(frozen=True, slots=True)
class _Game:
    """What all shoppers of one replay share; `run` keeps its keys apart from those of a replay before."""

    products: Mapping[str, str]
    totals: Totals
    run: str


async def _play(account: Account, invoice: Invoice, game: _Game) -> None:
    """Buy an invoice; what the shop took back because it was interrupted is ordered again, as it asks for."""
    answer = await _buy(account, invoice, game, f"{game.run}-{invoice.number}")
    for attempt in range(2, ATTEMPTS + 1):
        if answer.ok or answer.problem().slug != TAKEN_BACK:
            break
        answer = await _buy(account, invoice, game, f"{game.run}-{invoice.number}-{attempt}")
    if not answer.ok:
        game.totals.refuse(invoice, str(answer.problem()))
        return
    order = answer.read(_Order)
    if order.status in MADE:
        game.totals.count(order, invoice)
    else:
        game.totals.refuse(invoice, f"order {order.id} is {order.status}")


async def _buy(account: Account, invoice: Invoice, game: _Game, key: str) -> Answer:
    items = [{"product_id": game.products[line.sku], "quantity": line.quantity} for line in invoice.lines]
    cart = await account.call("PUT", "/api/cart/items", body={"items": items})
    return await _order(account, key) if cart.ok else cart


async def _order(account: Account, key: str) -> Answer:
    """Place the order, and ask again with the same key while the shop still works on it."""
    patient_until = time.monotonic() + PATIENCE_S
    while True:
        answer = await account.call("POST", "/api/orders", body={}, headers={"Idempotency-Key": key})
        if answer.status != HTTPStatus.ACCEPTED or time.monotonic() > patient_until:
            return answer
        await asyncio.sleep(max(IN_PROGRESS_PAUSE_S, answer.pause_asked_for()))
