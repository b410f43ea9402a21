"""What the HTTP tests of the cart service share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.cart.tests.serving import CartShop, cart_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[CartShop]:
    """Return a running cart service with small limits."""
    async with cart_shop(tmp_path, cart_max_quantity=1_000, cart_max_lines=3) as running:
        yield running
