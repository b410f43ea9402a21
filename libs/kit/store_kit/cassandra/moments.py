"""Entries by their moment, in memory."""

import heapq
from typing import Any, Generic, TypeVar

Entry = TypeVar("Entry", bound=tuple[Any, ...])


class Moments(Generic[Entry]):
    """A set of entries that each begin with their moment in milliseconds; knows the oldest ones.

    What is discarded leaves the heap when its moment comes up.
    """

    def __init__(self) -> None:
        self._entries: set[Entry] = set()
        self._heap: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: object) -> bool:
        return entry in self._entries

    def add(self, entry: Entry) -> None:
        """Take up an entry, once."""
        if entry not in self._entries:
            self._entries.add(entry)
            heapq.heappush(self._heap, entry)

    def discard(self, entry: Entry) -> None:
        """Forget an entry."""
        self._entries.discard(entry)

    def forget_before(self, at_ms: int) -> None:
        """Forget all entries from before a moment."""
        while self._heap and self._heap[0][0] < at_ms:
            self._entries.discard(heapq.heappop(self._heap))

    def oldest_ms(self) -> int | None:
        """Return the moment of the oldest entry; None if there is none."""
        while self._heap and self._heap[0] not in self._entries:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def oldest(self, limit: int, before_ms: int) -> list[Entry]:
        """Return up to `limit` entries from before a moment, oldest first."""
        found: list[Entry] = []
        while len(found) < limit and self._heap and self._heap[0][0] < before_ms:
            entry = heapq.heappop(self._heap)
            # Discarded and taken up again, it is in the heap twice.
            if entry in self._entries and found[-1:] != [entry]:
                found.append(entry)
        for entry in found:
            heapq.heappush(self._heap, entry)
        return found
