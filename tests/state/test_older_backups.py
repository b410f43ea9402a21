"""A backup made before databases bore a shop's id is restored, adopted and goes on."""

import tarfile
from pathlib import Path

import aiohttp
import pytest
from store_kit.sqlite.identity import look_at, members

from tests.support.audit import audit
from tests.support.commands import answer_of
from tests.support.people import administrator, customer
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
BACKUP = Path(__file__).parent / "backup-of-87f1bb5.tar.xz"


async def test_a_backup_of_an_older_version_is_adopted(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Its orders and products are there, the demo catalogue is not loaded into it, and from then on it bears an id."""
    with tarfile.open(BACKUP) as packed:
        packed.extractall(tmp_path / "backup", filter="data")
    shop = EmbeddedShop(tmp_path / "shop", catalogue=True)
    code, said = await answer_of("restore", str(tmp_path / "backup"), data=shop.data_dir, env=shop.env)
    assert code == 0, said
    assert {one.shop for one in map(look_at, members(shop.data_dir))} == {None}
    async with shop:
        admin = await administrator(session, shop.url, shop.data_dir)
        assert (await admin.ask("GET", "/api/products")).expect(200)["count"] == 1
        orders = (await admin.ask("GET", "/api/admin/orders")).expect(200)["items"]
        assert len(orders) == 1
        found = [look_at(path) for path in members(shop.data_dir)]
        assert len({one.shop for one in found} - {None}) == 1
        assert {len(one.awaits) for one in found} == {0}
        await audit(shop)
        new = await admin.create_product(stock=1)
        ann = await customer(session, shop.url)
        (await ann.add(new)).expect(200)
        (await ann.order()).expect(201)
        await audit(shop)
