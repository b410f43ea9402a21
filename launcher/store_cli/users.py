"""`store users`: accounts, from the machine that holds the data."""

from pathlib import Path
from typing import Annotated

import typer
from store_user.app import open_accounts
from store_user.settings import UserSettings

from store_cli.boundary import WrongUsage
from store_cli.console import DEFAULT_DATA, AsJson, ShopFolder, run, say
from store_cli.reading_settings import read_settings

group = typer.Typer(no_args_is_help=True)


@group.command()
def promote(
    *,
    email: Annotated[
        str, typer.Argument(metavar="EMAIL", help="Address that the account was registered with.")
    ],
    data: ShopFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make an account an administrator.

    Works on the database itself, whether the shop runs or not; the account's next token carries the role.
    """
    roles = run(_promote(email, data))
    say({"ok": True, "roles": roles}, f"{email} is an administrator from the next token on.", as_json=as_json)


async def _promote(email: str, data: Path) -> list[str]:
    settings = read_settings(UserSettings, data_dir=data)
    if settings.cluster is None and not (data / "user.db").is_file():
        raise WrongUsage(f"{data} is not the data folder of a shop: it has no user.db.")
    async with open_accounts(settings) as accounts:
        return sorted((await accounts.promote(email)).roles)
