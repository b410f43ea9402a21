"""Which accounts there are, by the hour in which their ids were made: hints in buckets, read from either end.

An id is a UUIDv7, which begins with its time: so the bucket of an account is known from its id alone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from store_kit.cassandra.keyspace import Cassandra

from store_user.domain import made_at_ms

_ADD: Final = "INSERT INTO accounts_by_hour (hour, account_id) VALUES (?, ?)"
_ADD_HOUR: Final = "INSERT INTO hours_with_accounts (year, hour) VALUES (?, ?)"
_ADD_YEAR: Final = "INSERT INTO years_with_accounts (all_years, year) VALUES ('all', ?)"
_FORGET: Final = "DELETE FROM accounts_by_hour WHERE hour = ? AND account_id = ?"
_YEARS: Final = "SELECT year FROM years_with_accounts WHERE all_years = 'all'"
_HOURS_BEFORE: Final = "SELECT hour FROM hours_with_accounts WHERE year = ? AND hour < ? LIMIT ?"
_HOURS_AFTER: Final = (
    "SELECT hour FROM hours_with_accounts WHERE year = ? AND hour > ? ORDER BY hour ASC LIMIT ?"
)
_BEFORE: Final = "SELECT account_id FROM accounts_by_hour WHERE hour = ? AND account_id < ? LIMIT ?"
_BETWEEN: Final = (
    "SELECT account_id FROM accounts_by_hour WHERE hour = ? AND account_id > ? AND account_id < ?"
    " ORDER BY account_id ASC LIMIT ?"
)
_MARK: Final = "SELECT account_id FROM sweep_marks WHERE sweep = 'drafts'"
_SET_MARK: Final = "INSERT INTO sweep_marks (sweep, account_id) VALUES ('drafts', ?) USING TIMESTAMP ?"
_HOUR_MS: Final = 3_600_000
_HOURS_AT_ONCE: Final = 8
_PAGE: Final = 50
_BEHIND_ALL: Final = "~"
_LAST_HOUR: Final = 2**40

_Read = Callable[[int, str], Awaitable[list[str]]]


class CassandraAccountIndex:
    """Announces accounts before they are written, lists their ids, and keeps how far the sweep has come."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db

    async def insert_account(self, account_id: str) -> None:
        """Write the index rows of an account that is about to be drafted; repeating is harmless."""
        hour = _hour_of(account_id)
        year = datetime.fromtimestamp(hour * 3600, UTC).year
        await asyncio.gather(
            self._db.write("years_with_accounts.insert", (_ADD_YEAR, (year,))),
            self._db.write("hours_with_accounts.insert", (_ADD_HOUR, (year, hour))),
            self._db.write("accounts_by_hour.insert", (_ADD, (hour, account_id))),
        )

    async def delete_account(self, account_id: str) -> None:
        """Delete the row of a draft that was deleted."""
        await self._db.write("accounts_by_hour.delete", (_FORGET, (_hour_of(account_id), account_id)))

    def newest_first(self, before_id: str | None) -> AsyncIterator[list[str]]:
        """Yield ids behind `before_id`, some at a time."""
        last = before_id or _BEHIND_ALL
        hours = self._hours_before(_hour_of(before_id) + 1 if before_id else _LAST_HOUR)
        return _walk(
            hours, lambda hour, behind: self._ids("accounts_by_hour.list", _BEFORE, hour, behind or last)
        )

    def oldest_first(self, after_id: str, before_ms: int) -> AsyncIterator[list[str]]:
        """Yield ids behind `after_id` that were made before a moment, some at a time."""
        end = _first_id(before_ms)
        hours = self._hours_after(_hour_of(after_id) - 1 if after_id else -1, before_ms // _HOUR_MS)
        return _walk(
            hours,
            lambda hour, behind: self._ids("accounts_by_hour.old", _BETWEEN, hour, behind or after_id, end),
        )

    async def find_mark(self) -> str:
        """Return the last id that the sweep has looked at, "" when it never has."""
        row = await self._db.one("sweep_marks.get", _MARK)
        return str(row[0]) if row else ""

    async def set_mark(self, account_id: str) -> None:
        """Note the last id that the sweep has looked at; an older one changes nothing."""
        await self._db.write("sweep_marks.insert", (_SET_MARK, (account_id, made_at_ms(account_id))))

    async def _ids(self, operation: str, cql: str, *params: object) -> list[str]:
        return [id_ for (id_,) in await self._db.all(operation, cql, (*params, _PAGE))]

    async def _hours_before(self, hour: int) -> AsyncIterator[list[int]]:
        for year in await self._years():
            last = hour
            while hours := await self._hours(_HOURS_BEFORE, year, last):
                yield hours
                last = hours[-1]

    async def _hours_after(self, hour: int, newest: int) -> AsyncIterator[list[int]]:
        for year in reversed(await self._years()):
            last = hour
            while hours := await self._hours(_HOURS_AFTER, year, last):
                yield [found for found in hours if found <= newest]
                last = hours[-1]
                if last >= newest:
                    return

    async def _hours(self, cql: str, year: int, behind: int) -> list[int]:
        rows = await self._db.all("hours_with_accounts.list", cql, (year, behind, _HOURS_AT_ONCE))
        return [int(hour) for (hour,) in rows]

    async def _years(self) -> list[int]:
        return [int(year) for (year,) in await self._db.all("years_with_accounts.list", _YEARS)]


async def _walk(buckets: AsyncIterator[list[int]], read: _Read) -> AsyncIterator[list[str]]:
    """Yield the ids of bucket after bucket; quiet ones are read together, and their ids come together."""
    async for hours in buckets:
        ids: list[str] = []
        pages = await asyncio.gather(*(read(hour, "") for hour in hours))
        for hour, first in zip(hours, pages, strict=True):
            page = first
            while page:
                ids += page
                while len(ids) >= _PAGE:
                    yield ids[:_PAGE]
                    ids = ids[_PAGE:]
                page = await read(hour, page[-1]) if len(page) == _PAGE else []
        if ids:
            yield ids


def _hour_of(account_id: str) -> int:
    return made_at_ms(account_id) // _HOUR_MS


def _first_id(ms: int) -> str:
    """Return what sorts before every id made at this time or later, and behind all others."""
    digits = f"{max(0, ms):012x}"
    return f"{digits[:8]}-{digits[8:]}"
