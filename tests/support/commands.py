"""The shop's commands, run as people run them: what they say must be sentences, whatever state the data is in."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NOBODY = 65534
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root that may no more than anybody else: what belongs to others is closed to it."""


async def said_by(
    *words: str, data: Path, env: Mapping[str, str], mighty: bool = True
) -> tuple[int, str, str]:
    """Run `store` with these words on a data folder; return its exit code, stdout and stderr, which is no traceback.

    Without might it is to the files of others what any user is.
    """
    process = await asyncio.create_subprocess_exec(
        *(() if mighty else AS_OTHERS),
        *(sys.executable, "-m", "store_cli", *words, "--data", str(data)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
    )
    output, complaints = (part.decode() for part in await asyncio.wait_for(process.communicate(), 60))
    assert "Traceback" not in output + complaints, complaints
    assert process.returncode is not None
    return process.returncode, output, complaints


async def answer_of(*words: str, data: Path, env: Mapping[str, str], mighty: bool = True) -> tuple[int, Any]:
    """Run a command with --json; return its exit code and its answer."""
    code, output, complaints = await said_by(*words, "--json", data=data, env=env, mighty=mighty)
    assert output, complaints
    return code, json.loads(output)
