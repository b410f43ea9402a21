"""Put products into a shop in batches: the ledger's catalogue, the seed's, or what a replay still misses."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from store_cli.accounts import Account
from store_cli.console import Step
from store_cli.ledger import Ledger, LedgerProduct, read_ledger
from store_cli.seeding import SeedProduct

T = TypeVar("T")

BATCH_SIZE = 500
BATCHES_AT_ONCE = 4
LEDGER_FILE = "online-retail-2010-12_2011-02.csv.gz"
_PACKAGE = Path(__file__).resolve().parent

ProductData = Mapping[str, str | int]
"""A product as `POST /api/products/batch` takes it: sku, name, category, price_minor, stock and so on."""


class _BatchItem(msgspec.Struct):
    status: str


class _BatchAnswer(msgspec.Struct):
    items: list[_BatchItem]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many products were new, how many the shop had already (by SKU; they are left as they are)."""

    created: int = 0
    existing: int = 0

    def __add__(self, other: "ImportReport") -> "ImportReport":
        """Return both reports as one."""
        return ImportReport(self.created + other.created, self.existing + other.existing)


def shipped_ledger() -> Path:
    """Return the ledger that comes with the shop: inside an installed package, else in the repository.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    places = [folder / "data" / LEDGER_FILE for folder in (_PACKAGE, _PACKAGE.parents[1])]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(f"{LEDGER_FILE} is not in any of: {', '.join(map(str, places))}")


def load_demo_catalogue(
    path: Path | None = None, batch_size: int = BATCH_SIZE
) -> Iterator[list[ProductData]]:
    """Yield the shipped ledger's 3 084 products in batches; stock = the units that the ledger sold."""
    return batches(ledger_catalogue(read_ledger(path or shipped_ledger())), batch_size)


def ledger_catalogue(ledger: Ledger) -> Iterator[ProductData]:
    """Turn the ledger's products into what the shop takes; stock = the units that all its invoices sold."""
    return (ledger_product(product, product.units_sold) for product in ledger.products)


def ledger_product(product: LedgerProduct, stock: int) -> ProductData:
    """Turn one product of the ledger into what the shop takes."""
    return {
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "price_minor": product.price_minor,
        "stock": stock,
    }


def seed_catalogue(products: Iterable[SeedProduct]) -> Iterator[ProductData]:
    """Turn generated products into what the shop takes."""
    return (asdict(product) for product in products)


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the things in lists of `size`, the last one shorter."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


async def import_products(admin: Account, products: Iterable[ProductData], step: Step) -> ImportReport:
    """Send products in batches, a few at once; safe to repeat, since a SKU that exists is left as it is.

    Raises:
        ShopProblem: a product is not valid; the shop took nothing of its batch.
    """
    waiting = batches(products, BATCH_SIZE)
    reports = await asyncio.gather(*(_send_all(admin, waiting, step) for _ in range(BATCHES_AT_ONCE)))
    return sum(reports, ImportReport())


async def _send_all(admin: Account, waiting: Iterator[list[ProductData]], step: Step) -> ImportReport:
    total = ImportReport()
    for batch in waiting:  # one iterator for all senders: each takes the next batch
        total += await _send(admin, batch)
        step(len(batch))
    return total


async def _send(admin: Account, batch: Sequence[ProductData]) -> ImportReport:
    answer = await admin.call("POST", "/api/products/batch", body={"products": batch})
    items = answer.read(_BatchAnswer).items
    created = sum(item.status == "created" for item in items)
    return ImportReport(created, len(items) - created)
