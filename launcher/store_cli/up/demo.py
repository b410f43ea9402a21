"""What makes the embedded shop a demo: an administrator with a random password and a real catalogue."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from store_catalog.api.parameters import NewProductsIn
from store_catalog.domain.products import ImportState
from store_catalog.use_cases import UseCases as CatalogueCases
from store_kit.running.service import Service
from store_kit.secrets import UnusableSecret, make_private_file
from store_user.use_cases import UseCases

from store_cli.console import meter
from store_cli.importing.ledger import read_ledger, shipped_ledger
from store_cli.importing.sending import BATCH_SIZE, DEMO_IMPORT, batches, ledger_catalogue
from store_cli.shop.accounts import DEMO_ADMIN_FILE, Credentials
from store_cli.shop.client import Shop, ShopError

ADMIN_EMAIL: Final = "admin@shop.example"


class _Item(msgspec.Struct):
    id: str


class _Items(msgspec.Struct):
    items: list[_Item]


@dataclass(frozen=True, slots=True)
class Demo:
    """What the person at the terminal is told: the administrator, and whether its password is new."""

    credentials: Credentials
    is_new: bool


async def ensure_administrator(user_service: Service, data_dir: Path, base_url: str) -> Demo:
    """Make the demo's administrator at the first start; its credentials stay in a file of mode 0600.

    The file is written before the account: a crash between the two only repeats the second step. Who deletes the
    file gets a new password; who changes the password keeps it.

    Raises:
        UnusableSecret: the file cannot be read.
    """
    credentials, is_fresh = demo_credentials(data_dir / DEMO_ADMIN_FILE, base_url)
    use_cases: UseCases = user_service.app.state.api.use_cases
    is_new = await use_cases.ensure_admin(credentials.email, credentials.password, handed_out=not is_fresh)
    return Demo(credentials, is_new)


def demo_credentials(path: Path, base_url: str) -> tuple[Credentials, bool]:
    """Return the demo administrator's credentials with the shop's present address, and whether they are new.

    Raises:
        UnusableSecret: the file cannot be read.
    """
    fresh = Credentials(ADMIN_EMAIL, secrets.token_urlsafe(12), base_url)
    made = msgspec.json.encode(fresh)
    kept = make_private_file(path, made)
    try:
        credentials = msgspec.json.decode(kept, type=Credentials)
    except msgspec.DecodeError:
        # Not chained: the error may show a part of what it was given.
        why = f"{path} holds no credentials; delete it, and the demo gets a new password"
        raise UnusableSecret(path.stem, why) from None
    if credentials.base_url != base_url:
        credentials = Credentials(credentials.email, credentials.password, base_url)
        _replace(path, credentials)
    return credentials, kept == made


async def load_catalogue(catalog: Service) -> None:
    """Load the shipped catalogue once; repeating what a crash interrupted is safe.

    It needs no sign-in: the administrator's password belongs to the administrator. Whether it was done is noted in
    the catalogue's own database, and so in every backup.
    """
    use_cases: CatalogueCases = catalog.app.state.api.use_cases
    if await use_cases.begin_import(DEMO_IMPORT) is ImportState.DONE:
        return
    ledger = read_ledger(shipped_ledger())
    with meter() as bars:
        step = bars.track("Loading the catalogue", len(ledger.products))
        for batch in batches(ledger_catalogue(ledger), BATCH_SIZE):
            # As the shop reads it of anybody.
            given = NewProductsIn.model_validate({"products": [listed.data for listed in batch]})
            await use_cases.add_products([product.product() for product in given.products])
            step(len(batch))
    await use_cases.finish_import(DEMO_IMPORT)


async def any_product(base_url: str) -> str | None:
    """Return the id of a product that can be bought; None in an empty shop, or while it does not say."""
    try:
        async with Shop(base_url) as shop:
            answer = await shop.call("GET", "/api/products?limit=1&in_stock=true")
            items = answer.read(_Items).items
    except ShopError:
        return None
    return items[0].id if items else None


def _replace(path: Path, credentials: Credentials) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    make_private_file(draft, msgspec.json.encode(credentials))
    os.replace(draft, path)  # noqa: PTH105 - the atomic one, by its name
