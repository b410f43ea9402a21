"""Reset deletes what a shop made and nothing else; doctor and backup know a shop that is not whole."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from store_cli import data_folder
from store_cli.doctor.checks import databases
from store_cli.main import app
from store_kit.sqlite.identity import FILES
from typer.testing import CliRunner

from tests.support.shop_files import make_shop_files


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_shop_files(tmp_path / "shop")
    return tmp_path / "shop"


def store(*words: object) -> tuple[int, dict[str, object]]:
    """Run a command of `store` with --json; return its exit code and what it says, which is JSON whatever happens."""
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"mine")
    return folder


def test_a_folder_that_cannot_go_is_emptied(data: Path, tmp_path: Path) -> None:
    """A link to the folder stays, as the mount of a volume does; the shop in it is deleted, and so it is said."""
    link = tmp_path / "link"
    link.symlink_to(data)
    assert store("reset", "--data", link, "--yes") == (0, {"ok": True, "deleted": True, "left": []})
    assert list(data.iterdir()) == []


def test_a_shop_is_deleted_whole(data: Path) -> None:
    """Everything that a shop made goes, drafts and side files too, and the folder with it."""
    write(
        data, "secrets/.cursor_key.0123abcd", "store_catalog-index.db", "user.db-wal", "demo-catalogue-loaded"
    )
    assert store("reset", "--data", data, "--yes") == (0, {"ok": True, "deleted": True, "left": []})
    assert not data.exists()


def test_what_others_put_there_stays(data: Path) -> None:
    """A stranger's file stays with its folder, wherever it lies, and is named; so is a folder called like a file."""
    write(data, "notes.txt", "secrets/their.key", "cart.db.old", "catalog-index.db/x")
    code, said = store("reset", "--data", data, "--yes")
    left = ["cart.db.old", "catalog-index.db", "notes.txt", "secrets"]
    assert (code, said) == (0, {"ok": True, "deleted": True, "left": left})
    assert sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()) == [
        "cart.db.old",
        "catalog-index.db/x",
        "notes.txt",
        "secrets/their.key",
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("lock", "thesis.txt"),
        ("user.db", "photo.jpg"),
        ("lock", "status", "info/x"),
        (),
        ("secrets/signing_key",),
    ],
)
def test_a_folder_that_is_no_shop_is_spared(names: tuple[str, ...], tmp_path: Path) -> None:
    """One name that a shop uses too is no sign of one: nothing at all is deleted."""
    write(tmp_path, *names)
    before = sorted(tmp_path.rglob("*"))
    code, said = store("reset", "--data", tmp_path, "--yes")
    assert (code, said["ok"]) == (2, False)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_shop_whose_databases_are_damaged_can_be_deleted(data: Path) -> None:
    """Its key and its administrator are signs enough."""
    for name in FILES:
        (data / f"{name}.db").write_bytes(b"\7" * 5000)
    assert data_folder.looks_like_a_shop(data)
    assert data_folder.remove(data) == []


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [Path.unlink, empty])
@pytest.mark.parametrize("name", FILES)
def test_a_database_that_is_gone_is_not_whole(name: str, harm: Callable[[Path], None], data: Path) -> None:
    """Doctor says which one is missing or empty and how to go on; no backup is made of such a shop."""
    harm(data / f"{name}.db")
    checks = {check.name: check for check in databases(data)}
    assert checks[f"{name}.db"].state == "bad"
    assert f"{name}.db is missing or empty" in checks[f"{name}.db"].seen
    code, said = store("backup", data.parent / "b", "--data", data)
    assert (code, f"{name}.db is missing or empty" in str(said["error"])) == (1, True)
    assert not (data.parent / "b").exists()


def test_a_damaged_database_is_not_backed_up(data: Path) -> None:
    """A file that is no database ends the backup with a sentence, as JSON too, and leaves no half of one."""
    (data / "cart.db").write_bytes(b"\7" * 5000)
    code, said = store("backup", data.parent / "b", "--data", data)
    assert (code, "cart.db could not be locked" in str(said["error"])) == (1, True), said
    assert "damaged" in str(said["error"])
    assert not (data.parent / "b").exists()


def test_a_backup_is_its_owner_s_alone(data: Path) -> None:
    """Every file of a backup is 0600 and every folder 0700, and so is what is restored from it."""
    assert store("backup", data.parent / "b", "--data", data)[0] == 0
    assert store("restore", data.parent / "b", "--data", data.parent / "c")[0] == 0
    for folder in (data.parent / "b", data.parent / "c"):
        paths = [folder, *folder.rglob("*")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}


def test_doctor_goes_on_where_it_cannot_look(data: Path) -> None:
    """A lock that is no file, a secret that leads nowhere: each is a line of the report, and the report is complete."""
    (data / "lock").unlink()
    (data / "lock").mkdir()
    (data / "secrets" / "cursor_key").unlink()
    (data / "secrets" / "cursor_key").symlink_to("nowhere")
    code, said = store("doctor", "--data", data)
    checks = {check["name"]: check for check in said["checks"]}  # type: ignore[attr-defined]
    assert code == 1
    assert checks["Data folder"]["state"] == checks["Secrets"]["state"] == "bad"
    assert "user.db" in checks
    assert any(name.startswith("Port ") for name in checks)
