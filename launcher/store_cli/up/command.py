"""`store up` and `store run`: the shop in one process, or one service of it alone."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.boundary import WrongUsage
from store_cli.console import an_address
from store_cli.up.processes import run_alone, run_shop
from store_cli.up.serving import SERVICES

Host = Annotated[str, typer.Option(envvar="STORE_HOST", help="Address to listen on.", callback=an_address)]
Data = Annotated[
    Path, typer.Option("--data", envvar="STORE_DATA_DIR", help="Where the shop keeps everything.")
]


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the gateway.")] = 8080,
    data: Data = Path(".store"),
    host: Host = "127.0.0.1",
    *,
    catalogue: Annotated[bool, typer.Option(help="Load the shipped catalogue at the first start.")] = True,
) -> None:
    """Run the whole shop in this process: four services and the gateway, until Ctrl-C.

    Only the gateway listens on --host; the services stay at the addresses of their own URLs, on loopback.
    """
    run_shop(port, data, host, catalogue=catalogue)


def run_one(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    data: Data = Path(".store"),
    host: Host = "127.0.0.1",
) -> None:
    """Run one service alone; it listens on the port of its own URL setting, e.g. STORE_CART_URL."""
    if service not in SERVICES:
        raise WrongUsage(f"There is no service '{service}'; choose one of {', '.join(SERVICES)}.")
    run_alone(service, data, host)
