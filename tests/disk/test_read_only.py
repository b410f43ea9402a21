"""Data that can only be read, by a mount or another user: each command says so, and changes nothing."""

import os
from pathlib import Path

import pytest

from tests.disk.conftest import Disk
from tests.support.audit import audit
from tests.support.commands import NOBODY, answer_of, said_by
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.disk]


async def test_a_read_only_mount(disk: Disk, tmp_path: Path) -> None:
    """A start is refused with the reason, doctor reports all of it, a backup is made all the same; then it goes on."""
    async with EmbeddedShop(disk.place / "shop") as shop:
        assert shop.process.stop() == 0
        disk.read_only(yes=True)
        up = ("up", "--port", str(shop.ports["gateway"]))
        code, output, complaints = await said_by(*up, data=shop.data_dir, env=shop.env)
        assert code == 1
        assert "Read-only file system" in output + complaints
        code, said = await answer_of("doctor", data=shop.data_dir, env=shop.env)
        checks = {check["name"]: check for check in said["checks"]}
        assert (code, checks["Data folder"]["state"]) == (1, "bad")
        assert "Mount it writable" in checks["Data folder"]["mend"]
        assert checks["user.db"]["state"] == "good"
        code, said = await answer_of("backup", str(tmp_path / "b"), data=shop.data_dir, env=shop.env)
        assert code == 0, said
        code, said = await answer_of("reset", "--yes", data=shop.data_dir, env=shop.env)
        assert (code, said["ok"]) == (1, False)
        code, said = await answer_of("users", "promote", "a@b.example", data=shop.data_dir, env=shop.env)
        assert (code, said["ok"]) == (1, False)
        disk.read_only(yes=False)
        await shop.start()
        await audit(shop)


def give(folder: Path, user: int) -> None:
    """Let everything in a folder belong to a user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)


async def test_another_user(disk: Disk, tmp_path: Path) -> None:
    """Who may not even read is told so by each command, in a sentence."""
    async with EmbeddedShop(disk.place / "shop") as shop:
        assert shop.process.stop() == 0
        give(shop.data_dir, NOBODY)
        port = str(shop.ports["gateway"])
        code, output, complaints = await said_by(
            "up", "--port", port, data=shop.data_dir, env=shop.env, mighty=False
        )
        assert code == 1
        assert "Permission denied" in output + complaints
        backup = ("backup", str(tmp_path / "b"))
        for words in (("doctor",), backup, ("reset", "--yes"), ("users", "promote", "a@b.example")):
            code, said = await answer_of(*words, data=shop.data_dir, env=shop.env, mighty=False)
            assert code != 0
            assert said["ok"] is False
        give(shop.data_dir, os.getuid())
        await shop.start()
        await audit(shop)
