"""A process of the shop: all of it behind the gateway, or one service alone."""

import asyncio
import contextlib
import gc
import time
from pathlib import Path
from typing import Final

import uvloop
from rich.cells import cell_len
from rich.panel import Panel
from rich.text import Text
from store_kit.problems import Problem, Unavailable
from store_kit.refusals import Refusal
from store_kit.running.listening import http_url
from store_kit.running.server import Runner, run_service
from store_kit.running.service import Service, Wrap, unwrapped
from store_kit.secrets import SecretError, readable_by_others
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import configure_logs

from store_cli.console import FOUND_SOMETHING, fail, plain_console
from store_cli.files.opening import FileError
from store_cli.reading_settings import read_settings
from store_cli.shop.accounts import DEMO_ADMIN_FILE
from store_cli.up.demo import Demo, any_product, ensure_administrator, load_catalogue
from store_cli.up.serving import DataFolderLock, create_service, create_shop

_LOOK_AGAIN_S: Final = 0.05
_QUIET_S: Final = 1.0
"""How long the shop may get ready without saying what it waits for."""
_TRY_AGAIN_S: Final = 0.5
_YOUNG_OBJECTS: Final = 10_000
"""How many objects more than before there are when the collector looks at the new ones; Python's default is 700."""
_FRAME: Final = 4
"""Columns that a box takes in addition to its text."""


def run_shop(port: int, data: Path, host: str, *, catalogue: bool, wrap: Wrap = unwrapped) -> None:
    """Run the whole shop until it is told to end; `wrap` is put around every port of every service."""
    try:
        with contextlib.closing(DataFolderLock(data)):
            settings = read_settings(StoreSettings, data_dir=data)
            configure_logs(settings.log_level, settings.log_format)
            _look_at_secrets(settings)
            shop = create_shop(host, port, data, wrap)
            uvloop.run(_serve(shop, data, http_url(host, port), catalogue=catalogue))
    except Refusal as refusal:
        fail(str(refusal), FOUND_SOMETHING)


def run_alone(service: str, data: Path, host: str, wrap: Wrap = unwrapped) -> None:
    """Run one service until it is told to end; `wrap` is put around every port of it."""
    try:
        with contextlib.closing(DataFolderLock(data, shared=True)):
            run_service(create_service(service, {"data_dir": data, "host": host}, wrap))
    except Refusal as refusal:
        fail(str(refusal), FOUND_SOMETHING)


def _look_at_secrets(settings: StoreSettings) -> None:
    """Say which secrets others may read; in production that is none.

    Raises:
        SecretError: others may read one in production.
    """
    found = readable_by_others(settings.secrets_path)
    if not found:
        return
    said = f"Others may read {', '.join(found)}. Run: chmod -R go-rwx {settings.secrets_path}"
    if not settings.embedded:
        raise SecretError(said)
    plain_console(stderr=True).print(f"Warning: {said}", style="yellow")


async def _serve(shop: Runner, data: Path, base_url: str, *, catalogue: bool) -> None:
    async def on_ready() -> None:
        await _until_usable(shop)
        demo = await _administrator(shop, data, base_url)
        if catalogue:
            await _catalogue(shop.service("catalog"))
        # What lives now lives long: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        # What requests make is gone when they end; looking for cycles in it cost 4 % of an order's processor time.
        gc.set_threshold(_YOUNG_OBJECTS)
        urls = {service.name: service.url for service in shop.services}
        _welcome(demo, data, urls, await any_product(base_url))

    await shop.run(on_ready)
    plain_console(stderr=True).print("Drained and stopped.")


async def _catalogue(catalog: Service) -> None:
    """Load the shipped catalogue; what keeps it out does not keep the shop from running."""
    try:
        await load_catalogue(catalog)
    except (Problem, FileError, OSError) as error:
        said = (
            f"The catalogue was not loaded ({error}). The shop runs without it; the next start tries again."
        )
        plain_console(stderr=True).print(said, style="yellow")


async def _until_usable(shop: Runner) -> None:
    """Return once every service can serve: a cluster may come later than the shop, or be busy with its schema."""
    said: list[str] = []
    begun = time.monotonic()
    while missing := [f"{one.name}: {part}" for one in shop.services for part in await one.missing()]:
        if missing != said and time.monotonic() - begun > _QUIET_S:
            plain_console(stderr=True).print(f"Waiting for {', '.join(missing)} ...")
            said = missing
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _administrator(shop: Runner, data: Path, base_url: str) -> Demo:
    """Return the administrator, made if need be; a database that falters just now is asked again."""
    said = ""
    while True:
        try:
            return await ensure_administrator(shop.service("user"), data, base_url)
        except Unavailable as away:
            if away.detail != said:
                plain_console(stderr=True).print(f"The administrator is not there yet: {away.detail}")
            said = away.detail
            await asyncio.sleep(_TRY_AGAIN_S)


def _welcome(demo: Demo, data: Path, services: dict[str, str], product_id: str | None) -> None:
    base = demo.credentials.base_url
    password = (
        demo.credentials.password if demo.is_new else f"as you changed it, or in {data / DEMO_ADMIN_FILE}"
    )
    lines = {
        "Shop and API": f"{base}/swagger/",
        "Documentation": f"{base}/docs/",
        "Health": f"{base}/api/system/health",
        **{name: f"{url}  (/metrics, /health/ready)" for name, url in services.items()},
        "Administrator": f"{demo.credentials.email}   password {password}",
    }
    text = Text()
    for name, value in lines.items():
        text.append("\n" if name == "Administrator" else "").append(f"{name:<13}", style="bold").append(
            f" {value}\n"
        )
    text.append("\nCtrl-C drains and stops; a second one ends at once.")
    # As wide as it takes, whatever the terminal: a path that is cut short is of no use.
    box = plain_console(width=max(cell_len(line) for line in text.plain.splitlines()) + _FRAME)
    box.print(Panel(text, title="Product Store is up", expand=False))
    console = plain_console()
    if product_id:
        console.print("Register, fill a cart, order:", style="bold")
        # Outside the box, so that the lines can be copied.
        console.print("\n".join(_tour(base, product_id)))


def _tour(base: str, product_id: str) -> list[str]:
    """Return the three lines that show the whole business; they paste into a shell as they are."""
    json_body, token = "-H 'content-type: application/json' -d", '-H "authorization: Bearer $TOKEN"'
    who = '{"email":"ann@shop.example","password":"correct horse"}'
    read = """sed 's/.*"access_token":"\\([^"]*\\).*/\\1/'"""
    sign_in = (
        f"curl -s {base}/api/auth/token -d username=ann@shop.example -d 'password=correct horse' | {read}"
    )
    item = f'{{"product_id":"{product_id}","quantity":1}}'
    return [
        f"curl -s {base}/api/users {json_body} '{who}'; TOKEN=$({sign_in})",
        f"curl -s {base}/api/cart/items {token} {json_body} '{item}'",
        f"curl -s {base}/api/orders {token} -H 'idempotency-key: my-first' {json_body} '{{}}'",
    ]
