"""`store backup` and `store restore`: everything a shop knows, into a folder and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from store_cli.console import DEFAULT_DATA, FOUND_SOMETHING, WRONG_USAGE, AsJson, fail, run, say

if TYPE_CHECKING:
    from store_cli.backups.folder import Manifest

DataFolder = Annotated[Path, typer.Option("--data", envvar="STORE_DATA_DIR", help="Data folder of the shop.")]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")],
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Copy everything the shop knows, as of one moment, into a new folder; keys and secrets included.

    On SQLite the shop may work meanwhile. On Cassandra (STORE_DATABASE) it has to be at rest: the command says so
    when it is not.
    """
    manifest = run(_work(folder, data, as_json=as_json, restoring=False), as_json=as_json)
    _say(manifest, f"Backed up into {folder}", as_json=as_json)


def restore(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `store backup` made.")],
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Put a backup into a data folder that does not exist yet, and on Cassandra into empty keyspaces.

    Start the shop on it with `store up --data`, then look at it with `store audit`.
    """
    manifest = run(_work(folder, data, as_json=as_json, restoring=True), as_json=as_json)
    _say(manifest, f"Restored into {data}", as_json=as_json)


async def _work(folder: Path, data: Path, *, as_json: bool, restoring: bool) -> "Manifest":
    # Loaded here: the other commands do without the databases, and start faster.
    from store_kit.clock import SystemClock  # noqa: PLC0415
    from store_kit.logs import configure_logs  # noqa: PLC0415
    from store_kit.migrations import SchemaError  # noqa: PLC0415
    from store_kit.problems import Problem  # noqa: PLC0415
    from store_kit.settings import StoreSettings  # noqa: PLC0415

    from store_cli.backups.folder import BackupError  # noqa: PLC0415
    from store_cli.backups.making import back_up  # noqa: PLC0415
    from store_cli.backups.making import restore as put_back  # noqa: PLC0415
    from store_cli.reading_settings import WrongSettings, read_settings  # noqa: PLC0415

    configure_logs("warning", "auto")  # to stderr: what the command says is its result alone
    try:
        settings = read_settings(StoreSettings, data_dir=data)
    except WrongSettings as wrong:
        fail(str(wrong), WRONG_USAGE, as_json=as_json)
    try:
        return await (put_back(settings, folder) if restoring else back_up(settings, folder, SystemClock()))
    except (BackupError, SchemaError, OSError) as error:
        fail(str(error), FOUND_SOMETHING, as_json=as_json)
    except Problem as problem:
        fail(problem.detail, FOUND_SOMETHING, as_json=as_json)


def _say(manifest: "Manifest", what: str, *, as_json: bool) -> None:
    values = {"ok": True, "database": manifest.database, "made_at": manifest.made_at, "rows": manifest.rows}
    unit = "bytes" if manifest.database == "sqlite" else "rows"
    sizes = (f"  {name}: {count} {unit}" for name, count in manifest.rows.items())
    say(values, "\n".join([f"{what} (made {manifest.made_at}).", *sizes]), as_json=as_json)
