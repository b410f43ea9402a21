"""What a shop counts about itself: orders delivered, statements to its database, how many of them were conditional."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self

from perf.bench.load import connect, request_bytes

_SERIES: Final = re.compile(rb"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(rb'(\w+)="([^"]*)"')
_STATEMENTS: Final = b"db_client_operation_duration_seconds_count"
_CONDITIONAL: Final = b"store_cassandra_cas_lost_total"
_REACHED: Final = b"store_orders_status_total"


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of a shop since it was started, or between two moments."""

    delivered: int = 0
    statements: int = 0
    """Statements that were sent to the database; several that are sent together are one."""
    conditional: int = 0
    """Those of them that are compare-and-sets of Cassandra."""

    @classmethod
    def read(cls, pages: Iterable[bytes]) -> Self:
        """Return what the pages of metrics of all services say."""
        delivered = statements = conditional = 0
        for page in pages:
            series = [(name, _labels(labels), float(value)) for name, labels, value in _SERIES.findall(page)]
            # Whatever was ever sent as a compare-and-set has a count of lost ones, be it 0.
            compared = {labels[b"operation"] for name, labels, _ in series if name == _CONDITIONAL}
            for name, labels, value in series:
                if name == _REACHED and labels[b"status"] == b"DELIVERED":
                    delivered += int(value)
                if name == _STATEMENTS:
                    statements += int(value)
                    if b"%s.%s" % (labels[b"table"], labels[b"operation"]) in compared:
                        conditional += int(value)
        return cls(delivered, statements, conditional)

    @classmethod
    async def of(cls, ports: Iterable[int]) -> Self:
        """Ask the services at these ports.

        Raises:
            RuntimeError: one has no page of metrics to show; its counts are not 0, nobody knows them.
        """
        pages = []
        for port in ports:
            connection = await connect(port)
            status, page = await connection.ask(request_bytes("GET", "/metrics"))
            connection.close()
            if status != HTTPStatus.OK:
                raise RuntimeError(f"/metrics of port {port} was answered with {status}")
            pages.append(page)
        return cls.read(pages)

    def since(self, before: "Counted") -> "Counted":
        """Return what was counted after an earlier moment."""
        return Counted(
            self.delivered - before.delivered,
            self.statements - before.statements,
            self.conditional - before.conditional,
        )


def _labels(text: bytes) -> Mapping[bytes, bytes]:
    return dict(_LABEL.findall(text))
