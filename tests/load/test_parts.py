"""What the load test is made of, without Locust: the ledger's figures, the curves, the administrator."""

import json
from pathlib import Path

import pytest
from store_cli.importing.ledger import shipped_ledger

from perf.load.credentials import NobodyKnown, find_administrator
from perf.load.curves import users_at
from perf.load.ledger_figures import middles, page
from tests.architecture.tree import ROOT

SHOP = "http://127.0.0.1:9080"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Keep an administrator as `store up` does."""
    (tmp_path / "secrets").mkdir()
    known = {"email": "a@shop.example", "password": "from the file", "base_url": SHOP}
    (tmp_path / "secrets" / "demo_admin.json").write_text(json.dumps(known))
    return tmp_path


def test_the_figures_are_those_of_the_ledger() -> None:
    """Counting the shipped ledger again gives perf/load/figures.py, to the letter."""
    assert page(shipped_ledger()) == (ROOT / "perf" / "load" / "figures.py").read_text()


def test_the_middle_of_each_hundredth() -> None:
    """A hundred values stand for all, in order, each in the middle of its hundredth."""
    assert middles(range(1000)) == [10 * hundredth + 5 for hundredth in range(100)]
    assert middles([7]) == [7] * 100


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("steady", [100] * 6),
        ("ramp", [20, 40, 60, 80, 80, 100]),
        ("spike", [20, 20, 100, 20, 20, 20]),
    ],
)
def test_curves(shape: str, expected: list[int]) -> None:
    """Users at some moments of a run of a minute."""
    assert [users_at(shape, 100, at, 60.0) for at in (0, 15, 30, 40, 47, 59.9)] == expected


@pytest.mark.parametrize("shape", ["steady", "ramp", "spike"])
def test_somebody_is_always_there(shape: str) -> None:
    """A single user is one user in every shape, also after the end."""
    assert {users_at(shape, 1, at, 10.0) for at in (0.0, 5.0, 10.0, 99.0)} == {1}


def test_variables_say_who_the_administrator_is_before_any_file(data: Path) -> None:
    """ADMIN_EMAIL and ADMIN_PASSWORD come first, as for the scripts."""
    named = {"ADMIN_EMAIL": "b@shop.example", "ADMIN_PASSWORD": "named", "STORE_DATA_DIR": str(data)}
    assert find_administrator(SHOP, named) == ("b@shop.example", "named")


def test_the_embedded_shop_keeps_its_administrator(data: Path) -> None:
    """The file of `store up` is read; localhost and 127.0.0.1 are one shop."""
    found = find_administrator("http://localhost:9080", {"STORE_DATA_DIR": str(data)})
    assert found == ("a@shop.example", "from the file")


def test_a_shop_is_told_its_own_administrator_only(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types another host into Locust's page is not sent the password that lies there."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NobodyKnown, match=r"another\.example"):
        find_administrator("http://another.example:9080", {"STORE_DATA_DIR": str(data)})


def test_containers_call_their_shop_by_another_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the file that compose mounts, ADMIN_OF says whose it is."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("perf.load.credentials._IN_COMPOSE", data / "secrets" / "demo_admin.json")
    environment = {"STORE_DATA_DIR": str(tmp_path / "none"), "ADMIN_OF": "http://nginx"}
    assert find_administrator("http://nginx", environment).email == "a@shop.example"
    with pytest.raises(NobodyKnown):
        find_administrator("http://nginx.example", environment)


def test_nobody_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable, a file or a container nobody is the administrator; the text says what to do."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NobodyKnown, match="ADMIN_EMAIL"):
        find_administrator(SHOP, {"STORE_DATA_DIR": str(tmp_path)})


def test_the_administrator_shows_nothing(data: Path) -> None:
    """Neither e-mail nor password is in the text that a log or a traceback would show."""
    shown = f"{find_administrator(SHOP, {'STORE_DATA_DIR': str(data)})!r}"
    assert "shop.example" not in shown
    assert "from the file" not in shown
