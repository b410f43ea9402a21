"""Names that lead where a test says: a hosts file of its own, which only the processes that it starts see.

They look names up as everything does, by getaddrinfo, and find this file at /etc/hosts. Needs util-linux' unshare, and
root or user namespaces.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.shop import Process

_MOUNT = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Names:
    """A hosts file.

    Args:
        file: where it is kept; it is changed in place, as a mount needs it.
        **addresses: name -> the address it leads to.
    """

    def __init__(self, file: Path, addresses: Mapping[str, str]) -> None:
        self._file = file
        self._addresses = dict(addresses)
        self._write()

    def point(self, name: str, address: str) -> None:
        """Let a name lead to another address from now on."""
        self._addresses[name] = address
        self._write()

    def program(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> Process:
        """Return a process that sees these names and no others."""
        alone = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
        return Process([*alone, "sh", "-c", _MOUNT, str(self._file), *command], log, env)

    def _write(self) -> None:
        lines = {"localhost": "127.0.0.1", **self._addresses}
        self._file.write_text("".join(f"{address} {name}\n" for name, address in lines.items()))
