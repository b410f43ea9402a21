"""Run a command beside a real Cassandra: `python -m tests.support.with_cassandra [--version V] -- COMMAND`.

The command finds the cluster in STORE_TEST_DATABASE; the store suites and the end-to-end tests then use it too.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.cassandra import VERSIONS, Node

NEEDED = {
    "java": "a Java 17 runtime, e.g. the package openjdk-17-jre-headless",
    "mvn": "Maven, the package maven",
}


def main() -> int:
    """Start a node, run the command, end the node; return the command's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default=VERSIONS[0], help="version of the server")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = [part for part in options.command if part != "--"]
    missing = [text for program, text in NEEDED.items() if shutil.which(program) is None]
    if missing:
        sys.stderr.write("Cassandra tests need " + " and ".join(missing) + ".\n")
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="store-cassandra-") as folder,
        Node.alone(Path(folder), options.version) as node,
    ):
        variables = {
            **os.environ,
            "STORE_TEST_DATABASE": node.url,
            "STORE_TEST_DATABASE_PID": str(node.pid),
        }
        return subprocess.run(command, env=variables, check=False).returncode  # noqa: S603 - the caller's own


if __name__ == "__main__":
    sys.exit(main())
