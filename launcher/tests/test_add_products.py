"""What scripts/add_20000_product.sh runs, on a fake shop."""

import io
import json
from collections import deque
from pathlib import Path

import pytest

from launcher.tests.fake_shop import ADMIN, FakeShop
from scripts import add_products


@pytest.fixture(autouse=True)
def administrator(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fake shop's administrator be known, wait little, and ask no container."""
    monkeypatch.setenv("STORE_DATA_DIR", str(data))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(add_products, "FIRST_PAUSE_S", 0.001)


def test_products_are_added_once(shop: FakeShop, capsys: pytest.CaptureFixture[str]) -> None:
    """They come a thousand at a time; a second run adds none."""
    add_products.main(shop.base_url, 1500)
    assert capsys.readouterr().out.startswith("1000/1500\n1500/1500\n1500 created, 0 were there already, in ")
    add_products.main(shop.base_url, 1500)
    assert "0 created, 1500 were there already" in capsys.readouterr().out
    assert len(shop.products) == 1500


def test_a_terminal_gets_a_bar(shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line grows."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    said = Terminal()
    monkeypatch.setattr("sys.stdout", said)
    add_products.main(shop.base_url, 2)
    assert f"\r[{'#' * 40}] 2/2\n2 created" in said.getvalue()


def test_a_busy_shop_is_asked_again(shop: FakeShop) -> None:
    """503 and 429 are waited out, and an expired token is renewed; nothing is added twice."""
    shop.failures = {"POST /api/products/batch": deque([503, 429, 401])}
    add_products.main(shop.base_url, 3)
    assert len(shop.products) == 3


@pytest.mark.parametrize(
    ("failures", "says"),
    [
        ({"POST /api/products/batch": deque([422])}, "A batch was refused: 422"),
        ({"POST /api/auth/token": deque([400])}, f"Signing in as {ADMIN['email']} failed: 400"),
        ({"POST /api/products/batch": deque([503] * 9)}, "/api/products/batch: 503"),
    ],
)
def test_a_refusal_is_said(shop: FakeShop, failures: dict[str, deque[int]], says: str) -> None:
    """What the shop says is passed on."""
    shop.failures = failures
    with pytest.raises(SystemExit, match=says):
        add_products.main(shop.base_url, 3)


def test_a_shop_that_is_not_there_is_named(unused_tcp_port: int) -> None:
    """The address is in the text."""
    with pytest.raises(SystemExit, match=f"http://127.0.0.1:{unused_tcp_port} was not reached"):
        add_products.main(f"http://127.0.0.1:{unused_tcp_port}", 3)


def test_an_answer_that_is_no_problem_document_is_shown() -> None:
    """A proxy's page, or JSON of another shape, is quoted."""
    assert add_products.explained(502, b"<html>") == "502 b'<html>'"
    assert add_products.explained(500, b"[]") == "500 b'[]'"


def test_the_administrator_is_the_one_of_the_address(data: Path, tmp_path: Path) -> None:
    """Variables come first; else the one whose shop is there, else the only one known; without any it is said."""
    given = {"ADMIN_EMAIL": "a@shop.example", "ADMIN_PASSWORD": "p"}
    assert add_products.administrator_of("http://x", given) == ("a@shop.example", "p")
    known = json.loads((data / "secrets" / "demo_admin.json").read_text())
    for base in (known["base_url"], "http://another.example"):
        assert add_products.administrator_of(base, {"STORE_DATA_DIR": str(data)}).email == known["email"]
    with pytest.raises(SystemExit, match="set ADMIN_EMAIL and ADMIN_PASSWORD"):
        add_products.administrator_of("http://x", {"STORE_DATA_DIR": str(tmp_path / "none")})
