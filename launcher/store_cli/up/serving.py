"""The whole shop in one process: which services, with which settings, behind which gateway."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import store_cart.app
import store_cart.settings
import store_catalog.app
import store_catalog.settings
import store_order.app
import store_order.settings
import store_user.app
import store_user.settings
from store_cart.use_cases import UseCases as CartCases
from store_kit.refusals import Refusal
from store_kit.running.server import Runner, bind
from store_kit.running.service import Service, Wrap, unwrapped
from store_kit.settings import StoreSettings

from store_cli.reading_settings import read_settings
from store_cli.up.gateway import gateway, write_static_pages

SERVICES: Final[Mapping[str, tuple[type[StoreSettings], Callable[..., Service]]]] = {
    "catalog": (store_catalog.settings.CatalogSettings, store_catalog.app.create_service),
    "cart": (store_cart.settings.CartSettings, store_cart.app.create_service),
    "order": (store_order.settings.OrderSettings, store_order.app.create_service),
    "user": (store_user.settings.UserSettings, store_user.app.create_service),
}
"""Name -> its settings and its composition root."""


class DataFolderInUse(Refusal):
    """Another process runs a shop on the same data folder."""


class UnusableDataFolder(Refusal):
    """The data folder cannot be made, or not be written to."""


def _unusable(data_dir: Path, error: OSError) -> UnusableDataFolder:
    return UnusableDataFolder(
        f"The data folder {data_dir} cannot be used: {error.strerror}. Free some space there, let this user write it, "
        "or choose another with --data; store doctor looks."
    )


class DataFolderLock:
    """Keeps two shops from running on one data folder; the kernel releases it with the process.

    Args:
        data_dir: the folder; made when it does not exist.
        shared: together with other processes that share it, as services that run alone do.
    """

    def __init__(self, data_dir: Path, *, shared: bool = False) -> None:
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file: IO[str] = (data_dir / "lock").open("a+")
        except OSError as error:
            raise _unusable(data_dir, error) from error
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise DataFolderInUse(
                f"A shop already runs on {data_dir}. Stop it, or use another folder with --data."
            ) from error
        try:
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # closing tries to write it once more
                self._file.close()
            raise _unusable(data_dir, error) from error

    def close(self) -> None:
        """Let others run on the folder."""
        self._file.close()


def create_service(name: str, overrides: Mapping[str, Any], wrap: Wrap = unwrapped) -> Service:
    """Return one service; `overrides` go before the environment's settings.

    Raises:
        WrongSettings: a setting is invalid.
    """
    settings_type, create = SERVICES[name]
    return create(read_settings(settings_type, **overrides), wrap=wrap)


def create_shop(host: str, port: int, data_dir: Path, wrap: Wrap = unwrapped) -> Runner:
    """Return all services and the gateway, ready to run.

    Only the gateway listens on `host`. Each service listens where the others call it: at the host of its own URL,
    which is loopback by default.

    Raises:
        PortInUse: a port is taken.
        WrongSettings: a setting is invalid.
        ServiceUrlWithoutPort: a service would not know where to listen.
    """
    settings = read_settings(StoreSettings, data_dir=data_dir)
    services = [
        create_service(name, {"data_dir": data_dir, "host": settings.host_of(name)}, wrap)
        for name in SERVICES
    ]
    _introduce(*services)
    return Runner(services, (gateway(services, settings), bind(host, port)))


def _introduce(catalog: Service, cart: Service, *_others: Service) -> None:
    """Let carts hear of changed products at once; services in processes of their own ask every second."""
    use_cases: CartCases = cart.app.state.api.use_cases
    catalog.app.state.changes.listen(use_cases.follow_products.products.forget_products)


def write_pages(folder: Path) -> None:
    """Write Swagger, the OpenAPI document and the documentation as files below a new folder.

    Raises:
        FileExistsError: the folder exists.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as data:  # services are composed, which makes secrets; none is started
        services = [create_service(name, {"data_dir": Path(data)}) for name in SERVICES]
        write_static_pages(services, folder)
