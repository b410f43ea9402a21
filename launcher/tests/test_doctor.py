import fcntl
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store_cli import data_folder
from store_cli.doctor import variables
from store_cli.doctor.checks import (
    GIB,
    Check,
    databases,
    disk,
    folder,
    fts5,
    parts,
    patient,
    port_of,
    python,
    room,
    sqlite,
    visit,
)
from store_cli.doctor.checks import secrets as secret_check
from store_cli.main import app
from store_cli.up import serving
from store_cli.up.serving import DataFolderInUse, DataFolderLock
from store_kit.settings import StoreSettings
from typer.testing import CliRunner

from launcher.tests.fake_shop import FakeShop


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_this_machine_is_good_enough_for_the_tests() -> None:
    """Interpreter, SQLite with FTS5 and all services are there."""
    assert [check().state for check in (python, sqlite, fts5, parts)] == ["good"] * 4


def test_room_is_measured_where_the_folder_will_be(tmp_path: Path) -> None:
    """The nearest folder that exists says how much room there is."""
    assert disk(tmp_path / "not" / "yet").seen.endswith(f"GiB free at {tmp_path}")


@pytest.mark.parametrize(("free", "state"), [(2 * GIB, "good"), (GIB // 2, "warning"), (GIB // 10, "bad")])
def test_full_disk_is_said(free: int, state: str) -> None:
    """Little room is a warning, next to none is bad, and both say what to do."""
    check = room(free, Path("/srv"))
    assert check.state == state
    assert ("--data" in check.mend) == (state != "good")


def test_data_folder_need_not_exist(tmp_path: Path) -> None:
    """A folder that the first start will make is good."""
    (check,) = folder(tmp_path / ".store")
    assert (check.state, "store up makes it" in check.seen) == ("good", True)


def test_file_in_place_of_the_data_folder_is_bad(tmp_path: Path) -> None:
    """A file where the folder should be is bad, and there is a way out."""
    (tmp_path / ".store").touch()
    (check,) = folder(tmp_path / ".store")
    assert check.state == "bad"
    assert "--data" in check.mend


def test_secret_that_others_may_read_is_bad(tmp_path: Path) -> None:
    """A secret file with a wide mode is named, with the command that mends it."""
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "cursor_key").touch(mode=0o600)
    assert by_name(secret_check(tmp_path / "secrets"))["Secrets"].state == "good"
    (secrets / "signing_key").touch()
    (secrets / "signing_key").chmod(0o644)
    check = by_name(secret_check(tmp_path / "secrets"))["Secrets"]
    assert (check.state, "signing_key" in check.seen, check.mend) == (
        "bad",
        True,
        f"chmod -R go-rwx {secrets}",
    )


def test_running_shop_is_known_by_its_lock(tmp_path: Path) -> None:
    """While a shop holds the lock its process id is told, and the folder is not deleted."""
    lock = tmp_path / "lock"
    lock.write_text("4242")
    assert data_folder.running_pid(tmp_path) is None
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert data_folder.running_pid(tmp_path) == 4242
        with pytest.raises(data_folder.InUse):
            data_folder.remove(tmp_path)
    assert tmp_path.exists()
    data_folder.remove(tmp_path)
    assert not tmp_path.exists()


def test_services_share_a_folder_that_a_whole_shop_has_alone(tmp_path: Path) -> None:
    """Services that run alone share their data folder with each other, never with a shop in one process."""
    services = [DataFolderLock(tmp_path, shared=True) for _ in range(2)]
    with pytest.raises(DataFolderInUse):
        DataFolderLock(tmp_path)
    with pytest.raises(data_folder.InUse):
        data_folder.remove(tmp_path)
    for lock in services:
        lock.close()
    whole = DataFolderLock(tmp_path)
    with pytest.raises(DataFolderInUse):
        DataFolderLock(tmp_path, shared=True)
    whole.close()


def test_broken_database_is_bad(tmp_path: Path) -> None:
    """A file that is no database is found before the shop finds it."""
    (tmp_path / "order.db").write_bytes(b"SQLite format 3\0" + b"\7" * 4096)
    (check,) = databases(tmp_path)
    assert (check.name, check.state) == ("order.db", "bad")


def test_size_of_a_database_counts_its_log(tmp_path: Path) -> None:
    """What was written lately is in the log next to the file, and the size counts it."""
    with closing(sqlite3.connect(tmp_path / "order.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        db.execute("INSERT INTO t VALUES (zeroblob(2097152))")
        db.commit()
        (check,) = databases(tmp_path)
    assert (check.state, check.seen) == ("good", "2.0 MiB, whole")


def test_free_port_is_good(unused_tcp_port: int) -> None:
    """A free port is good, but odd when a shop runs."""
    assert port_of("cart", "127.0.0.1", unused_tcp_port, running=False).state == "good"
    assert port_of("cart", "127.0.0.1", unused_tcp_port, running=True).state == "warning"


def test_port_of_somebody_else_is_bad() -> None:
    """A port that something else has is bad; the text says how to see who, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        check = port_of("gateway", "127.0.0.1", port, running=False)
    assert check.state == "bad"
    assert f"sport = :{port}" in check.mend
    assert "--port" in check.mend


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORE_CURRENCY", "pounds"),
        ("STORE_ORDER_LEASE_S", "-1"),
        ("STORE_USER_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("STORE_CART_URL", "http://cart"),
        ("STORE_CART_URL", "http://cart:999999"),
    ],
)
def test_setting_that_makes_no_sense_is_bad(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that `store up` would refuse is named, whichever service it is of, and the rest is checked too."""
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["doctor", "--json", "--data", str(tmp_path)])
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert (result.exit_code, checks["Settings"]["state"]) == (1, "bad")
    assert name in checks["Settings"]["seen"]
    assert checks["Python"]["state"] == "good"


def test_settings_that_can_be_meant_are_good(tmp_path: Path) -> None:
    """Without odd variables the settings are good."""
    assert by_name(visit(tmp_path, "127.0.0.1", 8080))["Settings"].state == "good"


def test_report_is_one_line_of_json(tmp_path: Path, shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor --json` lists every check and ends with 1 when one is bad."""
    busy = shop.base_url  # answers 404, so it is no shop of ours
    for name in ("CATALOG", "CART", "ORDER", "USER"):
        monkeypatch.setenv(f"STORE_{name}_URL", busy)
    result = CliRunner().invoke(app, ["doctor", "--json", "--data", str(tmp_path)])
    said = json.loads(result.stdout)
    assert (result.exit_code, said["ok"]) == (1, False)
    states = {check["name"]: check["state"] for check in said["checks"]}
    assert states[f"Port {busy.rpartition(':')[2]} (cart)"] == "bad"
    result = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "BAD" in result.stdout


def test_ports_are_those_of_the_settings(tmp_path: Path) -> None:
    """The ports looked at are the ones that the settings give the services."""
    shop = patient(tmp_path, "127.0.0.1", 9080, StoreSettings(cart_url="http://127.0.0.1:9001"))
    assert [shop.places[name][1] for name in ("gateway", "cart", "user")] == [9080, 9001, 8003]


def settings_check(data: Path) -> Check:
    """Return what doctor says of the settings."""
    return next(check for check in visit(data, "127.0.0.1", 9080) if check.name == "Settings")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("STORE_ODER_DELIVERY_MIN_S", "did you mean STORE_ORDER_DELIVERY_MIN_S?"),
        ("STORE_CART_MAX_LINE", "is not known"),
        ("STORE_XYZZY", "STORE_XYZZY is not known"),
    ],
)
def test_misspelt_variable_is_told_with_what_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    """An unknown variable is a warning."""
    monkeypatch.setenv(name, "1")
    check = settings_check(tmp_path)
    assert (check.state, says in check.seen) == ("warning", True), check


@pytest.mark.parametrize(
    "name", ["STORE_ORDER_TICK_S", "STORE_ADMIN_EMAIL", "STORE_PUBLIC_URL", "STORE_TEST"]
)
def test_known_variables_are_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Settings of services, of commands, of compose and of tests are known."""
    monkeypatch.setenv(name, "1")
    assert settings_check(tmp_path).state == "good"


def test_variables_of_compose_are_those_that_its_files_read() -> None:
    """What the files of infra/ name is known to the doctor, so that a .env for compose raises no warning."""
    infra = Path(__file__).parents[2] / "infra"
    named: set[str] = set()
    for path in [*infra.glob("docker-compose*.yml"), *infra.rglob("*.template"), *infra.rglob("*.sh")]:
        named |= set(re.findall(r"\$\{?(STORE_[A-Z_]+[A-Z])", path.read_text()))
    known = {f"STORE_{field.upper()}" for kind, _ in serving.SERVICES.values() for field in kind.model_fields}
    assert named - known <= variables.OF_COMPOSE | variables.OF_COMMANDS


def test_service_that_would_be_called_by_https_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services speak http on their own ports; a URL with https would reach none of them."""
    monkeypatch.setenv("STORE_CART_URL", "https://127.0.0.1:8001")
    check = settings_check(tmp_path)
    assert check.state == "bad"
    assert "STORE_CART_URL is https://127.0.0.1:8001: services speak http, not https" in check.seen
