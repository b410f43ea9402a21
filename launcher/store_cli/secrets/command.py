"""`store secrets init`: the secrets of services that run apart."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.console import AsJson, say
from store_cli.secrets.files import make_secret_files

group = typer.Typer(no_args_is_help=True)


@group.command()
def init(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Gets a folder for each service.")],
    as_json: AsJson = False,
) -> None:
    """Make the secrets that are missing below FOLDER, for each service its own; says names, never values.

    Safe to repeat: what is there stays. Mount FOLDER/SERVICE where that service's STORE_SECRETS_DIR points.
    """
    files = make_secret_files(folder)
    text = f"{len(files.made)} secrets made, {len(files.kept)} were there already, in {folder}."
    say({"ok": True, "made": list(files.made), "kept": list(files.kept)}, text, as_json=as_json)
