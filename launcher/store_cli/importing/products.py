"""`store import products`: your own catalogue, as another program wrote it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from store_kit.money import format_minor

from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, meter, plain_console, run, say
from store_cli.files.left_aside import LeftAside, RefusedLine
from store_cli.files.opening import FileError, opened
from store_cli.files.options import Encoding, Strict, a_file
from store_cli.importing.product_files import NO_CATEGORY, SYNONYMS, Layout, ProductFile
from store_cli.importing.sending import ImportReport, Listed, import_products, refuse
from store_cli.shop.accounts import Account, find_admin, signed_in

_WITHOUT: Final = {"category": f"none: all are '{NO_CATEGORY}'", "stock": "none: 0", "description": "none"}


class _Cart(msgspec.Struct):
    currency: str


def _pairs(said: Sequence[str]) -> list[str]:
    for pair in said:
        field, _, column = pair.partition("=")
        if field not in SYNONYMS or not column:
            raise typer.BadParameter(f"'{pair}' is not FIELD=COLUMN; fields are {', '.join(SYNONYMS)}.")
    return list(said)


def products(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            callback=a_file,
            metavar="FILE",
            help="CSV or JSON Lines, gzipped or not; - reads the standard input.",
        ),
    ],
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            callback=lambda said: _pairs(said or ()),
            help=f"Which column is which field ({', '.join(SYNONYMS)}); repeat it for several.",
            show_default="guessed by the columns' names",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be imported; write nothing.")
    ] = False,
    strict: Strict = False,
    encoding: Encoding = None,
    base_url: BaseUrl = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Import products from a file of another program.

    Needs a name, a SKU and a price (a decimal in the shop's currency); takes category, stock and description. Shows
    which column it takes for which field before it writes. Lines that cannot be sold as they stand are left aside and
    reported. Safe to repeat: a product whose SKU the shop has already is left as it is, its price and stock too.
    """
    said = dict(pair.split("=", 1) for pair in named or ())
    work = _import(file, said, encoding, base_url, data, strict=strict, dry_run=dry_run, quiet=as_json)
    report, layout = run(work)
    if dry_run:
        text = f"{report.created} products would be sent. Nothing was written."
    else:
        text = f"{report.created} products created, {report.existing} were there already."
    text += report.left_aside.text()
    say(_values(report, layout, dry_run=dry_run), text, as_json=as_json)


def _values(report: ImportReport, layout: Layout, *, dry_run: bool) -> dict[str, Any]:
    counts = {"would_be_sent": report.created} if dry_run else {"created": report.created}
    return {
        "dry_run": dry_run,
        **counts,
        "existing": report.existing,
        "columns": dict(layout.columns),
        "left_aside": report.left_aside.values(),
    }


async def _import(
    file: Path,
    said: Mapping[str, str],
    encoding: str | None,
    base_url: str | None,
    data: Path,
    *,
    strict: bool,
    dry_run: bool,
    quiet: bool,
) -> tuple[ImportReport, Layout]:
    credentials = find_admin(data)
    with opened(file, encoding) as text:
        async with signed_in(credentials, base_url) as admin:
            currency = await _currency(admin)
            try:
                source = ProductFile(text, said, currency)
                report = ImportReport(left_aside=LeftAside(strict=strict, source=str(file)))
                count = _first_look(source, report.left_aside, currency, file, quiet=quiet)
            except RefusedLine:
                raise
            except FileError as wrong:
                raise FileError(f"{file}: {wrong}.") from wrong
            if dry_run:
                report.created = count - _refused(source, report.left_aside)
            else:
                with meter() as bars:
                    step = bars.track("Products", count)
                    # What cannot be sold is noted already: the second reading passes over it in silence.
                    rows = source.products(LeftAside())
                    report = await import_products(admin, rows, step, report.left_aside)
    return report, source.layout


async def _currency(admin: Account) -> str:
    """Return the shop's currency: every cart says it, an empty one too."""
    return (await admin.call("GET", "/api/cart")).read(_Cart).currency


def _first_look(source: ProductFile, left_aside: LeftAside, currency: str, file: Path, *, quiet: bool) -> int:
    """Say what is what, read the whole file and return how many products it has; nothing is sent yet."""
    first: Listed | None = None
    count = 0
    for product in source.products(left_aside):
        first = first or product
        count += 1
    if not quiet:
        out = plain_console(stderr=True)
        for line in _shown(source.layout, first, currency, file):
            out.print(line)
    return count


def _shown(layout: Layout, first: Listed | None, currency: str, file: Path) -> Iterator[str]:
    yield f"{file} ({layout.written}):"
    for field in SYNONYMS:
        column = layout.columns.get(field)
        yield f"  {field:<12}{_WITHOUT[field] if column is None else f'= {column}'}"
    if first is not None:
        found = first.data
        price = format_minor(int(found["price_minor"]), currency)
        yield (
            f"First: SKU {found['sku']}, {found['name']}, {price}, {found['category']}, {found['stock']} in stock"
        )


def _refused(source: ProductFile, left_aside: LeftAside) -> int:
    """Judge every product by the shop's own rules, as far as they are known here; return how many break them."""
    # Loaded here: only a dry run judges what otherwise the shop itself does.
    from pydantic import ValidationError  # noqa: PLC0415
    from store_catalog.api.parameters import NewProductIn  # noqa: PLC0415

    count = 0
    for product in source.products(LeftAside()):
        try:
            NewProductIn.model_validate(dict(product.data))
        except ValidationError as error:
            count += 1
            fault = error.errors()[0]
            refuse(left_aside, product, str(fault["loc"][0]), fault["msg"])
    return count
