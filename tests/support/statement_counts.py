"""Which statements a shop on Cassandra sends, by its own metrics, apart from what its workers ask all the time."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_DONE: Final = "db_client_operation_duration_seconds_count"
_CONDITIONAL: Final = "store_cassandra_cas_lost_total"
_WRITES: Final = "store_cassandra_unknown_outcomes_total"
_NOBODYS: Final = frozenset(
    {
        *("database.check", "order_work.list", "order_work_marks.get", "feed.list"),
        *(
            "order_work_parts.list",
            "order_work_parts.get",
            "order_work_parts.insert",
            "order_work_parts.delete",
        ),
        *("hint_marks.get", "hint_marks.insert"),
        *("reservation_hints.list", "order_counts.get", "order_counts.add", "feed.since", "leavers.list"),
        *("revocations.list", "periods_with_notifications.list", "notifications.page"),
        "accounts.get",  # of pages of news, which the test asks for
        "products.get",  # carts remember products, but only for 30 s
    }
)
"""What workers, pages of metrics and the test itself ask, whether anybody buys something or not."""
CONDITIONAL: Final = "compare-and-set"
KINDS: Final = (CONDITIONAL, "write", "read")


@dataclass(frozen=True, slots=True)
class Statements:
    """How often each operation was sent, and of which kind an operation is."""

    sent: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def shown(cls, pages: Iterator[str] | list[str]) -> "Statements":
        """Return what the pages of metrics of all services say."""
        found = cls()
        conditional: set[str] = set()
        writes: set[str] = set()
        for sample in _samples(pages):
            if sample.name == _DONE and sample.labels["db_system"] == "cassandra":
                found.sent[f"{sample.labels['table']}.{sample.labels['operation']}"] += int(sample.value)
            elif sample.name == _CONDITIONAL:
                conditional.add(sample.labels["operation"])
            elif sample.name == _WRITES:
                writes.add(sample.labels["operation"])
        for operation in found.sent:
            kind = CONDITIONAL if operation in conditional else "write" if operation in writes else "read"
            found.kinds[operation] = kind
        return found

    def since(self, before: "Statements") -> "Statements":
        """Return what was sent after an earlier look, by those who buy and by what their orders come to."""
        sent = Counter({name: n for name, n in (self.sent - before.sent).items() if name not in _NOBODYS})
        return Statements(sent, self.kinds)

    def of(self, kind: str) -> int:
        """Return how many statements of a kind were sent."""
        return sum(n for name, n in self.sent.items() if self.kinds[name] == kind)

    @property
    def total(self) -> int:
        """How many were sent."""
        return self.sent.total()

    def __str__(self) -> str:
        """Return a table for people."""
        parts = [f"{self.total} statements"]
        for kind in KINDS:
            names = sorted((name, n) for name, n in self.sent.items() if self.kinds[name] == kind)
            parts.append(f"{self.of(kind)} {kind}: " + ", ".join(f"{name} {n}" for name, n in names))
        return "; ".join(parts)


def _samples(pages: Iterator[str] | list[str]) -> Iterator[Sample]:
    for page in pages:
        for family in text_string_to_metric_families(page):
            yield from family.samples
