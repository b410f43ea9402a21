"""What the tests of the catalogue share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.catalog.tests.serving import Shop, catalog_shop
from services.catalog.tests.stores import FACTORIES, Factory, Stores


@pytest.fixture(params=sorted(FACTORIES))
def factory(request: pytest.FixtureRequest) -> Factory:
    """Return each adapter's factory in turn."""
    return FACTORIES[request.param]


@pytest.fixture
async def stores(factory: Factory, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an adapter's empty stores."""
    async with factory(tmp_path) as opened:
        yield opened


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """Return a running catalogue service."""
    async with catalog_shop(tmp_path) as running:
        yield running
