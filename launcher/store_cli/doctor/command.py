"""`store doctor`: what keeps the shop from running here?"""

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from store_cli.console import (
    DEFAULT_DATA,
    FOUND_SOMETHING,
    AsJson,
    ShopFolder,
    an_address,
    plain_console,
    print_json,
)
from store_cli.doctor.checks import Check, visit

_MARK_WIDTH: Final = 3
_NAME_WIDTH: Final = 19
_MARKS: Final = {"good": ("ok", "green"), "warning": ("!", "yellow"), "bad": ("BAD", "red")}


def doctor(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the gateway.")] = 8080,
    host: Annotated[
        str, typer.Option(envvar="STORE_HOST", help="Address to listen on.", callback=an_address)
    ] = "127.0.0.1",
    data: ShopFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Check settings, versions, ports, disk and the data folder, and say how to mend what is wrong."""
    checks = []
    for check in visit(data, host, port):
        checks.append(check)
        if not as_json:
            _show(check)
    bad = any(check.state == "bad" for check in checks)
    if as_json:
        print_json({"ok": not bad, "checks": [asdict(check) for check in checks]})
    if bad:
        raise typer.Exit(FOUND_SOMETHING)


def _show(check: Check) -> None:
    """Print a check as soon as its outcome is known: the next one may take a while."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for width in (_MARK_WIDTH, _NAME_WIDTH):
        table.add_column(width=width)
    table.add_column(ratio=1)
    mark, colour = _MARKS[check.state]
    seen = f"{check.seen}\n-> {check.mend}" if check.mend else check.seen
    table.add_row(Text(mark, style=colour), Text(check.name), Text(seen))
    plain_console().print(table, soft_wrap=False)
