"""The `store` command: its table of contents."""

from importlib.metadata import version
from typing import Annotated

import typer

from store_cli import boundary
from store_cli.commands import (
    audit,
    backup,
    doctor,
    importing,
    init,
    migrate,
    pages,
    replay,
    reset,
    secret,
    seed,
    up,
    users,
)

app = typer.Typer(
    name="store",
    help="Run the Product Store and look after it. Begin with: store up",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",  # docstrings are wrapped anew to the width of the terminal
    pretty_exceptions_show_locals=False,  # they would show passwords
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if wanted:
        typer.echo(f"store {version('store-cli')}")
        raise typer.Exit


@app.callback()
def store(
    *,
    version_: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run the Product Store and look after it. Begin with: store up."""


for module in (
    up,
    importing,
    seed,
    replay,
    audit,
    backup,
    migrate,
    init,
    secret,
    pages,
    users,
    doctor,
    reset,
):
    module.register(app)


def main() -> None:
    """Run the command of this process; whatever goes wrong ends in a sentence and an exit code."""
    boundary.run(app)
