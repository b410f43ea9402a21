"""`store migrate`: the schema of the cluster that STORE_DATABASE names."""

from typing import Annotated

import typer
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import configure_logs

from store_cli.boundary import WrongUsage
from store_cli.console import FOUND_SOMETHING, AsJson, run, say
from store_cli.migrate.schemas import ServiceSchema, statuses
from store_cli.migrate.schemas import migrate as bring_up_to_date
from store_cli.reading_settings import read_settings


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
    configure_logs("warning", "auto")  # to stderr: what the command says is its result alone
    found = run((statuses if status or dry_run else bring_up_to_date)(_settings(), wait))
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


def _settings() -> StoreSettings:
    settings = read_settings(StoreSettings)
    if settings.cluster is None:
        raise WrongUsage(
            "STORE_DATABASE names no cluster, e.g. cassandra://127.0.0.1/?dc=datacenter1. "
            "SQLite files are brought up to date by the shop itself when it starts."
        )
    return settings


def _line(one: ServiceSchema) -> str:
    applied = f"{one.service:<8} {one.keyspace:<16} {one.status.applied} of {one.status.known} applied"
    now = f", now: {', '.join(one.applied_now)}" if one.applied_now else ""
    waiting = f", waiting: {', '.join(one.status.waiting)}" if one.status.waiting else ""
    return applied + now + waiting
