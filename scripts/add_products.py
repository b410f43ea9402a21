"""Put products into a running shop, a thousand at a time: `add_20000_product.sh` without its arguments' checks.

Runs on Python 3.10 with nothing installed, as on a machine that has the containers alone.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Final
from urllib.parse import urlencode, urlsplit

from store_cli.seed.products import SeedProduct, products

from perf.load.credentials import Administrator, address_of, given_administrator, known_administrators

BATCH: Final = 1000
ATTEMPTS: Final = 6
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 30.0
_OK, _UNAUTHORIZED = 200, 401
_NOT_NOW: Final = frozenset({429, 502, 503, 504})
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Api:
    """The shop's API at one address, for an administrator who signs in when it is needed."""

    def __init__(self, base: str) -> None:
        local = urlsplit(base).hostname in {"localhost", "127.0.0.1", "::1"}
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
        self._base = base
        self._headers: dict[str, str] = {}

    def sign_in(self, administrator: Administrator) -> None:
        """Get a token by password.

        Raises:
            SystemExit: the shop refuses.
        """
        email, password = administrator
        form = urlencode({"grant_type": "password", "username": email, "password": password}).encode()
        status, text = self._send("/api/auth/token", form, _FORM)
        if status != _OK:
            sys.exit(f"Signing in as {email} failed: {explained(status, text)}")
        token = json.loads(text)["access_token"]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def add(self, batch: Iterable[SeedProduct], administrator: Administrator) -> tuple[int, int]:
        """Return how many of a batch were created and how many were there.

        Raises:
            SystemExit: the shop refuses the batch.
        """
        items = [asdict(product) for product in batch]
        body = json.dumps({"products": items}, ensure_ascii=False).encode()
        status, text = self._send("/api/products/batch", body, self._headers)
        if status == _UNAUTHORIZED:  # the token has expired on the way
            self.sign_in(administrator)
            status, text = self._send("/api/products/batch", body, self._headers)
        if status != _OK:
            sys.exit(f"\nA batch was refused: {explained(status, text)}")
        answer = json.loads(text)
        return answer["created"], answer["existing"]

    def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return status and body; waits and asks again while the shop says "not now" or cannot be reached."""
        problem = ""
        for attempt in range(ATTEMPTS):
            pause_s = FIRST_PAUSE_S * 2**attempt
            try:
                request = urllib.request.Request(self._base + path, body, dict(headers), method="POST")  # noqa: S310 - the script checked the address
                with self._opener.open(request, timeout=60) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                text = error.read()
                if error.code not in _NOT_NOW:
                    return error.code, text
                problem = explained(error.code, text)
                pause_s = max(pause_s, float(error.headers.get("Retry-After") or 0))
            except (OSError, http.client.HTTPException) as error:
                problem = f"{self._base} was not reached: {error}"
            if attempt + 1 < ATTEMPTS:
                time.sleep(min(pause_s, LONGEST_PAUSE_S))
        sys.exit(f"\n{path}: {problem}")


def explained(status: int, text: bytes) -> str:
    """Return an error document in one line; another answer as it is."""
    try:
        found = json.loads(text)
        errors = "; ".join(f"{e['field']}: {e['message']}" for e in found.get("errors", [])[:3])
        return f"{status} {found['title']}: {found['detail']} {errors}".strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{status} {text[:200]!r}"


def administrator_of(base: str, environment: Mapping[str, str] = os.environ) -> Administrator:
    """Return the administrator of the shop at an address, or the only one who is known at all.

    Raises:
        SystemExit: none is known.
    """
    if given := given_administrator(environment):
        return given
    first: Administrator | None = None
    for shops, administrator in known_administrators(environment):
        if address_of(base) in map(address_of, shops):
            return administrator
        first = first or administrator
    if first is None:
        sys.exit("No administrator is known: set ADMIN_EMAIL and ADMIN_PASSWORD.")
    return first


def batches(count: int) -> Iterator[list[SeedProduct]]:
    """Yield so many products, a thousand at a time."""
    source = products(count)
    while batch := list(islice(source, BATCH)):
        yield batch


def show(done: int, count: int) -> None:
    """Say how far it is: a bar on a terminal, else a line."""
    if sys.stdout.isatty():
        bar = "#" * (40 * done // count)
        print(f"\r[{bar:<40}] {done:>{len(str(count))}}/{count}", end="", flush=True)
    else:
        print(f"{done}/{count}", flush=True)


def main(base: str, count: int) -> None:
    """Add the products and say how many are new.

    Raises:
        SystemExit: not all of them are there.
    """
    administrator, api = administrator_of(base), Api(base)
    api.sign_in(administrator)
    created = existing = 0
    begun = time.monotonic()
    for batch in batches(count):
        new, old = api.add(batch, administrator)
        created, existing = created + new, existing + old
        show(created + existing, count)
    if sys.stdout.isatty():
        print()
    if created + existing != count:
        sys.exit(f"Only {created + existing} of {count} products are there.")
    print(f"{created} created, {existing} were there already, in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
