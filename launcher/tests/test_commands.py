import json
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from store_cli import main
from store_cli.main import app
from store_cli.shop.accounts import Credentials, find_admin
from typer.testing import CliRunner

from launcher.tests.fake_shop import ADMIN, FakeProduct, FakeShop
from tests.support.shop_files import make_shop_files


def store(*words: object) -> tuple[int, str, str]:
    """Run a command; return its exit code, stdout and stderr."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def store_json(*words: object) -> tuple[int, dict[str, Any]]:
    """Run a command with --json; return its exit code and what the one line on stdout says."""
    code, stdout, _ = store(*words, "--json")
    assert len(stdout.splitlines()) == 1, stdout
    return code, json.loads(stdout)


def test_replay_counts_what_the_shop_answered(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """A replay makes one order per invoice and reports orders, lines, units and money of the answers."""
    code, said = store_json("replay", "online-retail", small_ledger, "--data", data)
    assert code == 0
    counted = {key: said[key] for key in ("orders", "lines", "units", "total_minor", "refused", "currency")}
    assert counted == {
        "orders": 3,
        "lines": 4,
        "units": 11,
        "total_minor": 2052,
        "refused": 0,
        "currency": "GBP",
    }
    assert said["seconds"] > 0
    assert {product.available for product in shop.products.values()} == {0}


@pytest.mark.parametrize("address", ["nonsense", "ftp://shop", "127.0.0.1:8080", "http://"])
def test_address_that_cannot_be_meant_is_wrong_usage(address: str, data: Path) -> None:
    """What is not a shop address is wrong usage, named before anything is tried."""
    code, _, said = store("audit", "--data", data, "--base-url", address)
    assert code == 2
    assert address in said


def test_wrong_settings_are_named_without_a_traceback(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`users promote` says which variable is wrong, as `store up` does."""
    (data / "user.db").touch()
    monkeypatch.setenv("STORE_CURRENCY", "pounds")
    code, said = store_json("users", "promote", "ann@example.com", "--data", data)
    assert (code, said["ok"]) == (2, False)
    assert "STORE_CURRENCY" in said["error"]


@pytest.mark.parametrize("concurrency", [1, 32])
@pytest.mark.parametrize("shoppers", [0, 1, 64])
def test_replay_is_the_same_with_any_concurrency(
    shop: FakeShop, data: Path, small_ledger: Path, concurrency: int, shoppers: int
) -> None:
    """However many shoppers buy at once, the totals are the same, and no shopper's cart is mixed up."""
    options = ("--concurrency", concurrency, "--shoppers", shoppers, "--data", data)
    code, said = store_json("replay", "online-retail", small_ledger, *options)
    assert (code, said["orders"], said["total_minor"], said["differing"]) == (0, 3, 2052, 0)
    assert len(shop.users) == 1 + {0: 3, 1: 1}.get(shoppers, said["shoppers"])


def test_replay_brings_stock_down_as_well_as_up(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """Whatever the shop has before, every product of the replayed invoices ends at zero, no other one does."""
    shop.products = {
        "x": FakeProduct("A", 150, 1000),
        "y": FakeProduct("B", 400, 0),
        "z": FakeProduct("C", 188, 7),
    }
    code, said = store_json("replay", "online-retail", small_ledger, "--limit", 2, "--data", data)
    assert (code, said["orders"], said["products"]) == (0, 2, 2)
    assert [product.available for product in shop.products.values()] == [0, 0, 7]


def test_second_replay_finds_its_accounts_and_orders_anew(
    shop: FakeShop, data: Path, small_ledger: Path
) -> None:
    """Repeating a replay on the same shop makes the same orders once more, by the same accounts."""
    words = ("replay", "online-retail", small_ledger, "--data", data)
    first, second = store_json(*words), store_json(*words)
    assert [(code, said["orders"], said["total_minor"]) for code, said in (first, second)] == [
        (0, 3, 2052)
    ] * 2
    assert len(shop.orders) == 6
    assert len(shop.users) == 1 + second[1]["shoppers"]


def test_replay_repeats_what_was_not_answered(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """503, 504 and "in progress" are asked again under the same key, and nothing counts twice."""
    shop.failures = {"POST /api/orders": deque([503, 504, 429]), "PUT /api/cart/items": deque([503])}
    shop.ask_again_first = True
    code, said = store_json("replay", "online-retail", small_ledger, "--data", data, "--concurrency", 1)
    assert (code, said["orders"], said["refused"]) == (0, 3, 0)
    assert len(shop.orders) == 3
    assert shop.requests["POST /api/orders"] == 3 + 3 + 1


def test_replay_signs_in_again_when_its_token_runs_out(
    shop: FakeShop, data: Path, small_ledger: Path
) -> None:
    """A token that the shop does not take any more is renewed on the way."""
    shop.failures = {"POST /api/orders": deque([401]), "PUT /api/cart/items": deque([401])}
    code, said = store_json("replay", "online-retail", small_ledger, "--data", data)
    assert (code, said["orders"]) == (0, 3)


def test_replay_orders_again_what_the_shop_took_back(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """An order that a crash of the shop interrupted is placed again under a new key; none is refused."""
    shop.take_back_next = True
    code, said = store_json("replay", "online-retail", small_ledger, "--data", data)
    assert (code, said["orders"], said["refused"]) == (0, 3, 0)


def test_replay_reports_refused_orders(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """An order that the shop refuses is counted, said in words and is exit code 1; its stock stays."""
    shop.failures = {"POST /api/orders": deque([409])}
    code, stdout, stderr = store("replay", "online-retail", small_ledger, "--data", data)
    assert code == 1
    assert "1 refused" in stdout
    assert "409: Not now" in stderr
    assert "available, not 0" in stderr


def test_import_is_safe_to_repeat(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """The first import creates the ledger's products with their stock, the second one leaves them alone."""
    words = ("import", "online-retail", small_ledger, "--data", data)
    assert store_json(*words) == (0, {"created": 3, "existing": 0, "left_aside": []})
    assert store_json(*words) == (0, {"created": 0, "existing": 3, "left_aside": []})
    stock = {product.sku: product.available for product in shop.products.values()}
    assert stock == {"A": 6, "B": 1, "C": 4}


def test_import_once(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """A product that was deleted after the first import does not come back; a failed import is made again."""
    words = ("import", "online-retail", small_ledger, "--data", data, "--once")
    shop.failures = {"POST /api/products/batch": deque([422])}
    assert store(*words)[0] == 1
    assert shop.imports == {"online-retail": "BEGUN"}
    assert store_json(*words) == (0, {"created": 3, "existing": 0, "left_aside": []})
    shop.products.clear()
    assert store_json(*words) == (0, {"created": 0, "existing": 0, "left_aside": []})
    assert not shop.products


def test_import_reports_products_that_are_refused(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """What the shop says about a product that it does not take is passed on, and is exit code 1."""
    shop.failures = {"POST /api/products/batch": deque([422])}
    code, _, stderr = store("import", "online-retail", small_ledger, "--data", data)
    assert code == 1
    assert "answered with 422: Not now. Try it (trace t1)" in stderr


def test_seed_makes_the_same_products_each_time(shop: FakeShop, data: Path) -> None:
    """Seeding twice adds nothing the second time; seeding more adds only what is missing."""
    assert store_json("seed", "--products", 700, "--data", data)[1]["created"] == 700
    _, again = store_json("seed", "--products", 1200, "--data", data)
    assert (again["created"], again["existing"]) == (500, 700)
    assert len({product.sku for product in shop.products.values()}) == 1200


def test_audit_of_right_books_is_good(data: Path, small_ledger: Path) -> None:
    """After a replay the books are right: exit code 0, no violations, everything added up."""
    store("replay", "online-retail", small_ledger, "--data", data)
    code, said = store_json("audit", "--data", data, "--pause", 0)
    assert (code, said["ok"], said["violations"], said["looks"]) == (0, True, [], 1)
    assert (said["received"], said["held"], said["charged_minor"]) == (11, 11, 2052)


def test_audit_finds_what_is_wrong(shop: FakeShop, data: Path, small_ledger: Path) -> None:
    """A total that is not the sum of its lines is a violation: exit code 1, named with its order."""
    shop.price_error_minor = 1
    store("replay", "online-retail", small_ledger, "--data", data)
    code, said = store_json("audit", "--data", data, "--pause", 0)
    assert (code, said["ok"], said["looks"]) == (1, False, 2)
    assert {found["code"] for found in said["violations"]} == {"total-differs"}
    code, _, stderr = store("audit", "--data", data, "--pause", 0)
    assert code == 1
    assert stderr.count("total-differs") == 3


def test_audit_reads_every_page(shop: FakeShop, data: Path) -> None:
    """More products than a page holds are all read."""
    shop.products = {f"p{n}": FakeProduct(f"S{n}", 1, 3) for n in range(250)}
    assert store_json("audit", "--data", data)[1]["received"] == 750


def test_wrong_usage_is_exit_code_2(data: Path, tmp_path: Path) -> None:
    """A missing file, a broken ledger, unknown options and missing credentials are wrong usage."""
    broken = tmp_path / "broken.csv"
    broken.write_text("no,ledger\n")
    assert store("replay", "online-retail", tmp_path / "none.csv", "--data", data)[0] == 2
    assert store("replay", "online-retail", broken, "--data", data)[0] == 2
    assert store("replay", "online-retail", "--concurrency", 0, "--data", data)[0] == 2
    assert store("audit", "--nonsense")[0] == 2
    code, _, stderr = store("audit", "--data", tmp_path / "nowhere")
    assert code == 2
    assert "STORE_ADMIN_EMAIL" in stderr


def test_no_shop_is_said_in_a_sentence(data: Path, unused_tcp_port: int) -> None:
    """When nobody answers, the command says where it asked and how to start a shop: exit code 1."""
    code, stdout, stderr = store("audit", "--data", data, "--base-url", f"http://127.0.0.1:{unused_tcp_port}")
    assert (code, stdout) == (1, "")
    assert "Is it running? (store up)" in stderr


def test_error_is_json_too_when_json_is_wanted(data: Path, shop: FakeShop) -> None:
    """With --json a failure is one line of JSON as well."""
    shop.users[ADMIN["email"]] = "changed"
    code, said = store_json("audit", "--data", data)
    assert code == 1
    assert said["ok"] is False
    assert "Wrong password" in said["error"]


def test_reset_asks_before_it_deletes(tmp_path: Path) -> None:
    """Without a yes nothing is deleted; with one the folder is gone; once more there is nothing to do."""
    data = tmp_path / "shop"
    make_shop_files(data)
    assert CliRunner().invoke(app, ["reset", "--data", str(data)], input="n\n").exit_code == 1
    assert data.exists()
    assert CliRunner().invoke(app, ["reset", "--data", str(data)], input="y\n").exit_code == 0
    assert not data.exists()
    assert store_json("reset", "--data", data) == (0, {"ok": True, "deleted": False})


def test_promote_needs_a_data_folder(tmp_path: Path) -> None:
    """Promoting in a folder without accounts is wrong usage, and makes no new shop there."""
    code, _, stderr = store("users", "promote", "ann@shop.example", "--data", tmp_path / "none")
    assert code == 2
    assert "no user.db" in stderr
    assert not (tmp_path / "none").exists()


def test_credentials_come_from_variables_first(data: Path) -> None:
    """STORE_ADMIN_EMAIL and STORE_ADMIN_PASSWORD win over the demo's file; a password is never in the repr."""
    assert find_admin(data, {}).email == ADMIN["email"]
    given = find_admin(data, {"STORE_ADMIN_EMAIL": "me@shop.example", "STORE_ADMIN_PASSWORD": "hush hush"})
    assert given == Credentials("me@shop.example", "hush hush")
    assert "hush" not in repr(given)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    """The sentence of the table is the first paragraph of the command's own help."""
    said = main.command(name).help.partition("\n\n")[0]
    assert " ".join(said.split()) == main.COMMANDS[name][1]


def test_the_list_of_commands_imports_none_of_them() -> None:
    """`store --help` is quick: no service, no driver, no web client is imported for it."""
    program = "import sys; from store_cli.main import command; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert not {"fastapi", "cassandra", "aiohttp", "pydantic", "store_catalog"} & set(done.stdout.split())


def test_help_of_every_command_is_for_people() -> None:
    """The whole `store` command is wired: each command explains itself."""
    for words in (
        (),
        ("up",),
        ("run",),
        ("import", "online-retail"),
        ("replay", "online-retail"),
        ("audit",),
    ):
        result = CliRunner().invoke(app, [*words, "--help"])
        assert (result.exit_code, "Usage" in result.stdout) == (0, True), words
