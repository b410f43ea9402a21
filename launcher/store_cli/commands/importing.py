"""`store import online-retail`: a real shop's ledger becomes the catalogue."""

from pathlib import Path
from typing import Annotated, Any

import typer

from store_cli.accounts import admin_of, find_admin
from store_cli.commands.file_options import Encoding, LedgerFile, Strict
from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, meter, run, say
from store_cli.importing import ImportReport, import_products, ledger_product, shipped_ledger
from store_cli.ledger import Ledger, read_ledger
from store_cli.shop_client import Shop


def register(app: typer.Typer) -> None:
    """Add `import online-retail`."""
    group = typer.Typer(no_args_is_help=True)
    group.command("online-retail")(online_retail)
    app.add_typer(group, name="import", help="Import a catalogue from a file.")


def online_retail(
    *,
    file: LedgerFile = None,
    stock: Annotated[
        int | None,
        typer.Option(
            min=0, help="Units of every product.", show_default="what the ledger's invoices sold of it"
        ),
    ] = None,
    once: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="MARK",
            help="Import only if this file is not there, and make it afterwards: what was deleted stays deleted.",
        ),
    ] = None,
    strict: Strict = False,
    encoding: Encoding = None,
    base_url: BaseUrl = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Import the products of an Online Retail ledger.

    A product per StockCode with its most frequent price and description, a category guessed from the
    description, and stock. Lines that cannot be sold as they stand are left aside and reported. Safe to repeat: a
    product that the shop has already is left as it is.
    """
    if once is not None and once.exists():
        say(_values(ImportReport()), f"Imported before: {once} is there.", as_json=as_json)
        return
    ledger = run(_read(file, encoding, strict=strict), as_json=as_json)
    report = run(_import(ledger, stock, base_url, data), as_json=as_json)
    if once is not None:
        once.touch()
    say(_values(report), _text(report), as_json=as_json)


async def _read(file: Path | None, encoding: str | None, *, strict: bool) -> Ledger:
    return read_ledger(file or shipped_ledger(), strict=strict, encoding=encoding)


async def _import(ledger: Ledger, stock: int | None, base_url: str | None, data: Path) -> ImportReport:
    credentials = find_admin(data)
    rows = [
        ledger_product(product, product.units_sold if stock is None else stock) for product in ledger.products
    ]
    async with Shop(base_url or credentials.base_url) as shop:
        admin = await admin_of(shop, credentials)
        with meter() as bars:
            step = bars.track("Products", len(rows))
            return await import_products(admin, rows, step, ledger.left_aside)


def _values(report: ImportReport) -> dict[str, Any]:
    return {
        "created": report.created,
        "existing": report.existing,
        "left_aside": report.left_aside.values(),
    }


def _text(report: ImportReport) -> str:
    return (
        f"{report.created} products created, {report.existing} were there already.{report.left_aside.text()}"
    )
