"""`store import` and `store replay` with files as people have them, against a small shop."""

import gzip
from collections import deque
from pathlib import Path

import pytest

from launcher.tests.fake_shop import FakeShop
from launcher.tests.real_files import LEFT_ASIDE, SOLD, as_csv, messy_rows, sale
from launcher.tests.test_commands import store, store_json

TOO_LONG = "the shop does not take its name: Too long"


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Return a ledger with everything in it that real ones have, as Windows writes it, zipped."""
    path = tmp_path / "messy [1].csv.gz"
    path.write_bytes(gzip.compress(as_csv(messy_rows(), ";", "\r\n").encode("cp1252")))
    return path


def test_import_leaves_aside_what_cannot_be_sold(shop: FakeShop, data: Path, messy: Path) -> None:
    """The rest is imported; what was left aside is counted and named by line, also what only the shop refuses."""
    code, said = store_json("import", "online-retail", messy, "--data", data)
    assert (code, said["created"], said["existing"]) == (0, 3, 0)
    aside = {reason["reason"]: (reason["count"], reason["lines"]) for reason in said["left_aside"]}
    assert aside == {TOO_LONG: (1, [9]), **{reason: (1, lines) for reason, lines in LEFT_ASIDE.items()}}
    assert {product.sku for product in shop.products.values()} == {"CAFE", "QUOTED", "EURO"}


def test_what_was_left_aside_is_said_in_words(data: Path, messy: Path) -> None:
    """A person reads how many lines, why, which, and what stood there."""
    code, said, _ = store("import", "online-retail", messy, "--data", data)
    assert code == 0
    assert "7 lines of the file left aside, since they cannot be sold as they stand:" in said
    assert "1 line: UnitPrice has a fraction of a penny ('0.001'); line 5" in said
    assert f"1 line: {TOO_LONG} ('SKU LONG, name NNNNN" in said


def test_replay_buys_the_rest(shop: FakeShop, data: Path, messy: Path) -> None:
    """Invoices are played without the lines that cannot be sold; the report names them as the import does."""
    code, said = store_json("replay", "online-retail", messy, "--data", data)
    assert (code, {name: said[name] for name in SOLD}) == (0, SOLD)
    assert len(said["left_aside"]) == 7
    assert (said["refused"], said["differing"], said["products_not_at_zero"]) == (0, 0, 0)
    assert {product.available for product in shop.products.values()} == {0}


@pytest.mark.parametrize("command", ["import", "replay"])
def test_strict_refuses_before_anything_is_done(
    shop: FakeShop, data: Path, messy: Path, command: str
) -> None:
    """--strict: the file is refused by its first bad line with exit code 2, and the shop has heard nothing."""
    code, said = store_json(command, "online-retail", messy, "--strict", "--data", data)
    assert code == 2
    assert said["error"].endswith("line 5: UnitPrice has a fraction of a penny ('0.001').")
    assert str(messy) in said["error"]
    assert not shop.requests


def test_strict_import_says_which_product_the_shop_refused_and_what_was_done(
    shop: FakeShop, data: Path, tmp_path: Path
) -> None:
    """The line and SKU of the file, not a place in a batch; how much is in the shop, and how to go on."""
    path = tmp_path / "ledger.csv"
    rows = [sale(1, f"S{n}", "N" * 201 if n == 777 else f"MUG {n}", 1, "1") for n in range(1000)]
    path.write_text(as_csv(iter(rows)))
    code, _, said = store("import", "online-retail", path, "--strict", "--data", data)
    assert code == 1
    assert f"{path}: line 779: the shop does not take its name: Too long ('SKU S777" in said
    assert "So far at least" in said
    assert "body." not in said
    assert store("import", "online-retail", path, "--data", data)[0] == 0
    assert len(shop.products) == 999


def test_many_refused_products_of_one_batch_are_all_found(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """The shop lists a few errors at a time; all its refusals are left aside, and the others are in."""
    path = tmp_path / "ledger.csv"
    rows = [sale(1, f"S{n}", "N" * 201 if n % 10 == 0 else f"MUG {n}", 1, "1") for n in range(100)]
    path.write_text(as_csv(iter(rows)))
    _, said = store_json("import", "online-retail", path, "--data", data)
    assert said["created"] == 90
    assert said["left_aside"] == [{"reason": TOO_LONG, "count": 10, "lines": [2, 12, 22, 32, 42]}]
    assert len(shop.products) == 90


def test_shop_that_goes_away_amid_an_import(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """What was done so far and how to go on is said of other errors too."""
    shop.failures = {"POST /api/products/batch": deque([500])}
    code, said = store_json("import", "online-retail", small_ledger, "--data", data)
    assert code == 1
    assert "So far at least 0 products were created" in said["error"]
