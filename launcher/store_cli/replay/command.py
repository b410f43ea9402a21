"""`store replay online-retail`: a real shop's invoices become orders."""

import resource
from typing import Annotated, Any

import typer
from store_kit.money import format_minor

from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, end, meter, run, say
from store_cli.files.options import Encoding, LedgerFile, Strict
from store_cli.importing.ledger import Ledger, read_ledger, shipped_ledger
from store_cli.replay.playing import DEFAULT_CONCURRENCY, DEFAULT_SHOPPERS, ReplayReport, replay
from store_cli.shop.accounts import Credentials, find_admin, signed_in

group = typer.Typer(no_args_is_help=True)


@group.command("online-retail")
def online_retail(
    *,
    file: LedgerFile = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Play only so many invoices, from the first.", show_default="all"),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, max=1000, help="Shoppers who order at the same time.")
    ] = DEFAULT_CONCURRENCY,
    shoppers: Annotated[
        int,
        typer.Option(
            min=0, max=100_000, help="Accounts that the customers are spread over; 0 = one for each."
        ),
    ] = DEFAULT_SHOPPERS,
    strict: Strict = False,
    encoding: Encoding = None,
    base_url: BaseUrl = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Turn each invoice of an Online Retail ledger into one order.

    Brings the stock of each product to exactly what the invoices need, lets the shoppers fill their carts and
    order, counts what the shop answers, and ends with a look whether every product is at zero.
    """
    admin = find_admin(data)  # first: a large file takes its time
    ledger = read_ledger(file or shipped_ledger(), strict=strict, encoding=encoding)
    report = run(_replay(ledger, limit, concurrency, shoppers, admin, base_url))
    say(_values(report, concurrency), _text(report), as_json=as_json)
    left_over = [f"product {sku} has {left} available, not 0" for sku, left in report.left_over.items()]
    end([*report.totals.faults, *left_over] if not report.ok else [], as_json=as_json)


async def _replay(
    ledger: Ledger,
    limit: int | None,
    concurrency: int,
    shoppers: int,
    credentials: Credentials,
    base_url: str | None,
) -> ReplayReport:
    async with signed_in(credentials, base_url, connections=max(concurrency, 32)) as admin:
        with meter() as bars:
            return await replay(
                admin, ledger, ledger.invoices[:limit], shoppers=shoppers, concurrency=concurrency, meter=bars
            )


def _values(report: ReplayReport, concurrency: int) -> dict[str, Any]:
    totals = report.totals
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "ok": report.ok,
        "orders": totals.orders,
        "lines": totals.lines,
        "units": totals.units,
        "total_minor": totals.total_minor,
        "currency": totals.currency,
        "refused": totals.refused,
        "differing": totals.differing,
        "products": report.products,
        "products_not_at_zero": len(report.left_over),
        "shoppers": report.shoppers,
        "concurrency": concurrency,
        "seconds": round(report.seconds, 3),
        "order_seconds": round(report.order_seconds, 3),
        "client_cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "left_aside": report.left_aside.values(),
        "faults": totals.faults,
    }


def _text(report: ReplayReport) -> str:
    totals = report.totals
    per_second = totals.orders / report.order_seconds if report.order_seconds else 0.0
    at_zero = report.products - len(report.left_over)
    return (
        f"{totals.orders} orders of {totals.lines} lines and {totals.units} units made, "
        f"{totals.refused} refused.\n"
        f"Total {format_minor(totals.total_minor, totals.currency or 'GBP')}, as the shop answered it "
        f"({totals.total_minor} in minor units).\n"
        f"{at_zero} of {report.products} products ended at exactly zero.\n"
        f"{report.seconds:.1f} s in all; the orders took {report.order_seconds:.1f} s: "
        f"{per_second:.0f} a second.{report.left_aside.text()}"
    )
