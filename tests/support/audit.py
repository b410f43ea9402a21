"""The shop's own audit, run as a person runs it."""

import asyncio
import json
import os
import sys
from typing import Any

from tests.support.shop import EmbeddedShop


async def audit(shop: EmbeddedShop) -> None:
    """Fail the test when `store audit` finds anything."""
    code, report = await audited(shop)
    assert (report["ok"], code) == (True, 0), report


async def audited(shop: EmbeddedShop) -> tuple[int, Any]:
    """Return the exit code of `store audit` and what it reported."""
    command = ("-m", "store_cli", "audit", "--json", "--base-url", shop.base_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *("--data", str(shop.data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **shop.env},
    )
    output, _ = await process.communicate()
    return await process.wait(), json.loads(output)
