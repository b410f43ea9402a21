"""`store audit`: are the books right?"""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from store_cli.audit.judging import PASSING
from store_cli.audit.reading import PAUSE_S, AuditReport
from store_cli.audit.reading import audit as audit_shop
from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, end, meter, run, say
from store_cli.shop.accounts import find_admin, signed_in


def audit(
    *,
    pause: Annotated[
        float, typer.Option(min=0.0, max=600.0, help="Seconds until the second look at what seems wrong.")
    ] = PAUSE_S,
    base_url: BaseUrl = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Check that stock, orders and payments agree, while the shop works.

    For every product: received = available + held + sold, and every unit held or sold belongs to an order.
    For every order: its total is the sum of its lines; made orders are charged exactly once; rejected and
    cancelled ones have no charge and no hold left. What is only passing is not reported.
    """
    report = run(_audit(pause, base_url, data))
    say(_values(report), _text(report), as_json=as_json)
    end([f"{found.code} {found.subject}: {found.detail}" for found in report.violations], as_json=as_json)


async def _audit(pause: float, base_url: str | None, data: Path) -> AuditReport:
    async with signed_in(find_admin(data), base_url) as admin:
        with meter() as bars:
            return await audit_shop(admin, bars, asyncio.sleep, pause_s=pause)


def _values(report: AuditReport) -> dict[str, Any]:
    summary = report.summary
    return {
        "ok": report.ok,
        "violations": [
            {"code": found.code, "subject": found.subject, "detail": found.detail}
            for found in report.violations
        ],
        "passing": sum(count for status, count in summary.orders.items() if status in PASSING),
        **asdict(summary),
        "looks": report.looks,
        "seconds": round(report.seconds, 3),
    }


def _text(report: AuditReport) -> str:
    summary = report.summary
    orders = ", ".join(f"{count} {status}" for status, count in sorted(summary.orders.items())) or "none"
    verdict = "The books are right." if report.ok else f"{len(report.violations)} violations."
    return (
        f"{summary.products} products: received {summary.received} = available {summary.available} "
        f"+ held {summary.held} + sold {summary.sold}\n"
        f"Orders: {orders}; charged {summary.charged_minor} in minor units\n"
        f"{verdict} ({report.looks} {'look' if report.looks == 1 else 'looks'}, {report.seconds:.1f} s)"
    )
