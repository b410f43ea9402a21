"""`store up` and `store run`: the shop in one process, or one service of it alone."""

from pathlib import Path
from typing import Annotated, Final

import typer

from store_cli.console import WRONG_USAGE, an_address, fail

SERVICES: Final = ("catalog", "cart", "order", "user")

Host = Annotated[str, typer.Option(envvar="STORE_HOST", help="Address to listen on.", callback=an_address)]
Data = Annotated[
    Path, typer.Option("--data", envvar="STORE_DATA_DIR", help="Where the shop keeps everything.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the `store` command."""
    app.command()(up)
    app.command("run")(run_one)


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
    # Loaded here: the services take most of a second to import, and the other commands need none of them.
    from store_cli.processes import run_shop  # noqa: PLC0415

    run_shop(port, data, host, catalogue=catalogue)


def run_one(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    data: Data = Path(".store"),
    host: Host = "127.0.0.1",
) -> None:
    """Run one service alone; it listens on the port of its own URL setting, e.g. STORE_CART_URL."""
    if service not in SERVICES:
        fail(f"There is no service '{service}'; choose one of {', '.join(SERVICES)}.", WRONG_USAGE)
    from store_cli.processes import run_alone  # noqa: PLC0415 - as above

    run_alone(service, data, host)
