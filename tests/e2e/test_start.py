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
        assert "warning" not in said
        assert "error" not in said
