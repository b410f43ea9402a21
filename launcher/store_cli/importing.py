"""Put products into a shop in batches: the ledger's catalogue, the seed's, or what a replay still misses."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from store_cli.accounts import Account
from store_cli.console import Step
from store_cli.ledger import Ledger, LedgerProduct, read_ledger
from store_cli.parallel import in_parallel
from store_cli.seeding import SeedProduct

T = TypeVar("T")

BATCH_SIZE = 500
BATCHES_AT_ONCE = 4
LEDGER_FILE = "online-retail-2010-12_2011-02.csv.gz"
_PACKAGE = Path(__file__).resolve().parent

ProductData = Mapping[str, str | int]
"""A product as `POST /api/products/batch` takes it: sku, name, category, price_minor, stock and so on."""


class _BatchItem(msgspec.Struct):
    id: str
    sku: str
    status: str


class _BatchAnswer(msgspec.Struct):
    items: list[_BatchItem]


@dataclass
class ImportReport:
    """How many products were new, how many the shop had already (by SKU; they are left as they are)."""

    created: int = 0
    existing: int = 0


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
    report = ImportReport()

    async def send(batch: Sequence[ProductData]) -> None:
        items = await _send(admin, batch)
        report.created += sum(item.status == "created" for item in items)
        report.existing += sum(item.status == "exists" for item in items)
        step(len(batch))

    await in_parallel(send, batches(products, BATCH_SIZE), BATCHES_AT_ONCE)
    return report


async def product_ids(admin: Account, products: Iterable[ProductData], step: Step) -> Mapping[str, str]:
    """Return the ids of the products by SKU; those that the shop does not have are made.

    Raises:
        ShopProblem: a product is not valid.
    """
    ids: dict[str, str] = {}

    async def send(batch: Sequence[ProductData]) -> None:
        ids.update((item.sku, item.id) for item in await _send(admin, batch))
        step(len(batch))

    await in_parallel(send, batches(products, BATCH_SIZE), BATCHES_AT_ONCE)
    return ids


async def _send(admin: Account, batch: Sequence[ProductData]) -> list[_BatchItem]:
    answer = await admin.call("POST", "/api/products/batch", body={"products": batch})
    return answer.read(_BatchAnswer).items
