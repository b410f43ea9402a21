"""Each database has its shop's id: one that is missing, empty or another's is refused; an older one is adopted."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import permutations
from pathlib import Path

import pytest
from store_kit.settings import StoreSettings
from store_kit.sqlite.database import Sqlite
from store_kit.sqlite.identity import FILES, Membership, look_at, members
from store_kit.stores.shop_identity import Identity, SchemaError, wanted_identity

pytestmark = pytest.mark.anyio


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_things.sql").write_text("CREATE TABLE things (id INTEGER PRIMARY KEY);\n")
    return folder


async def opened(
    data: Path, schema: Path, names: Sequence[str] = FILES, *, begin_anew: str = ""
) -> list[Identity]:
    """Open a shop's files as its services do, check their health once, and close them; return their identities."""
    settings = StoreSettings(data_dir=data, begin_anew=begin_anew)
    databases = [Sqlite(data / f"{name}.db", schema, member=Membership.of(settings, name)) for name in names]
    try:
        for database in databases:
            await database.open()
        for database in databases:
            await database.check()
    finally:
        for database in databases:
            await database.close()
    return [look_at(path) for path in members(data)]


def make_old(data: Path) -> None:
    """Remove the identity, as in files that are older than identities."""
    for path in members(data):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TABLE shop_identity")


async def test_all_files_of_a_new_shop_agree_at_once(tmp_path: Path, schema: Path) -> None:
    """After the first start every file has the same id and its own name, and waits for no other."""
    found = await opened(tmp_path, schema)
    assert len({one.shop for one in found}) == 1
    assert found[0].shop
    assert [one.calls_itself for one in found] == [f"{name}.db" for name in FILES]
    assert {len(one.awaits) for one in found} == {0}


@pytest.mark.parametrize("gone", FILES)
@pytest.mark.parametrize("how", ["missing", "empty"])
async def test_a_file_that_is_gone_is_reported(gone: str, how: str, tmp_path: Path, schema: Path) -> None:
    """A file that the others know is not silently created again: the refusal names it and both ways to go on."""
    await opened(tmp_path, schema)
    path = tmp_path / f"{gone}.db"
    path.write_bytes(b"")
    if how == "missing":
        path.unlink()
    with pytest.raises(
        SchemaError, match=rf"{gone}\.db is missing or empty.*store restore.*STORE_BEGIN_ANEW={gone}"
    ):
        await opened(tmp_path, schema)
    assert path.exists() == (how == "empty")


async def test_an_operator_may_let_one_file_begin_empty(tmp_path: Path, schema: Path) -> None:
    """A missing file that STORE_BEGIN_ANEW names begins empty, in the same shop; the next start does not need it."""
    before = await opened(tmp_path, schema)
    (tmp_path / "cart.db").unlink()
    assert await opened(tmp_path, schema, begin_anew="cart") == before
    assert await opened(tmp_path, schema) == before


async def test_another_shop_s_file_is_refused(tmp_path: Path, schema: Path) -> None:
    """For a file of another shop the refusal names both ids; for one in the wrong place, which file it is."""
    here, there = tmp_path / "here", tmp_path / "there"
    await opened(here, schema)
    await opened(there, schema)
    for name in FILES:
        mine = (here / f"{name}.db").read_bytes()
        (here / f"{name}.db").write_bytes((there / f"{name}.db").read_bytes())
        with pytest.raises(SchemaError, match=r"belongs to shop .* next to it to shop"):
            await opened(here, schema)
        (here / f"{name}.db").write_bytes(mine)
    (here / "user.db").write_bytes((here / "cart.db").read_bytes())
    with pytest.raises(
        SchemaError, match=r"user\.db is another database of a shop: it calls itself cart\.db"
    ):
        await opened(here, schema)


async def test_files_without_an_id_are_adopted(tmp_path: Path, schema: Path) -> None:
    """Older files get one id together; one that is missing then is reported all the same."""
    await opened(tmp_path, schema)
    make_old(tmp_path)
    found = await opened(tmp_path, schema)
    assert len({one.shop for one in found}) == 1
    assert {len(one.awaits) for one in found} == {0}
    make_old(tmp_path)
    (tmp_path / "user.db").unlink()
    with pytest.raises(SchemaError, match=r"user\.db is missing or empty"):
        await opened(tmp_path, schema)


async def test_an_interrupted_adoption_goes_on(tmp_path: Path, schema: Path) -> None:
    """A start that ended after some files had been adopted adopts the others the next time."""
    await opened(tmp_path, schema)
    make_old(tmp_path)
    await opened(tmp_path, schema, FILES[:2])
    found = await opened(tmp_path, schema)
    assert len({one.shop for one in found}) == 1


async def test_an_old_file_among_new_ones_is_refused(tmp_path: Path, schema: Path) -> None:
    """One file without an id among others that have one comes from somewhere else."""
    await opened(tmp_path, schema)
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.execute("DROP TABLE shop_identity")
    with pytest.raises(SchemaError, match=r"orders\.db has no shop id"):
        await opened(tmp_path, schema)


async def test_an_interrupted_first_start_goes_on(tmp_path: Path, schema: Path) -> None:
    """A first start that ended after some files were created creates the others the next time."""
    await opened(tmp_path, schema, FILES[:2])
    found = await opened(tmp_path, schema)
    assert len({one.shop for one in found}) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_services_that_start_at_once_agree(order: tuple[int, ...]) -> None:
    """Each looked before the others had written; in any order of further looks all end with the least id."""
    names = ["a.db", "b.db", "c.db"]
    nobody = [Identity(name) for name in names]
    shop = [
        wanted_identity(one, [other for other in nobody if other != one], fresh=f"id-{n}")
        for n, one in enumerate(nobody)
    ]
    for n in order * 3:
        shop[n] = wanted_identity(shop[n], [other for other in shop if other is not shop[n]], fresh="unused")
    assert {one.shop for one in shop} == {"id-0"}
    assert {len(one.awaits) for one in shop} == {0}


def test_what_cannot_be_seen_decides_nothing() -> None:
    """A file that cannot be read neither refuses another one nor counts as agreed."""
    wanted = wanted_identity(Identity("a.db"), [Identity("b.db", seen=False)], fresh="id")
    assert (wanted.shop, dict(wanted.awaits)) == ("id", {"b.db": "new"})
