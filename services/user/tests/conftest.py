"""A user service on a free port, with cheap passwords: hashing at full cost has its own test."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from store_kit.clock import ManualClock
from store_kit.service import Service
from store_kit.testing import serve_service
from store_user.app import create_service
from store_user.settings import UserSettings

from services.user.tests.shop import Shop

Configure = Callable[..., UserSettings]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Settings of a test: a folder of its own, cheap passwords, whatever else the test says."""

    def make(**changes: object) -> UserSettings:
        cheap = {"user_argon2_time_cost": 1, "user_argon2_memory_kib": 8, "data_dir": tmp_path}
        raised = {"user_login_limit_account": "100000/second", "user_login_limit_address": "100000/second"}
        return UserSettings.model_validate(cheap | raised | changes)

    return make


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(configure: Configure, clock: ManualClock) -> Service:
    return create_service(configure(), clock=clock)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve_service(service) as session:
        yield session


@pytest.fixture
def shop(client: aiohttp.ClientSession, service: Service) -> Shop:
    return Shop(client, service)
