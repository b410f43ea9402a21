"""The four services as their composition roots build them, not started."""

import importlib

import pytest
from store_kit.running.service import Service

from tests.architecture.tree import SERVICES


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> list[Service]:
    """Return all services, composed on an empty data folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        return [importlib.import_module(f"{package}.app").create_service() for package in SERVICES]
