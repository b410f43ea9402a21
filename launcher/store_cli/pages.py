"""`store pages`: what the gateway serves by itself, as files for another web server."""

from pathlib import Path
from typing import Annotated

import typer
from store_kit.refusals import Refusal

from store_cli.console import AsJson, say
from store_cli.up import gateway
from store_cli.up.serving import write_pages


def pages(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made; must not exist.")],
    as_json: AsJson = False,
) -> None:
    """Write Swagger, the OpenAPI document and the documentation into FOLDER, for nginx to serve.

    The documentation must have been built before (make docs).
    """
    if not (gateway.SITE / "index.html").is_file():
        raise Refusal(f"The documentation is not built: {gateway.SITE} is empty. Run: make docs")
    try:
        write_pages(folder)
    except FileExistsError:
        raise Refusal(f"{folder} exists already; nothing written.") from None
    say({"ok": True, "folder": str(folder)}, f"Written to {folder}.", as_json=as_json)
