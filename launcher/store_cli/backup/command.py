"""`store backup` and `store restore`: everything a shop knows, into a folder and back."""

from pathlib import Path
from typing import Annotated

import typer
from store_kit.clock import SystemClock
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import configure_logs

from store_cli.backup.folder import Manifest
from store_cli.backup.making import back_up
from store_cli.backup.making import restore as put_back
from store_cli.console import DEFAULT_DATA, AsJson, ShopFolder, run, say
from store_cli.reading_settings import read_settings


def backup(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")],
    data: ShopFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Copy everything the shop knows, as of one moment, into a new folder; keys and secrets included.

    On SQLite the shop may work meanwhile. On Cassandra (STORE_DATABASE) it has to be at rest: the command says so
    when it is not.
    """
    manifest = run(back_up(_settings(data), folder, SystemClock()))
    _say(manifest, f"Backed up into {folder}", as_json=as_json)


def restore(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `store backup` made.")],
    data: ShopFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Put a backup into a data folder that does not exist yet, and on Cassandra into empty keyspaces.

    Start the shop on it with `store up --data`, then look at it with `store audit`.
    """
    manifest = run(put_back(_settings(data), folder))
    _say(manifest, f"Restored into {data}", as_json=as_json)


def _settings(data: Path) -> StoreSettings:
    configure_logs("warning", "auto")  # to stderr: what the command says is its result alone
    return read_settings(StoreSettings, data_dir=data)


def _say(manifest: Manifest, what: str, *, as_json: bool) -> None:
    values = {"ok": True, "database": manifest.database, "made_at": manifest.made_at, "rows": manifest.rows}
    unit = "bytes" if manifest.database == "sqlite" else "rows"
    sizes = (f"  {name}: {count} {unit}" for name, count in manifest.rows.items())
    say(values, "\n".join([f"{what} (made {manifest.made_at}).", *sizes]), as_json=as_json)
