"""Every file of the data folder, in every state it can be in: what `store up` does, and what the other commands say.

`starts` goes on as if nothing had happened; `refused` ends with a sentence that names the file and changes nothing.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from store_cli.main import app
from store_cli.shop.accounts import DEMO_ADMIN_FILE
from store_kit.sqlite.identity import FILES
from typer.testing import CliRunner

from tests.support.commands import said_by
from tests.support.shop import EmbeddedShop
from tests.support.shop_files import make_shop_files

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
STARTS, REFUSED = "starts", "refused"
Harm = Callable[[Path, Path], None]
"""Does something to a file, with that of another shop at hand."""


def missing(file: Path, _other: Path) -> None:
    file.unlink()


def empty(file: Path, _other: Path) -> None:
    file.write_bytes(b"")


def foreign(file: Path, other: Path) -> None:
    shutil.copy(other, file)


def damaged(file: Path, _other: Path) -> None:
    file.write_bytes(b"\xff\xfe damaged " * 500)


def newer(file: Path, _other: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        rows = [(number, "", "") for number in range(1, 100)]
        database.executemany("INSERT OR IGNORE INTO schema_migrations VALUES (?, ?, ?)", rows)


def older(file: Path, _other: Path) -> None:
    """As from before files bore an id; all other files bear one."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("DROP TABLE shop_identity")


def unlisted(file: Path, _other: Path) -> None:
    """With its tables, but without the rows that say which schema files made them."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DELETE FROM schema_migrations")


DATABASE: Final[Mapping[Harm, str]] = {
    missing: REFUSED,
    empty: REFUSED,
    foreign: REFUSED,
    damaged: REFUSED,
    newer: REFUSED,
    older: REFUSED,
    unlisted: REFUSED,
}
KEY: Final[Mapping[Harm, str]] = {missing: STARTS, empty: REFUSED, foreign: STARTS, damaged: REFUSED}
"""Every key is read in one way (`store_kit.secrets`), so two stand for all. One that is not there is made; with
another one, as with a new one, sessions end and guests begin anew."""
SCRATCH: Final[Mapping[Harm, str]] = dict.fromkeys((missing, empty, foreign, damaged), STARTS)
TABLE: Final[Mapping[str, Mapping[Harm, str]]] = {
    **{f"{name}.db": DATABASE for name in FILES},
    "catalog-index.db": SCRATCH,
    "lock": SCRATCH,
    "secrets/signing_key": KEY,
    "secrets/refresh_key": KEY,
    str(DEMO_ADMIN_FILE): {missing: STARTS, empty: REFUSED, foreign: STARTS, damaged: REFUSED},
}
"""File -> what was done to it -> what a start does."""


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make the files of two shops, which tests copy."""
    folders = tmp_path_factory.mktemp("a") / "shop", tmp_path_factory.mktemp("b") / "shop"
    for folder in folders:
        make_shop_files(folder)
        (folder / "catalog-index.db").write_bytes(b"")
    return folders


@pytest.fixture
async def shop(shops: tuple[Path, Path], tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    """Return a shop on a copy of the files, not yet started."""
    shutil.copytree(shops[0], tmp_path / "shop")
    made = EmbeddedShop(tmp_path / "shop")
    yield made
    made.kill_all()


def contents(folder: Path) -> dict[str, bytes]:
    """Return what every file holds but the lock, which says who was there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize("name", [*TABLE])
async def test_a_start_on_any_state_of_a_file(
    name: str, shops: tuple[Path, Path], shop: EmbeddedShop, tmp_path: Path
) -> None:
    """Each state of a file is taken as the table says; no command ends in a traceback, and refusals change nothing."""
    whole = contents(shop.data_dir)
    for harm, outcome in TABLE[name].items():
        for path, content in whole.items():
            (shop.data_dir / path).write_bytes(content)
        harm(shop.data_dir / name, shops[1] / name)
        if outcome == STARTS:
            await shop.start()
            assert shop.process.stop() == 0, shop.process.output()
            assert "Traceback" not in shop.process.output()
            continue
        before = contents(shop.data_dir)
        up = ("up", "--no-catalogue", "--port", str(shop.ports["gateway"]))
        code, output, complaints = await said_by(*up, data=shop.data_dir, env=shop.env)
        assert code == 1, f"{harm.__name__}: {output}{complaints}"
        assert Path(name).stem in output + complaints, f"{harm.__name__}: {complaints}"
        for file, content in before.items():
            if not file.endswith(("-wal", "-shm")) and file.startswith(name):
                assert (shop.data_dir / file).read_bytes() == content, f"{harm.__name__} changed {file}"
        for command in (["doctor"], ["backup", str(tmp_path / harm.__name__)]):
            await asyncio.to_thread(must_be_said, [*command, "--json", "--data", str(shop.data_dir)])


def must_be_said(command: list[str]) -> None:
    """Pass a command that ends with one line of JSON, whatever it has found."""
    result = CliRunner().invoke(app, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "ok" in json.loads(result.stdout)
