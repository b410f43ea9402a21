"""What all tests share."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# What property tests show is what holds, not how fast: a busy machine must not make one red.
settings.register_profile("store", deadline=None)
settings.load_profile("store")


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what the services run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Give the process its own logging back: a command that a test runs in it sets up that of the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if structlog.is_configured():
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
