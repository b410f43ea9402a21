"""Who the administrator is: read where the scripts read it, never written here."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_ROOT: Final = Path(__file__).resolve().parents[2]
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
    that compose mounts, and the one in compose's containers: of these the one whose shop is at `host`, by the
    address in it or, for the file that compose mounts, by ADMIN_OF. No other shop gets it: otherwise any host that
    is typed into Locust's page would be sent the password.

    Raises:
        NobodyKnown: none of these is the administrator of that shop.
    """
    if given := given_administrator(environment):
        return given
    for shops, administrator in known_administrators(environment):
        if address_of(host) in map(address_of, shops):
            return administrator
    raise NobodyKnown(f"No administrator of {host} is known: set ADMIN_EMAIL and ADMIN_PASSWORD.")


def given_administrator(environment: Mapping[str, str]) -> Administrator | None:
    """Return the administrator whom ADMIN_EMAIL and ADMIN_PASSWORD name."""
    email, password = environment.get("ADMIN_EMAIL"), environment.get("ADMIN_PASSWORD")
    return Administrator(email, password) if email and password else None


def known_administrators(environment: Mapping[str, str]) -> Iterator[tuple[list[str], Administrator]]:
    """Yield the administrators of this machine's shops, each with the addresses of its shop."""
    embedded = Path(environment.get("STORE_DATA_DIR") or _ROOT / ".store") / "secrets" / "demo_admin.json"
    mounted = environment.get("ADMIN_OF", "")
    for read, alias in ((embedded.read_text, ""), (_IN_COMPOSE.read_text, mounted), (_of_the_containers, "")):
        try:
            known = json.loads(read())
            shops = [shop for shop in (known.get("base_url", ""), alias) if shop]
            yield shops, Administrator(known["email"], known["password"])
        except (OSError, ValueError, KeyError, subprocess.SubprocessError):
            continue  # it is not there; the next may be


def _of_the_containers() -> str:
    compose = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    command = [*compose, "-f", str(_ROOT / "infra" / "docker-compose.yml"), "exec", "-T", "user"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "python", "-c", _SHOW], capture_output=True, check=True, timeout=_PATIENCE_S
    )
    return done.stdout.decode()


def address_of(url: str) -> tuple[str | None, int]:
    """Return host and port of an address."""
    parts = urlsplit(url)
    return {"127.0.0.1": "localhost"}.get(parts.hostname or "", parts.hostname), parts.port or 80
