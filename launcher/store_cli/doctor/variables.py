"""Unknown `STORE_*` variables and unusable service URLs, which settings alone do not refuse."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from store_kit.settings import StoreSettings
from store_kit.shop import SERVICES

PREFIX: Final = "STORE_"
OF_COMMANDS: Final = frozenset({"STORE_ADMIN_EMAIL", "STORE_ADMIN_PASSWORD", "STORE_BASE_URL"})
"""Read by the commands, in addition to the services' settings."""
OF_COMPOSE: Final = frozenset(
    {
        "STORE_BEGIN_ANEW",
        "STORE_DATA_PREFIX",
        "STORE_LOG_ADDRESS",
        "STORE_LOG_SUBNET",
        "STORE_PORT",
        "STORE_PUBLIC_URL",
        "STORE_SERVICE",
        "STORE_TLS_DIR",
        "STORE_TLS_PORT",
        "STORE_VERSION",
    }
)
"""Read by infra/docker-compose.yml and the images."""
OF_TESTS: Final = ("STORE_TEST", "STORE_CHAOS_", "STORE_NODE_")


def unknown(environment: Mapping[str, str], kinds: Iterable[type[StoreSettings]]) -> Iterator[str]:
    """Yield a sentence for each `STORE_*` variable that nothing of the shop reads, with what may be meant."""
    settings = {f"{PREFIX}{name.upper()}" for kind in kinds for name in kind.model_fields}
    known = settings | OF_COMMANDS | OF_COMPOSE
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.upper() in known or name.startswith(OF_TESTS):
            continue
        meant = difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.75)
        yield f"{name} is not known{f': did you mean {meant[0]}?' if meant else ''}"


def leading_nowhere(settings: StoreSettings) -> Iterator[str]:
    """Yield a sentence for each URL of a service that the services cannot be called at."""
    for name in SERVICES:
        url = str(getattr(settings, f"{name}_url"))
        if (scheme := urlsplit(url).scheme) != "http":
            yield f"STORE_{name.upper()}_URL is {url}: services speak http, not {scheme or 'this'}"
