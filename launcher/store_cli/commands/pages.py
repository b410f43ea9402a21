"""`store pages`: what the gateway serves by itself, as files for another web server."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.console import FOUND_SOMETHING, AsJson, fail, say


def register(app: typer.Typer) -> None:
    """Add `pages`."""
    app.command()(pages)


def pages(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made; must not exist.")],
    as_json: AsJson = False,
) -> None:
    """Write Swagger, the OpenAPI document and the documentation into FOLDER, for nginx to serve.

    The documentation must have been built before (make docs).
    """
    # Loaded here: it takes every service to know their API.
    from store_cli.gateway import SITE  # noqa: PLC0415
    from store_cli.serving import write_pages  # noqa: PLC0415

    if not (SITE / "index.html").is_file():
        fail(
            f"The documentation is not built: {SITE} is empty. Run: make docs",
            FOUND_SOMETHING,
            as_json=as_json,
        )
    try:
        write_pages(folder)
    except FileExistsError:
        fail(f"{folder} exists already; nothing written.", FOUND_SOMETHING, as_json=as_json)
    say({"ok": True, "folder": str(folder)}, f"Written to {folder}.", as_json=as_json)
