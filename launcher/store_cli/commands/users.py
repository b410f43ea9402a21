"""`store users`: accounts, from the machine that holds the data."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.console import DEFAULT_DATA, FOUND_SOMETHING, WRONG_USAGE, AsJson, fail, run, say

DataFolder = Annotated[Path, typer.Option("--data", envvar="STORE_DATA_DIR", help="Data folder of the shop.")]


def register(app: typer.Typer) -> None:
    """Add `users promote`."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(users)
    group.command("promote")(promote)
    app.add_typer(group, name="users")


def users() -> None:
    """Look after accounts, from the machine that holds the data."""


def promote(
    *,
    email: Annotated[
        str, typer.Argument(metavar="EMAIL", help="Address that the account was registered with.")
    ],
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make an account an administrator.

    Works on the data folder, whether the shop runs or not; the account's next token carries the role.
    """
    if not (data / "user.db").is_file():
        fail(f"{data} is not the data folder of a shop: it has no user.db.", WRONG_USAGE, as_json=as_json)
    roles = run(_promote(email, data, as_json=as_json), as_json=as_json)
    say({"ok": True, "roles": roles}, f"{email} is an administrator from the next token on.", as_json=as_json)


async def _promote(email: str, data: Path, *, as_json: bool) -> list[str]:
    # Loaded here: the other commands need no service, and start faster without one.
    from store_kit.problems import Problem  # noqa: PLC0415
    from store_user.app import open_accounts  # noqa: PLC0415
    from store_user.settings import UserSettings  # noqa: PLC0415

    from store_cli.reading_settings import WrongSettings, read_settings  # noqa: PLC0415

    try:
        async with open_accounts(read_settings(UserSettings, data_dir=data)) as accounts:
            account = await accounts.promote(email)
    except WrongSettings as wrong:
        fail(str(wrong), WRONG_USAGE, as_json=as_json)
    except Problem as problem:
        fail(problem.detail, FOUND_SOMETHING, as_json=as_json)
    return sorted(account.roles)
