"""Two processes on one database: the command line beside a running shop, and two replicas of the service."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_user.app import create_service, open_accounts
from store_user.problems import AccountNotFound

from services.user.tests.conftest import Configure
from services.user.tests.serving import PASSWORD, Answer, Shop
from tests.support.services import free_port, serve_service
from tests.support.shop import QUICK, Process
from tests.support.wait import until

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
CUSTOMER = {"roles": ["customer"]}


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
    """Ensure and promote by the same use cases; only a registered account can be promoted."""
    async with open_accounts(configure()) as accounts:
        assert await accounts.ensure_admin("root@example.com", PASSWORD)
        await accounts.promote("root@example.com")
        with pytest.raises(AccountNotFound):
            await accounts.promote("nobody@example.com")
    async with open_accounts(configure()) as accounts:
        assert not await accounts.ensure_admin("root@example.com", PASSWORD)


async def test_the_tools_make_the_schema_of_an_empty_cluster(
    configure: Configure, database: str, keyspace: Cassandra | None
) -> None:
    """The first command on a new database waits until it can be used, however long that takes to make."""
    fresh = database if keyspace is None else f"{database}x"
    async with open_accounts(configure(database=fresh)) as accounts:
        assert await accounts.ensure_admin("root@example.com", PASSWORD)
    if keyspace is not None:
        await keyspace.run(f"DROP KEYSPACE {keyspace.where.prefix}xuser")


@asynccontextmanager
async def replica(tmp_path: Path, database: str, here: Shop) -> AsyncIterator[Shop]:
    """Run the service a second time, as a process of its own on the same database and keys."""
    url = f"http://127.0.0.1:{free_port()}"
    env = {"STORE_DATA_DIR": str(tmp_path), "STORE_DATABASE": database, "STORE_USER_URL": url}
    process = Process([sys.executable, "-m", "store_user"], tmp_path / "replica.log", {**QUICK, **env})
    process.start()
    try:
        async with aiohttp.ClientSession(url) as client:
            there = Shop(client, here.service)

            async def ready() -> bool:
                assert process.alive, process.output()
                try:
                    return (await there.call("GET", "/health/ready")).status == 200
                except aiohttp.ClientConnectorError:
                    return False

            await until(ready, "the replica is ready")
            yield there
    finally:
        process.kill()


async def test_two_replicas_are_one_shop(configure: Configure, tmp_path: Path, database: str) -> None:
    """An address has one account, a session one successor, the shop one last administrator, whichever one asks."""
    service = create_service(configure())
    async with serve_service(service) as client, replica(tmp_path, database, Shop(client, service)) as there:
        here = Shop(client, service)
        await one_account_of_an_address(here, there)
        await one_successor_of_a_session(here, there)
        await one_last_administrator(here, there)


async def one_account_of_an_address(here: Shop, there: Shop) -> None:
    for number in range(10):
        email = f"{number}@example.com"
        answers = await asyncio.gather(*(shop.register(email) for shop in (here, there, here, there)))
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
        assert (await there.log_in(email)).status == (await here.log_in(email)).status == 200


async def one_successor_of_a_session(here: Shop, there: Shop) -> None:
    token = (await here.log_in("0@example.com")).body["refresh_token"]
    for _ in range(5):
        answers = await asyncio.gather(*(shop.refresh(token) for shop in (here, there)))
        assert {answer.status for answer in answers} == {200}
        (token,) = {answer.body["refresh_token"] for answer in answers}


async def one_last_administrator(here: Shop, there: Shop) -> None:
    async def resigns(shop: Shop, email: str) -> Answer:
        token = await here.admin(email)
        me = (await shop.call("GET", "/api/users/me", token)).body["id"]
        both_are_ready.append(email)
        await until(lambda: len(both_are_ready) == 2, "both can begin")
        return await shop.call("PUT", f"/api/admin/users/{me}/roles", token, json=CUSTOMER)

    for _ in range(5):
        both_are_ready: list[str] = []
        answers = await asyncio.gather(resigns(here, "a@example.com"), resigns(there, "b@example.com"))
        assert sorted(answer.status for answer in answers) == [200, 409]
        assert {answer.slug for answer in answers if answer.status == 409} == {"last-admin"}
