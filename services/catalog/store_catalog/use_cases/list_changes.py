"""Tell other services which products they know are out of date."""

from collections.abc import Mapping
from dataclasses import dataclass

from store_catalog.ports import Changes, ChangesSeen


@dataclass(frozen=True, slots=True)
class ListChanges:
    """Say what changed since the caller asked last."""

    changes: ChangesSeen

    def __call__(self, seen: Mapping[str, int]) -> Changes:
        """Return the products that changed behind the positions seen, by the processes that counted them."""
        return self.changes.list_changes(seen)
