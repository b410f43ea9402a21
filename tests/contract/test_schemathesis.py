"""Schemathesis against the whole shop: everything the OpenAPI document says is true, and nothing breaks the shop.

How much is generated is a variable, so that CI does it thoroughly and a laptop quickly: STORE_TEST_CONTRACT=full, or
STORE_TEST_EXAMPLES for a number of one's own.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.contract.accepted import ACCEPTED
from tests.contract.document import operations
from tests.contract.tokens import Mint
from tests.support.people import Person, administrator, customer
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FULL: Final = os.environ.get("STORE_TEST_CONTRACT") == "full"
EXAMPLES: Final = int(os.environ.get("STORE_TEST_EXAMPLES", "200" if FULL else "10"))
PHASES: Final = "examples,coverage,fuzzing,stateful" if FULL else "examples,fuzzing,stateful"
"""The values at every edge of the document (coverage) are two thousand requests a role."""
SEED: Final = os.environ.get("STORE_TEST_SEED", "1")
MAY_BE_ACCEPTED: Final = {400, 409, 412, 422}
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "anonymous": (),
    "customer": ("customer",),
    "administrator": ("admin", "customer"),
}
ROOT: Final = Path(__file__).parents[2]
HOOKS: Final = "tests.contract.schema_hooks"
ALWAYS: Final[list[int | str]] = ["2xx", "3xx", 401, 403, 404, 409]
"""What schemathesis accepts by itself."""


@pytest.mark.parametrize("role", ROLES)
async def test_whole_api(
    role: str, shop: EmbeddedShop, session: aiohttp.ClientSession, mint: Mint, tmp_path: Path
) -> None:
    """Whatever is generated from the document is answered as the document says, never with a 5xx."""
    # Signed in anew for each role: with many examples a role takes longer than a token lives.
    admin = await administrator(session, shop.url, shop.data_dir)
    await admin.create_product(stock=1_000_000)
    person = admin if role == "administrator" else await customer(session, shop.url)
    account = (await person.ask("GET", "/api/users/me")).expect(200)
    # A token that nothing which is tried here ends, such as signing out everywhere.
    headers = mint.headers(account["id"], ROLES[role], epoch=1_000) if ROLES[role] else {}
    config = tmp_path / "schemathesis.toml"
    config.write_text(configuration(headers))
    returned, said = await schemathesis(config, shop.url("/openapi.json"), tmp_path)
    assert returned == 0, said
    print(said[said.index("= SUMMARY ") :])  # noqa: T201 - shown by `pytest -rP`: how much was tried


async def test_leave_is_given_sparingly(nobody: Person) -> None:
    """The table of right refusals names operations of the document, and no statuses but the four that may be."""
    assert set(ACCEPTED) <= {operation.id for operation in await operations(nobody)}
    assert {status for refusals in ACCEPTED.values() for status in refusals} <= MAY_BE_ACCEPTED


def configuration(headers: Mapping[str, str]) -> str:
    """Return schemathesis' settings: all checks, and what each operation may refuse."""
    lines = [
        f"hooks = {json.dumps(HOOKS)}",
        f"headers = {{ {', '.join(f'{name} = {json.dumps(value)}' for name, value in headers.items())} }}",
        "continue-on-failure = true",
        f"generation.max-examples = {EXAMPLES}",
        'generation.database = "none"',
        # How a missing If-Match is answered (RFC 6585, 3); the tool knows 406 and some more.
        "checks.missing_required_header.expected-statuses = [400, 401, 403, 404, 406, 422, 428]",
    ]
    for operation, refusals in ACCEPTED.items():
        lines += [
            "[[operations]]",
            f"include-operation-id = {json.dumps(operation)}",
            f"checks.positive_data_acceptance.expected-statuses = {json.dumps(ALWAYS + list(refusals))}",
        ]
    return "\n".join(lines)


async def schemathesis(config: Path, document: str, folder: Path) -> tuple[int, str]:
    """Run the tool; return its exit code and what it said."""
    options = ["--phases", PHASES, "--checks", "all", "--seed", SEED, "--no-color", "--warnings", "off"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", document, *options),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode()
