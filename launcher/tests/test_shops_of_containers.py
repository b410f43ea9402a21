"""What containers need before they start: secrets for each service, its pages for nginx."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from store_cart.app import create_service as cart
from store_cart.settings import CartSettings
from store_catalog.app import create_service as catalog
from store_catalog.settings import CatalogSettings
from store_cli.main import app
from store_cli.secrets.files import NEEDED
from store_cli.up import gateway
from store_order.app import create_service as order
from store_order.settings import OrderSettings
from store_user.app import create_service as user
from store_user.settings import UserSettings
from typer.testing import CliRunner

FILES = sorted(f"{service}/{name}" for service, names in NEEDED.items() for name in names)


def store(*words: object) -> tuple[int, dict[str, Any]]:
    """Run a command; return its exit code and what it said."""
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


def values(folder: Path) -> dict[str, str]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_each_service_starts_with_the_secrets_made_for_it(tmp_path: Path) -> None:
    """In production, where a service makes nothing by itself, its folder holds all it needs to be composed."""
    assert store("secrets", "init", tmp_path / "secrets")[0] == 0

    def settings(service: str) -> dict[str, Any]:
        return {
            "environment": "production",
            "secrets_dir": tmp_path / "secrets" / service,
            "data_dir": tmp_path,
        }

    cart(CartSettings(**settings("cart")))
    catalog(CatalogSettings(**settings("catalog")))
    order(OrderSettings(**settings("order")))
    user(UserSettings(**settings("user")))


def test_secrets_are_private_shared_by_two_at_most_and_never_said(tmp_path: Path) -> None:
    """Files have mode 0600; a service's own secret is known to it and the user service; no other value repeats."""
    code, said = store("secrets", "init", tmp_path)
    found = values(tmp_path)
    assert (code, sorted(said["made"]), sorted(found)) == (0, FILES, FILES)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in found} == {0o600}
    assert not [value for value in found.values() if value in json.dumps(said)]
    assert found["user/service_secret_catalog"] == found["catalog/service_secret_catalog"]
    assert found["user/service_secret_cart"] == found["cart/service_secret_cart"]
    assert found["user/service_secret_order"] == found["order/service_secret_order"]
    assert len(set(found.values())) == len(found) - 3


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    """A second run changes nothing; a lost copy of a shared secret is made again with the same value."""
    store("secrets", "init", tmp_path)
    before = values(tmp_path)
    (tmp_path / "cart" / "service_secret_cart").unlink()
    code, said = store("secrets", "init", tmp_path)
    assert (code, said["made"], values(tmp_path)) == (0, ["cart/service_secret_cart"], before)


def test_nothing_is_written_where_all_is_there(tmp_path: Path) -> None:
    """Secrets that are complete may lie on a mount that can only be read: not even a draft is written beside them."""
    store("secrets", "init", tmp_path)
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    before = [folder.stat().st_mtime_ns for folder in folders]
    code, said = store("secrets", "init", tmp_path)
    assert (code, said["made"]) == (0, [])
    assert [folder.stat().st_mtime_ns for folder in folders] == before


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_secret_that_is_empty_or_short_is_not_kept(content: str, tmp_path: Path) -> None:
    """What pwgen leaves when it is missing is no secret: it is named, and stays as it is."""
    store("secrets", "init", tmp_path)
    file = tmp_path / "user" / "refresh_key"
    file.write_text(content)
    code, said = store("secrets", "init", tmp_path)
    assert (code, "refresh_key" in said["error"], file.read_text()) == (1, True, content)


def test_two_values_of_one_secret_are_refused(tmp_path: Path) -> None:
    """Services that could not recognise each other are not started."""
    store("secrets", "init", tmp_path)
    (tmp_path / "cart" / "service_secret_cart").write_text("odd-one" * 8)
    code, said = store("secrets", "init", tmp_path)
    assert (code, "service_secret_cart" in said["error"]) == (1, True)
    assert "odd-one" not in said["error"]


def test_init_makes_a_demo_and_repeats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets and an administrator are there after the first run; the second one changes neither."""
    monkeypatch.setenv("STORE_USER_ARGON2_MEMORY_KIB", "8")
    words = (
        "init",
        "--secrets",
        tmp_path / "secrets",
        "--data",
        tmp_path / "data",
        "--base-url",
        "http://shop",
    )
    first = store(*words)
    assert first == (0, {"ok": True, "secrets_made": 14, "files_applied": 0, "administrator_is_new": True})
    kept = values(tmp_path / "data" / "secrets")
    assert json.loads(kept["demo_admin.json"])["base_url"] == "http://shop"
    second = store(*words)
    assert second == (0, {"ok": True, "secrets_made": 0, "files_applied": 0, "administrator_is_new": False})
    assert values(tmp_path / "data" / "secrets") == kept


def test_pages_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Swagger, the API's document and the documentation become files; a folder that exists is left alone."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(gateway, "SITE", site)
    assert store("pages", tmp_path / "none")[0] == 1
    (site / "index.html").write_text("documentation")
    assert store("pages", tmp_path / "pages")[0] == 0
    assert (tmp_path / "pages/docs/index.html").read_text() == "documentation"
    assert "/api/orders" in json.loads((tmp_path / "pages/openapi.json").read_text())["paths"]
    assert (tmp_path / "pages/swagger/index.html").is_file()
    assert store("pages", tmp_path / "pages")[0] == 1
