"""Backups of a shop on SQLite, their refusals, and accounts that an operator promotes."""

import json
from pathlib import Path

import pytest
from store_cli.up.serving import DataFolderLock

from launcher.tests.test_boundary import HARD_PLACES
from launcher.tests.test_commands import store, store_json
from tests.support.shop_files import make_shop_files


@pytest.fixture(scope="module")
def shop_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder of a shop that was started once."""
    data = tmp_path_factory.mktemp("shop") / "data"
    make_shop_files(data)
    return data


@pytest.fixture
def backup(shop_data: Path, tmp_path: Path) -> Path:
    """Return a backup of it."""
    code, said = store_json("backup", tmp_path / "backup", "--data", shop_data)
    assert (code, said["ok"], said["database"]) == (0, True, "sqlite")
    return tmp_path / "backup"


def test_what_was_backed_up_is_put_back(backup: Path, tmp_path: Path) -> None:
    """Databases and secrets are there again; the text says how large each is."""
    code, said, _ = store("restore", backup, "--data", tmp_path / "again")
    assert code == 0
    assert f"Restored into {tmp_path / 'again'} (made " in said
    assert "catalog.db: " in said
    assert (tmp_path / "again" / "secrets" / "signing_key").is_file()


@pytest.mark.parametrize("place", HARD_PLACES)
def test_a_backup_in_a_place_that_looks_like_markup_is_a_success(
    shop_data: Path, tmp_path: Path, place: str
) -> None:
    """A backup that was made says so and ends with 0, as does its restore, and both name their places as they are."""
    for words in (("backup", tmp_path / place, "--data", shop_data), ("restore", tmp_path / place)):
        data = () if "--data" in words else ("--data", tmp_path / "again" / place)
        code, said, complaints = store(*words, *data)
        assert (code, complaints) == (0, "")
        assert str((data or words)[1]) in said.replace("\n", "")


def test_nothing_is_overwritten(backup: Path, shop_data: Path) -> None:
    """Neither a folder that exists, as a backup's place or a shop's."""
    for words in (("backup", backup), ("restore", backup)):
        code, said = store_json(*words, "--data", shop_data)
        assert (code, "exists already" in said["error"]) == (1, True)


def test_an_altered_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    """A file that is missing, or is not what the manifest says, is named; no shop is made of the rest."""
    (backup / "cart.db").write_bytes(b"altered")
    code, said = store_json("restore", backup, "--data", tmp_path / "again")
    assert (code, "cart.db is missing or was altered" in said["error"]) == (1, True)
    assert not (tmp_path / "again").exists()


def test_a_backup_of_the_other_database_is_refused(backup: Path, tmp_path: Path) -> None:
    """What was on Cassandra is not put into files."""
    manifest = backup / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "database": "cassandra"}))
    code, said = store_json("restore", backup, "--data", tmp_path / "again")
    assert (code, "is a backup of a shop on cassandra" in said["error"]) == (1, True)


def test_a_running_shop_is_not_deleted(backup: Path, tmp_path: Path) -> None:
    """`reset` says to stop it first, and deletes nothing."""
    data = tmp_path / "again"
    store("restore", backup, "--data", data)
    lock = DataFolderLock(data)
    code, said = store_json("reset", "--yes", "--data", data)
    lock.close()
    assert (code, "stop it first" in said["error"]) == (1, True)
    assert (data / "catalog.db").exists()


def test_promotion_of_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that exists becomes an administrator; an address without one is named."""
    monkeypatch.setenv("STORE_USER_ARGON2_MEMORY_KIB", "8")
    data = tmp_path / "data"
    assert store("init", "--secrets", tmp_path / "secrets", "--data", data)[0] == 0
    promoted = store_json("users", "promote", "admin@shop.example", "--data", data)
    assert promoted == (0, {"ok": True, "roles": ["admin", "customer"]})
    code, said = store_json("users", "promote", "ann@shop.example", "--data", data)
    assert (code, "no account" in said["error"].lower()) == (1, True), said
