"""What becomes of a write whose answer is lost: a conditional one is made at most once, a plain one is repeated."""

from collections.abc import Sequence
from typing import Any

import pytest
from store_kit.cassandra.writes import RowProof, Writes
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable

pytestmark = pytest.mark.anyio

INSERT = ("INSERT INTO things (id, token) VALUES (?, ?) IF NOT EXISTS", ("cup", "ours"))
PROOF = RowProof(
    "things.get", "SELECT token FROM things WHERE id = ?", ("cup",), lambda row: row == ("ours",)
)


class OneRow(Writes):
    """A table of one row, whose conditional writes meet their fates: lost `before` or `after`, or `refused`."""

    def __init__(self, *fates: str, row: str | None = None, majority: bool = True) -> None:
        self.fates = list(fates)
        self.row = row
        self.majority = majority
        self.tries = 0

    async def apply(self, operation: str, *statements: Any) -> bool:
        """Insert the row unless it is there."""
        assert (operation, statements) == ("things.insert", (INSERT,))
        self.tries += 1
        fate = self.fates.pop(0) if self.fates else ""
        if fate == "refused":
            raise DatabaseUnavailable("refused")
        if fate == "before":
            raise DatabaseOutcomeUnknown("lost")
        applied, self.row = self.row is None, self.row or "ours"
        if fate == "after":
            raise DatabaseOutcomeUnknown("lost")
        return applied

    async def one(
        self, operation: str, cql: str, params: Sequence[Any] = (), *, serial: bool = False
    ) -> tuple[Any, ...] | None:
        """Return the row."""
        assert (operation, cql, params, serial) == (PROOF.operation, PROOF.cql, PROOF.params, True)
        return None if self.row is None else (self.row,)

    def lacks_majority(self) -> bool:
        """Say whether too few copies are in sight."""
        return not self.majority

    async def insert(self) -> bool:
        """Insert the row, and learn whether that was done."""
        return await self.apply_and_resolve("things.insert", INSERT, proof=PROOF)


@pytest.mark.parametrize(
    ("fates", "tries"),
    [((), 1), (("after",), 1), (("before",), 2), (("before", "after"), 2), (("before", "refused"), 2)],
    ids=str,
)
async def test_a_change_is_made_whatever_becomes_of_its_answers(fates: Sequence[str], tries: int) -> None:
    """It is tried again only when the proof does not show it."""
    table = OneRow(*fates)
    assert await table.insert()
    assert (table.row, table.tries) == ("ours", tries + fates.count("refused"))


@pytest.mark.parametrize("fates", [(), ("after",), ("before",), ("before", "before")], ids=str)
async def test_a_change_that_lost_is_known_to_have_lost(fates: Sequence[str]) -> None:
    """The row is another's, and stays so."""
    table = OneRow(*fates, row="theirs")
    assert not await table.insert()
    assert table.row == "theirs"


async def test_a_change_that_was_refused_at_once_is_not_tried_again() -> None:
    """Nothing happened, and the caller hears that."""
    table = OneRow("refused")
    with pytest.raises(DatabaseUnavailable):
        await table.insert()
    assert table.tries == 1


async def test_a_doubt_that_no_majority_can_end_is_told_at_once() -> None:
    """There is no use in looking."""
    table = OneRow("before", majority=False)
    with pytest.raises(DatabaseOutcomeUnknown):
        await table.insert()
    assert table.tries == 1


async def test_a_function_may_be_the_proof() -> None:
    """Where one row does not show it."""
    table = OneRow("after")

    async def there() -> bool:
        return table.row == "ours"

    assert await table.apply_and_resolve("things.insert", INSERT, proof=there)
    assert table.tries == 1


class Plain(Writes):
    """A keyspace whose plain writes fail one after the other, until they have failed often enough."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def write_once(self, operation: str, *statements: Any) -> None:
        """Fail, or write."""
        assert (operation, statements) == ("things.insert", (INSERT,))
        if self.failures:
            raise self.failures.pop(0)

    def lacks_majority(self) -> bool:
        """Say that there are enough copies, until nothing fails any more."""
        return not self.failures


async def test_a_plain_write_is_repeated_while_its_outcome_is_unknown() -> None:
    """Also when a later try is refused: the first one may still have been made."""
    table = Plain(
        DatabaseOutcomeUnknown("lost"), DatabaseUnavailable("refused"), DatabaseOutcomeUnknown("lost")
    )
    with pytest.raises(DatabaseOutcomeUnknown):
        await table.write("things.insert", INSERT)
    assert not table.failures
    await table.write("things.insert", INSERT)


async def test_a_plain_write_that_was_refused_at_once_is_not_repeated() -> None:
    """Nothing happened, and the caller hears that."""
    table = Plain(DatabaseUnavailable("refused"), DatabaseUnavailable("not asked for"))
    with pytest.raises(DatabaseUnavailable, match="refused"):
        await table.write("things.insert", INSERT)
    assert len(table.failures) == 1
