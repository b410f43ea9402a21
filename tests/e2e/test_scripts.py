"""The two scripts that a person runs: fill the shop, and try every service of it."""

import json
import os
import subprocess
from pathlib import Path

import anyio
import pytest

from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.curl]

ROOT = Path(__file__).resolve().parents[2]
FILL = ROOT / "scripts" / "add_20000_product.sh"
TRY = ROOT / "test_all_microservices.sh"
NOBODY = "http://127.0.0.1:9"


async def run(script: Path, folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in a folder that is not the repository's."""
    return await anyio.run_process([str(script), *args], check=False, cwd=folder, env={**os.environ, **env})


async def test_the_shop_is_filled_once_and_every_service_passes(shop: EmbeddedShop, tmp_path: Path) -> None:
    """20 000 products appear, a second run adds none, and the smoke test of all services is all OK."""
    data = {"STORE_DATA_DIR": str(shop.data_dir)}
    first = await run(FILL, tmp_path, shop.base_url, **data)
    assert first.returncode == 0, first
    assert b"20000 created, 0 were there already" in first.stdout
    second = await run(FILL, tmp_path, shop.base_url + "/", **data)
    assert b"0 created, 20000 were there already" in second.stdout
    tried = await run(TRY, tmp_path, shop.base_url)
    assert tried.returncode == 0, tried.stdout.decode()
    assert b" 0 failed" in tried.stdout


async def test_filling_needs_an_administrator(shop: EmbeddedShop, tmp_path: Path) -> None:
    """A wrong password and a missing one are said, and nothing is added."""
    wrong = await run(
        FILL, tmp_path, shop.base_url, ADMIN_EMAIL="a@example.com", ADMIN_PASSWORD="not this one"
    )
    assert (wrong.returncode, b"Signing in as a@example.com failed: 400" in wrong.stderr) == (1, True)
    unknown = await run(FILL, tmp_path, shop.base_url, STORE_DATA_DIR=str(tmp_path))
    assert (unknown.returncode, b"set ADMIN_EMAIL and ADMIN_PASSWORD" in unknown.stderr) == (1, True)


async def test_the_administrator_of_the_containers_is_found(shop: EmbeddedShop, tmp_path: Path) -> None:
    """Whoever's shop is at the address signs in: the containers' administrator, though another shop's file is there."""
    known = json.loads((shop.data_dir / "secrets" / "demo_admin.json").read_text())
    other = tmp_path / "other" / "secrets" / "demo_admin.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"email": "b@example.com", "password": "not this one", "base_url": NOBODY}))
    compose = tmp_path / "bin" / "docker-compose"
    compose.parent.mkdir()
    compose.write_text(f"#!/bin/sh\necho '{json.dumps({**known, 'base_url': shop.base_url})}'\n")
    compose.chmod(0o755)
    env = {"STORE_DATA_DIR": str(tmp_path / "other"), "PATH": f"{compose.parent}:{os.environ['PATH']}"}
    done = await run(FILL, tmp_path, shop.base_url, PRODUCTS="2", **env)
    assert (done.returncode, b"2 created" in done.stdout or b"2 were there" in done.stdout) == (0, True), done


@pytest.mark.parametrize(
    ("args", "code"), [((NOBODY,), 1), (("--nonsense",), 2), (("a", "b"), 2), (("--help",), 0)]
)
async def test_wrong_use_is_told_from_failure(tmp_path: Path, args: tuple[str, ...], code: int) -> None:
    """No shop there is 1, wrong usage is 2, help is 0; for both scripts."""
    for script in (FILL, TRY):
        assert (await run(script, tmp_path, *args)).returncode == code
