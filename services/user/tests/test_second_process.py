"""The command line's way to the accounts, beside a running shop."""

import asyncio
import sys
from pathlib import Path

import pytest
from store_user.app import open_accounts
from store_user.domain import AccountNotFound

from services.user.tests.conftest import Configure
from services.user.tests.shop import PASSWORD, Shop

pytestmark = pytest.mark.anyio
PROMOTE = """
import asyncio, sys
from pathlib import Path
from store_user.app import open_accounts
from store_user.settings import UserSettings

async def main() -> None:
    settings = UserSettings(data_dir=Path(sys.argv[1]), database=sys.argv[2])
    async with open_accounts(settings) as accounts:
        await accounts.promote(sys.argv[3])

asyncio.run(main())
"""


async def promote_elsewhere(data_dir: Path, database: str, email: str) -> tuple[int, str]:
    """Promote in another process; return its exit code and what it complained about."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROMOTE, str(data_dir), database, email, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


async def test_somebody_is_promoted_while_the_shop_runs(shop: Shop, tmp_path: Path, database: str) -> None:
    """Another process writes the role, under load; the next token of the running service carries it."""
    await shop.customer()
    session = (await shop.log_in()).body["refresh_token"]
    load = [asyncio.ensure_future(shop.register(f"{n}@example.com")) for n in range(200)]
    assert await promote_elsewhere(tmp_path, database, "ANN@example.com") == (0, "")
    assert {answer.status for answer in await asyncio.gather(*load)} == {201}
    token = (await shop.refresh(session)).body["access_token"]
    assert (await shop.call("GET", "/api/admin/users", token)).status == 200


async def test_the_tools_work_on_a_folder_without_a_shop(configure: Configure) -> None:
    """Ensure and promote by the same use cases; nobody can be promoted who has not registered."""
    async with open_accounts(configure()) as accounts:
        assert await accounts.ensure_admin("root@example.com", PASSWORD)
        await accounts.promote("root@example.com")
        with pytest.raises(AccountNotFound):
            await accounts.promote("nobody@example.com")
    async with open_accounts(configure()) as accounts:
        assert not await accounts.ensure_admin("root@example.com", PASSWORD)
