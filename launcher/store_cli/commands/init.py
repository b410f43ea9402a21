"""`store init`: what a shop of containers needs before its services start."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.console import DEFAULT_DATA, FOUND_SOMETHING, WRONG_USAGE, AsJson, fail, run, say


def register(app: typer.Typer) -> None:
    """Add `init`."""
    app.command()(init)


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
    said = run(_init(secrets, data, base_url, wait, as_json=as_json), as_json=as_json)
    text = (
        f"{said['secrets_made']} secrets made, {said['files_applied']} schema files applied, "
        f"administrator {'made' if said['administrator_is_new'] else 'was there'}."
    )
    say({"ok": True, **said}, text, as_json=as_json)


async def _init(
    secrets: Path, data: Path, base_url: str, wait_s: float, *, as_json: bool
) -> dict[str, int | bool]:
    # Loaded here: the driver takes half a second to import, and the other commands do without.
    from store_kit.logs import configure_logs  # noqa: PLC0415
    from store_kit.migrations import SchemaError  # noqa: PLC0415
    from store_kit.problems import Problem  # noqa: PLC0415
    from store_kit.secrets import SecretError  # noqa: PLC0415

    from store_cli.initialising import initialise  # noqa: PLC0415
    from store_cli.reading_settings import WrongSettings  # noqa: PLC0415

    configure_logs("warning", "auto")  # to stderr: what the command says is its result alone
    try:
        return await initialise(secrets, data, base_url, wait_s)
    except WrongSettings as wrong:
        fail(str(wrong), WRONG_USAGE, as_json=as_json)
    except (SchemaError, SecretError) as refusal:
        fail(str(refusal), FOUND_SOMETHING, as_json=as_json)
    except Problem as problem:
        fail(problem.detail, FOUND_SOMETHING, as_json=as_json)
