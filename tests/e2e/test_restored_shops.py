"""What is restored is what was backed up, and a password that was changed stops nothing."""

from pathlib import Path

import aiohttp
import msgspec
import pytest
from store_cli.up.demo import ADMIN_EMAIL

from tests.e2e.test_backup import store
from tests.support.audit import audit
from tests.support.people import Person, administrator
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SHIPPED, DELETED = 3_084, 5
NEW_PASSWORD = "another correct horse"


async def must_have(wanted: int, session: aiohttp.ClientSession, shop: EmbeddedShop) -> None:
    """Pass once the shop has so many products on sale."""

    async def listed() -> bool:
        async with session.get(shop.url("/api/products?limit=1")) as answer:
            return bool((await answer.json())["count"] == wanted)

    await until(listed, f"{wanted} products are listed")


async def change_password(admin: Person, shop: EmbeddedShop) -> None:
    """Give the administrator another password than the one that was handed out, as one should."""
    handed_out = msgspec.json.decode((shop.data_dir / "secrets" / "demo_admin.json").read_bytes())
    changed = {"current_password": handed_out["password"], "new_password": NEW_PASSWORD}
    (await admin.ask("PUT", "/api/users/me/password", changed)).expect(204)


async def test_a_restored_shop_has_what_was_backed_up(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    """Demo products that were deleted do not come back: neither by a restart, nor by a restore, nor without a marker.

    Nor does the administrator's password matter, which was changed meanwhile: the shop does not sign in to itself.
    """
    async with EmbeddedShop(tmp_path / "a", catalogue=True) as shop:
        await must_have(SHIPPED, session, shop)
        admin = await administrator(session, shop.url, shop.data_dir)
        items = (await admin.ask("GET", f"/api/products?limit={DELETED}")).expect(200)["items"]
        for item in items:
            path = f"/api/products/{item['id']}"
            (await admin.ask("DELETE", path, headers={"If-Match": "*"})).expect(204)
        await change_password(admin, shop)
        assert shop.process.stop() == 0
        await shop.start()
        await must_have(SHIPPED - DELETED, session, shop)
        code, said = await store(shop, "backup", str(tmp_path / "backup"))
        assert code == 0, said

    other = EmbeddedShop(tmp_path / "c", catalogue=True)
    code, said = await store(other, "restore", str(tmp_path / "backup"))
    assert code == 0, said
    async with other:
        assert "Traceback" not in other.process.output()
        await must_have(SHIPPED - DELETED, session, other)


async def test_a_changed_password_does_not_stop_the_first_load(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A shop that was begun without a catalogue loads it later, whatever the administrator's password is by then."""
    async with EmbeddedShop(tmp_path / "a") as shop:
        admin = await administrator(session, shop.url, shop.data_dir)
        await change_password(admin, shop)
        assert shop.process.stop() == 0
    async with EmbeddedShop(tmp_path / "a", catalogue=True) as shop:
        await must_have(SHIPPED, session, shop)
        shop.env.update(STORE_ADMIN_EMAIL=ADMIN_EMAIL, STORE_ADMIN_PASSWORD=NEW_PASSWORD)
        await audit(shop)
