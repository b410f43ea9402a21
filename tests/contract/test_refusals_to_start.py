"""What must not start: it says why, names what is wrong, leaves everything as it was, and ends with 1."""

import asyncio
import contextlib
import os
import re
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from store_kit.running.server import bind

from tests.support.audit import audit
from tests.support.ports import lasting_port
from tests.support.shop import SERVICES, EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
GOT_STUCK_S: Final = 60


async def started(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a `store` command that should end by itself; return its exit code and what it said."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "store_cli", *command],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=GOT_STUCK_S,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def ports(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return settings that put every service on a free port."""
    urls = {f"STORE_{name.upper()}_URL": f"http://127.0.0.1:{lasting_port()}" for name in SERVICES}
    return {**urls, **(env or {})}


async def test_a_second_shop_on_one_folder(tmp_path: Path) -> None:
    """A folder is one shop's: a second one, on other ports, is refused by name, and so is a single service."""
    async with EmbeddedShop(tmp_path) as shop:
        up = ["up", "--port", str(lasting_port()), "--data", str(tmp_path)]
        for command in (up, ["run", "cart", "--data", str(tmp_path)]):
            code, said = await started(command, ports())
            assert code == 1, said
            assert f"A shop already runs on {tmp_path}" in said
            assert "--data" in said
        await audit(shop)


@pytest.mark.parametrize("whose", ["gateway", "catalog", "user"])
async def test_a_taken_port(whose: str, tmp_path: Path) -> None:
    """A port that another program holds is named, whosever it is, and the ports before it are free again."""
    env = ports()
    gateway = str(lasting_port())
    taken = gateway if whose == "gateway" else env[f"STORE_{whose.upper()}_URL"].rpartition(":")[2]
    with bind("127.0.0.1", int(taken)) as held:
        held.listen()
        code, said = await started(["up", "--port", gateway, "--data", str(tmp_path)], env)
    assert code == 1, said
    assert f"Port {taken} " in said
    assert "store doctor" in said
    for url in env.values():
        bind("127.0.0.1", int(url.rpartition(":")[2])).close()


async def test_production_makes_no_secrets(tmp_path: Path) -> None:
    """Outside embedded mode nothing starts without its secrets; each refusal names one, and no file is made."""
    env = ports({"STORE_ENVIRONMENT": "production", "STORE_DATA_DIR": str(tmp_path)})
    for command in (["up", "--port", str(lasting_port())], *(["run", name] for name in SERVICES)):
        code, said = await started(command, env)
        assert code == 1, said
        named = re.search(r"The secret '(\w+)' is missing", said)
        assert named, f"{command}: {said}"
        assert f"STORE_{named[1].upper()}" in said
    assert not (tmp_path / "secrets").exists()


async def test_production_starts_with_secrets(tmp_path: Path) -> None:
    """Given all secrets as files that nobody else may read it starts, and makes none of its own."""
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    services = tuple(f"service_secret_{name}" for name in SERVICES)
    for name in ("cursor_key", "guest_cart_key", "refresh_key", *services):
        (folder / name).write_text(secrets.token_urlsafe(32))
    (folder / "signing_key").write_bytes(signing_key())
    given = {file.name for file in folder.iterdir()}
    env = ports({"STORE_ENVIRONMENT": "production"})
    code, said = await started(["up", "--port", str(lasting_port()), "--data", str(tmp_path)], env)
    assert (code, "Others may read cursor_key" in said, "chmod -R go-rwx" in said) == (1, True, True), said
    for file in folder.iterdir():
        file.chmod(0o600)
    async with EmbeddedShop(tmp_path, {"STORE_ENVIRONMENT": "production"}):
        made = {file.name for file in folder.iterdir()} - given
    assert made <= {"demo_admin.json"}


def signing_key() -> bytes:
    """Return a new private key as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORE_CURRENCY", "pounds"),
        ("STORE_ORDER_DELIVERY_MIN_S", "500"),
        ("STORE_CART_URL", "http://cart"),
        ("STORE_CART_URL", "http://cart:999999"),
        ("STORE_USER_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("STORE_USER_TRUSTED_PROXIES", '["everybody"]'),
    ],
)
async def test_a_setting_that_makes_no_sense(name: str, value: str, tmp_path: Path) -> None:
    """A setting that cannot be meant is refused by its name."""
    env = ports({name: value})
    code, said = await started(["up", "--port", str(lasting_port()), "--data", str(tmp_path)], env)
    assert code == 1, said
    assert name in said, said


@pytest.mark.parametrize(
    ("name", "content"), [("refresh_key", b""), ("guest_cart_key", b"\n"), ("cursor_key", b"k")]
)
async def test_a_secret_that_is_empty_or_short(name: str, content: bytes, tmp_path: Path) -> None:
    """An empty file is no key, nor is a line end or one letter: the secret is named, nothing is made or signed."""
    file = tmp_path / "secrets" / name
    file.parent.mkdir(mode=0o700)
    file.write_bytes(content)
    code, said = await started(["up", "--port", str(lasting_port()), "--data", str(tmp_path)], ports())
    assert code == 1, said
    assert f"The secret '{name}'" in said
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("secrets/signing_key", "The secret 'signing_key'"),
        ("secrets/cursor_key", "The secret 'cursor_key'"),
        ("secrets/demo_admin.json", "The secret 'demo_admin'"),
        ("cart.db", "cart.db cannot be used as a database"),
        ("catalog.db", "catalog.db cannot be used as a database"),
    ],
)
async def test_a_file_that_is_not_what_it_should_be(broken: str, named: str, tmp_path: Path) -> None:
    """A secret or a database that was damaged is refused by its name, and nothing of it is shown."""
    file = tmp_path / broken
    file.parent.mkdir(mode=0o700, exist_ok=True)
    content = b"\xff\xfe damaged " * 100
    file.write_bytes(content)
    code, said = await started(["up", "--port", str(lasting_port()), "--data", str(tmp_path)], ports())
    assert code == 1, said
    assert named in said
    assert "damaged" not in said
    assert file.read_bytes() == content


@pytest.mark.parametrize("file", ["catalog.db", "user.db"])
async def test_a_database_of_a_newer_version(file: str, tmp_path: Path) -> None:
    """Old code does not touch what newer code has written, whichever service's it is, and says so."""
    async with EmbeddedShop(tmp_path) as shop:
        assert shop.process.stop() == 0
    with contextlib.closing(sqlite3.connect(tmp_path / file)) as database, database:
        database.executemany(
            "INSERT OR IGNORE INTO schema_migrations VALUES (?, '', '')", [(n,) for n in range(1, 100)]
        )
    code, said = await started(["up", "--port", str(lasting_port()), "--data", str(tmp_path)], ports())
    assert code == 1, said
    assert f"{file} has schema 99" in said
    assert "it was written by a newer version" in said


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A data folder that is a file is refused by its name."""
    folder = tmp_path / "file"
    folder.write_text("")
    code, said = await started(["up", "--port", str(lasting_port()), "--data", str(folder)], ports())
    assert code in (1, 2), said
    assert str(folder) in said
