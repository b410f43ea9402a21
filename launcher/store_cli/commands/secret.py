"""`store secrets init`: the secrets of services that run apart."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.console import FOUND_SOMETHING, AsJson, fail, say


def register(app: typer.Typer) -> None:
    """Add `secrets init`."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(secrets)
    group.command("init")(init)
    app.add_typer(group, name="secrets")


def secrets() -> None:
    """Look after the secrets of services that run apart."""


def init(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Gets a folder for each service.")],
    as_json: AsJson = False,
) -> None:
    """Make the secrets that are missing below FOLDER, for each service its own; says names, never values.

    Safe to repeat: what is there stays. Mount FOLDER/SERVICE where that service's STORE_SECRETS_DIR points.
    """
    # Loaded here: cryptography takes a moment to import, and the other commands do without.
    from store_kit.secrets import SecretError  # noqa: PLC0415

    from store_cli.secret_files import make_secret_files  # noqa: PLC0415

    try:
        files = make_secret_files(folder)
    except SecretError as error:
        fail(str(error), FOUND_SOMETHING, as_json=as_json)
    text = f"{len(files.made)} secrets made, {len(files.kept)} were there already, in {folder}."
    say({"ok": True, "made": list(files.made), "kept": list(files.kept)}, text, as_json=as_json)
