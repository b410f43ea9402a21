"""`store reset`: forget everything."""

from pathlib import Path
from typing import Annotated

import typer
from store_kit.refusals import Refusal

from store_cli import data_folder
from store_cli.boundary import WrongUsage
from store_cli.console import DEFAULT_DATA, AsJson, say

DataFolder = Annotated[
    Path, typer.Option("--data", envvar="STORE_DATA_DIR", file_okay=False, help="Data folder to delete.")
]


def reset(
    *,
    data: DataFolder = DEFAULT_DATA,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what the shop keeps in its data folder: products, orders, accounts and keys. Asks first.

    The next `store up` begins with a new shop. Refused while a shop runs on the folder. What the shop did not make
    stays, and the folder with it.
    """
    if not data.exists():
        say({"ok": True, "deleted": False}, f"There is no {data}; nothing to delete.", as_json=as_json)
        return
    if not data_folder.looks_like_a_shop(data):
        raise WrongUsage(f"{data} does not look like the data folder of a shop; nothing deleted.")
    question = f"Delete {data.resolve()} with every product, order and account?"
    if not yes and not typer.confirm(question, err=True):
        raise Refusal("Nothing deleted.")
    try:
        left = data_folder.remove(data)
    except data_folder.InUse:
        raise Refusal(f"A shop runs on {data}: stop it first (Ctrl-C).") from None
    except OSError as failure:
        raise Refusal(f"{data} could not be deleted: {failure}") from failure
    kept = f" Left there, for the shop did not make it: {', '.join(left)}." if left else ""
    text = f"The shop in {data} is deleted; store up begins a new one.{kept}"
    say({"ok": True, "deleted": True, "left": left}, text, as_json=as_json)
