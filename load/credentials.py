"""Who the administrator is: read where the scripts read it, never written here."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_ROOT: Final = Path(__file__).resolve().parents[1]
_IN_COMPOSE: Final = Path("/run/admin/demo_admin.json")
_SHOW: Final = f"print(open({str(_IN_COMPOSE)!r}).read())"
_PATIENCE_S: Final = 30


class Administrator(NamedTuple):
    """E-mail and password of an account; its text shows neither."""

    email: str
    password: str

    def __repr__(self) -> str:
        """Keep both out of logs and of Locust's pages."""
        return "Administrator(...)"


class NobodyKnown(Exception):
    """No place says who the administrator is; the text says what to do."""


def find_administrator(host: str, environment: Mapping[str, str] = os.environ) -> Administrator:
    """Return the administrator of the shop at `host`.

    ADMIN_EMAIL and ADMIN_PASSWORD come first; then the file of `store up` (STORE_DATA_DIR or .store/), the file
    that compose mounts, and the one in compose's containers: of these the one whose shop is at `host`, else the
    first.

    Raises:
        NobodyKnown: there is none of these.
    """
    if environment.get("ADMIN_EMAIL") and environment.get("ADMIN_PASSWORD"):
        return Administrator(environment["ADMIN_EMAIL"], environment["ADMIN_PASSWORD"])
    folder = Path(environment.get("STORE_DATA_DIR") or _ROOT / ".store")
    found: list[Administrator] = []
    for shop, administrator in _known((folder / "secrets" / "demo_admin.json").read_text):
        if _address(shop) == _address(host):
            return administrator
        found.append(administrator)
    if not found:
        raise NobodyKnown("No administrator is known: set ADMIN_EMAIL and ADMIN_PASSWORD.")
    return found[0]


def _known(of_the_embedded_shop: Callable[[], str]) -> Iterator[tuple[str, Administrator]]:
    for read in (of_the_embedded_shop, _IN_COMPOSE.read_text, _of_the_containers):
        try:
            known = json.loads(read())
            yield known.get("base_url", ""), Administrator(known["email"], known["password"])
        except (OSError, ValueError, KeyError, subprocess.SubprocessError):
            continue  # it is not there; the next may be


def _of_the_containers() -> str:
    compose = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    command = [*compose, "-f", str(_ROOT / "infra" / "docker-compose.yml"), "exec", "-T", "user"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "python", "-c", _SHOW], capture_output=True, check=True, timeout=_PATIENCE_S
    )
    return done.stdout.decode()


def _address(url: str) -> tuple[str | None, int]:
    parts = urlsplit(url)
    return {"127.0.0.1": "localhost"}.get(parts.hostname or "", parts.hostname), parts.port or 80
