"""What all tests share."""

import pytest
from hypothesis import settings

# What property tests show is what holds, not how fast: a busy machine must not make one red.
settings.register_profile("store", deadline=None)
settings.load_profile("store")


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what the services run on."""
    return "asyncio"
