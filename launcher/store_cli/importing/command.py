"""`store import`: a real shop's ledger, or your own products, become the catalogue."""

from typing import Annotated, Any

import typer

from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, meter, run, say
from store_cli.files.options import Encoding, LedgerFile, Strict
from store_cli.importing.ledger import Ledger, read_ledger, shipped_ledger
from store_cli.importing.products import products
from store_cli.importing.sending import ImportReport, import_products, ledger_product, note_import
from store_cli.shop.accounts import Credentials, find_admin, signed_in

group = typer.Typer(no_args_is_help=True)


@group.command("online-retail")
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
        bool,
        typer.Option(
            "--once",
            help="Import only if this shop never has, nor had other products: what was deleted stays deleted.",
        ),
    ] = False,
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
    admin = find_admin(data)  # first: a large file takes its time
    ledger = read_ledger(file or shipped_ledger(), strict=strict, encoding=encoding)
    report = run(_import(ledger, stock, admin, base_url, once=once))
    if report is None:
        say(_values(ImportReport()), "Nothing to do: this shop has had its products.", as_json=as_json)
    else:
        say(_values(report), _text(report), as_json=as_json)


group.command("products")(products)


async def _import(
    ledger: Ledger, stock: int | None, credentials: Credentials, base_url: str | None, *, once: bool
) -> ImportReport | None:
    rows = [
        ledger_product(product, product.units_sold if stock is None else stock) for product in ledger.products
    ]
    async with signed_in(credentials, base_url) as admin:
        if once and await note_import(admin, "BEGUN") == "DONE":
            return None
        with meter() as bars:
            step = bars.track("Products", len(rows))
            report = await import_products(admin, rows, step, ledger.left_aside)
        if once:
            await note_import(admin, "DONE")
        return report


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
