"""Put products into a shop in batches: the ledger's catalogue, the seed's, or what a replay still misses."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import msgspec

from store_cli.console import Step
from store_cli.files.left_aside import LeftAside
from store_cli.files.opening import FileError
from store_cli.importing.ledger import Ledger, LedgerProduct
from store_cli.shop.accounts import Account
from store_cli.shop.client import ShopError, ShopProblem
from store_cli.shop.parallel import in_parallel

T = TypeVar("T")

BATCH_SIZE = 500
BATCHES_AT_ONCE = 4
DEMO_IMPORT = "online-retail"
"""The name under which the shop notes that the shipped catalogue was loaded."""
_FIELD: Final = re.compile(r"body\.products\.([0-9]+)\.(\w+)")
"""How the shop names a field of a product in a batch."""

ProductData = Mapping[str, str | int]
"""A product as `POST /api/products/batch` takes it: sku, name, category, price_minor, stock and so on."""


class Listed(NamedTuple):
    """A product to be sold and the line of the file that names it; 0 where there is no file."""

    data: ProductData
    line: int = 0


class _Noted(msgspec.Struct):
    state: str


async def note_import(admin: Account, state: str) -> str:
    """Note BEGUN or DONE of the import that is made once; return how far it is.

    Raises:
        ShopProblem: the shop refused.
    """
    answer = await admin.call("PUT", f"/api/products/imports/{DEMO_IMPORT}", body={"state": state})
    return answer.read(_Noted).state


class ImportStopped(ShopError):
    """An import ended before its end; the text says why, what was done so far and how to go on."""


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
    left_aside: LeftAside = field(default_factory=LeftAside)
    """What cannot be sold, by the file alone or because the shop does not take it."""


def ledger_catalogue(ledger: Ledger) -> Iterator[Listed]:
    """Turn the ledger's products into what the shop takes; stock = the units that all its invoices sold."""
    return (ledger_product(product, product.units_sold) for product in ledger.products)


def ledger_product(product: LedgerProduct, stock: int) -> Listed:
    """Turn one product of the ledger into what the shop takes."""
    data: ProductData = {
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "price_minor": product.price_minor,
        "stock": stock,
    }
    return Listed(data, product.line)


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the things in lists of `size`, the last one shorter."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


async def import_products(
    admin: Account, products: Iterable[Listed], step: Step, left_aside: LeftAside | None = None
) -> ImportReport:
    """Send products in batches, a few at once; safe to repeat, since a SKU that exists is left as it is.

    Args:
        admin: who sends them.
        products: what to send.
        step: told how far it has come.
        left_aside: takes what the shop does not take; without it the first such product ends the import.

    Raises:
        ImportStopped: the shop did not take a product or could not be reached; a part may be in it.
    """
    report = ImportReport(left_aside=LeftAside(strict=True) if left_aside is None else left_aside)

    async def send(batch: Sequence[Listed]) -> None:
        taken = await _send(admin, batch, report.left_aside)
        report.created += sum(item.status == "created" for _, item in taken)
        report.existing += sum(item.status == "exists" for _, item in taken)
        step(len(batch))

    try:
        await in_parallel(send, batches(products, BATCH_SIZE), BATCHES_AT_ONCE)
    except (ShopError, FileError) as fault:
        raise ImportStopped(f"{str(fault).rstrip('.')}. {_so_far(report)}") from fault
    return report


def _so_far(report: ImportReport) -> str:
    return (
        f"So far at least {report.created} products were created, and {report.existing} were there already. "
        "Mend it and import again: what is there is left as it is."
    )


async def product_ids(
    admin: Account, products: Iterable[Listed], step: Step, left_aside: LeftAside
) -> Mapping[str, str]:
    """Return the ids of the products by SKU; those that the shop does not have are made.

    What the shop does not take is left aside and missing in the answer.

    Raises:
        ShopError: the shop could not be reached, or refused for another reason.
        FileError: nothing is to be left aside.
    """
    ids: dict[str, str] = {}

    async def send(batch: Sequence[Listed]) -> None:
        taken = await _send(admin, batch, left_aside)
        ids.update((str(product.data["sku"]), item.id) for product, item in taken)
        step(len(batch))

    await in_parallel(send, batches(products, BATCH_SIZE), BATCHES_AT_ONCE)
    return ids


async def _send(
    admin: Account, batch: Sequence[Listed], left_aside: LeftAside
) -> list[tuple[Listed, _BatchItem]]:
    """Send a batch; products that the shop names as faulty are left aside, and the rest is sent again."""
    while batch:
        answer = await admin.call(
            "POST", "/api/products/batch", body={"products": [product.data for product in batch]}
        )
        if answer.ok:
            return list(zip(batch, answer.read(_BatchAnswer).items, strict=True))
        faulty = _faulty(answer.problem(), batch)
        for place, (name, message) in sorted(faulty.items()):
            refuse(left_aside, batch[place], name, message)
        batch = [product for place, product in enumerate(batch) if place not in faulty]
    return []


def _faulty(problem: ShopProblem, batch: Sequence[Listed]) -> Mapping[int, tuple[str, str]]:
    """Return place in the batch -> field and what is wrong with it.

    Raises:
        ShopProblem: it is about something else.
    """
    found = [(_FIELD.match(fault.field), fault.message) for fault in problem.faults]
    faulty = {
        int(at[1]): (at[2], message) for at, message in reversed(found) if at and int(at[1]) < len(batch)
    }
    if not faulty:
        raise problem
    return faulty


def refuse(left_aside: LeftAside, product: Listed, name: str, message: str) -> None:
    """Leave a product aside for a field that the shop does not take.

    Raises:
        FileError: nothing is to be left aside.
    """
    found = f"SKU {product.data.get('sku')}, {name} {product.data.get(name, '')}"
    left_aside.note(f"the shop does not take its {name}: {message}", found, product.line)
