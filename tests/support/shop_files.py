"""The files of a shop as its first start makes them, without running one."""

import asyncio
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from store_cli.shop.accounts import DEMO_ADMIN_FILE
from store_cli.up.demo import demo_credentials
from store_cli.up.serving import SERVICES, create_service
from store_kit.settings import StoreSettings
from store_kit.sqlite.database import shop_file
from store_kit.telemetry.metrics import Metrics

SCHEMAS: Final[dict[str, Traversable]] = {
    "catalog": files("store_catalog") / "schema" / "sqlite",
    "cart": files("store_cart") / "schema" / "sqlite",
    "orders": files("store_order") / "schema" / "sqlite",
    "payments": files("store_order") / "schema" / "payments",
    "user": files("store_user") / "schema" / "sqlite",
}
"""File -> its schema files."""


def make_shop_files(data: Path) -> None:
    """Make databases, secrets, lock and credentials in a folder."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SERVICES:
        create_service(name, {"data_dir": data})  # composing makes secrets
    demo_credentials(data / DEMO_ADMIN_FILE, "http://127.0.0.1:8080")
    (data / "lock").touch()
    asyncio.run(_open_all(data))


async def _open_all(data: Path) -> None:
    settings = StoreSettings(data_dir=data)
    databases = [
        shop_file(name, schema, settings=settings, metrics=Metrics(name)) for name, schema in SCHEMAS.items()
    ]
    for database in databases:
        await database.open()
    for database in databases:
        await database.check()
    for database in databases:
        await database.close()
