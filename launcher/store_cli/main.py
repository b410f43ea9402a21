"""The `store` command: its table of contents.

A command is imported when it is called, and not before: some need every service, some the database's driver.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from store_cli import boundary

COMMANDS: Final = {
    "up": (
        "store_cli.up.command:up",
        "Run the whole shop in this process: four services and the gateway, until Ctrl-C.",
    ),
    "run": (
        "store_cli.up.command:run_one",
        "Run one service alone; it listens on the port of its own URL setting, e.g. STORE_CART_URL.",
    ),
    "seed": ("store_cli.seed.command:seed", "Fill the shop with made-up products, Russian and English."),
    "audit": (
        "store_cli.audit.command:audit",
        "Check that stock, orders and payments agree, while the shop works.",
    ),
    "backup": (
        "store_cli.backup.command:backup",
        "Copy everything the shop knows, as of one moment, into a new folder; keys and secrets included.",
    ),
    "restore": (
        "store_cli.backup.command:restore",
        "Put a backup into a data folder that does not exist yet, and on Cassandra into empty keyspaces.",
    ),
    "migrate": (
        "store_cli.migrate.command:migrate",
        "Create or upgrade the schema of every service in the cluster that STORE_DATABASE names.",
    ),
    "init": (
        "store_cli.init.command:init",
        "Make the demo's secrets, bring the schema in the cluster up to date, make the demo's administrator.",
    ),
    "pages": (
        "store_cli.pages:pages",
        "Write Swagger, the OpenAPI document and the documentation into FOLDER, for nginx to serve.",
    ),
    "doctor": (
        "store_cli.doctor.command:doctor",
        "Check settings, versions, ports, disk and the data folder, and say how to mend what is wrong.",
    ),
    "reset": (
        "store_cli.reset:reset",
        "Delete what the shop keeps in its data folder: products, orders, accounts and keys. Asks first.",
    ),
    "import": ("store_cli.importing.command:group", "Import a catalogue from a file."),
    "replay": ("store_cli.replay.command:group", "Play a shop's past as orders through the public API."),
    "secrets": (
        "store_cli.secrets.command:group",
        "Look after the secrets of services in separate processes.",
    ),
    "users": ("store_cli.users:group", "Look after accounts, from the machine that holds the data."),
}
"""Name -> where it is, and its first sentence, which the list of commands shows without importing it."""


class Commands(TyperGroup):
    """The commands of the table; a known error in any of them ends in a sentence and an exit code."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, sentence) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=sentence))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether errors are to be JSON, too."""
        ctx.obj = "--json" in args
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, command(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is called."""
        with boundary.sentences(as_json=ctx.obj):
            return super().invoke(ctx)


def command(name: str) -> Any:
    """Import a command of the table."""
    place, sentence = COMMANDS[name]
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    alone = typer.Typer(rich_markup_mode="markdown")  # docstrings are wrapped to the width of the terminal
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name, help=sentence)
    else:
        alone.command(name)(found)
    return get_group(alone).commands[name]


app = typer.Typer(
    name="store",
    cls=Commands,
    help="Run the Product Store and look after it. Begin with: store up",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
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


def main() -> None:
    """Run the command of this process; whatever goes wrong ends in a sentence and an exit code."""
    boundary.run(app)
