"""`store init`: what a shop of containers needs before its services start."""

from pathlib import Path
from typing import Annotated

import typer
from store_kit.telemetry.logs import configure_logs

from store_cli.console import DEFAULT_DATA, AsJson, run, say
from store_cli.init.preparing import initialise


def init(
    *,
    secrets: Annotated[
        Path, typer.Option("--secrets", help="Folder of secrets: gets one for each service.")
    ] = Path("/secrets"),
    data: Annotated[
        Path,
        typer.Option("--data", envvar="STORE_DATA_DIR", help="Gets the demo administrator's credentials."),
    ] = DEFAULT_DATA,
    base_url: Annotated[
        str, typer.Option("--base-url", help="Where people will reach the shop.")
    ] = "http://localhost",
    wait: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait for the cluster.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Make the demo's secrets, bring the schema in the cluster up to date, make the demo's administrator.

    For a demo of containers (compose), where services make nothing by themselves; safe to repeat. Production makes
    its secrets by `store secrets init`, its schema by `store migrate`, its administrator by `store users promote`.
    """
    configure_logs("warning", "auto")  # to stderr: what the command says is its result alone
    said = run(initialise(secrets, data, base_url, wait))
    text = (
        f"{said['secrets_made']} secrets made, {said['files_applied']} schema files applied, "
        f"administrator {'made' if said['administrator_is_new'] else 'was there'}."
    )
    say({"ok": True, **said}, text, as_json=as_json)
