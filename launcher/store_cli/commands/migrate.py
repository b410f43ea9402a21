"""`store migrate`: the schema of the cluster that STORE_DATABASE names."""

from typing import TYPE_CHECKING, Annotated

import typer

from store_cli.console import FOUND_SOMETHING, WRONG_USAGE, AsJson, fail, run, say

if TYPE_CHECKING:
    from store_cli.migrating import ServiceSchema


def register(app: typer.Typer) -> None:
    """Add `migrate`."""
    app.command()(migrate)


def migrate(
    *,
    status: Annotated[
        bool, typer.Option("--status", help="Only say what is applied and what waits.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as --status.", hidden=True)] = False,
    wait: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait for the cluster.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Create or upgrade the schema of every service in the cluster that STORE_DATABASE names.

    Safe to repeat, and to run twice at once: one works, the other waits. SQLite files need none of this: the shop
    brings them up to date when it starts.
    """
    found = run(_migrate(wait, only_look=status or dry_run, as_json=as_json), as_json=as_json)
    waiting = sum(len(one.status.waiting) for one in found)
    services = [
        {
            "service": one.service,
            "keyspace": one.keyspace,
            "applied": one.status.applied,
            "known": one.status.known,
            "waiting": list(one.status.waiting),
            "applied_now": list(one.applied_now),
        }
        for one in found
    ]
    say({"ok": not waiting, "services": services}, "\n".join(map(_line, found)), as_json=as_json)
    if waiting:
        raise typer.Exit(FOUND_SOMETHING)


async def _migrate(wait_s: float, *, only_look: bool, as_json: bool) -> "list[ServiceSchema]":
    # Loaded here: the driver takes half a second to import, and the other commands do without.
    from store_kit.logs import configure_logs  # noqa: PLC0415
    from store_kit.migrations import SchemaError  # noqa: PLC0415
    from store_kit.problems import Problem  # noqa: PLC0415
    from store_kit.settings import StoreSettings  # noqa: PLC0415

    from store_cli.migrating import migrate, statuses  # noqa: PLC0415
    from store_cli.reading_settings import WrongSettings, read_settings  # noqa: PLC0415

    configure_logs("warning", "auto")  # to stderr: what the command says is its result alone
    try:
        settings = read_settings(StoreSettings)
    except WrongSettings as wrong:
        fail(str(wrong), WRONG_USAGE, as_json=as_json)
    if settings.cluster is None:
        fail(
            "STORE_DATABASE names no cluster, e.g. cassandra://127.0.0.1/?dc=datacenter1. "
            "SQLite files are brought up to date by the shop itself when it starts.",
            WRONG_USAGE,
            as_json=as_json,
        )
    try:
        return await (statuses if only_look else migrate)(settings, wait_s)
    except SchemaError as refusal:
        fail(str(refusal), FOUND_SOMETHING, as_json=as_json)
    except Problem as problem:
        fail(problem.detail, FOUND_SOMETHING, as_json=as_json)


def _line(one: "ServiceSchema") -> str:
    applied = f"{one.service:<8} {one.keyspace:<16} {one.status.applied} of {one.status.known} applied"
    now = f", now: {', '.join(one.applied_now)}" if one.applied_now else ""
    waiting = f", waiting: {', '.join(one.status.waiting)}" if one.status.waiting else ""
    return applied + now + waiting
