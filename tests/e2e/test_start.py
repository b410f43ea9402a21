"""What a shop says when it starts."""

from pathlib import Path

import pytest

from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_shop_that_starts_warns_of_nothing(tmp_path: Path) -> None:
    """Background work begins when the services that it calls listen: nothing is unreachable meanwhile."""
    for _ in range(2):  # from nothing, and on what is there
        async with EmbeddedShop(tmp_path) as shop:
            said = shop.process.output()
        assert "service.started" in said
        assert "warning" not in said.lower()
        assert "error" not in said.lower()


async def test_a_shop_whose_secrets_others_may_read_says_so(tmp_path: Path) -> None:
    """It starts all the same, names each of them at every start, and says what to run; then it is quiet again."""
    async with EmbeddedShop(tmp_path) as shop:
        assert shop.process.stop() == 0
        secrets = tmp_path / "secrets"
        for name, mode in (("refresh_key", 0o644), ("demo_admin.json", 0o640)):
            (secrets / name).chmod(mode)
        for _ in range(2):
            await shop.start()
            said = " ".join(shop.process.output().split())
            assert (
                f"Warning: Others may read demo_admin.json, refresh_key. Run: chmod -R go-rwx {secrets}"
                in said
            )
            assert shop.process.stop() == 0
        for path in (secrets, *secrets.iterdir()):
            path.chmod(path.stat().st_mode & ~0o077)
        await shop.start()
        assert "Others may read" not in shop.process.output()


async def test_a_shop_in_a_folder_whose_name_looks_like_markup_starts(tmp_path: Path) -> None:
    """Also where it tells of the folder: in the welcome and in the warning."""
    folder = tmp_path / "shop [" / "] [red]x"
    async with EmbeddedShop(folder) as shop:
        assert shop.process.stop() == 0
        (folder / "secrets" / "refresh_key").chmod(0o644)
        await shop.start()
        said = "".join(shop.process.output().split())
        assert f"go-rwx{folder}/secrets".replace(" ", "") in said
        assert shop.process.stop() == 0
        assert "Traceback" not in shop.process.output()
