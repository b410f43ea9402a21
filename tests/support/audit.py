"""The shop's own audit, run as a person runs it."""

import asyncio
import json
import os
import sys

from tests.support.shop import EmbeddedShop


async def audit(shop: EmbeddedShop) -> None:
    """Fail the test when `store audit` finds anything."""
    command = (
        "-m",
        "store_cli",
        "audit",
        "--json",
        "--base-url",
        shop.base_url,
        "--data",
        str(shop.data_dir),
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **shop.env}
    )
    output, _ = await process.communicate()
    report = json.loads(output)
    assert (report["ok"], process.returncode) == (True, 0), report
