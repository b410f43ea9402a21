"""What a shop keeps in its databases, seen without asking the shop: it may be dead at this moment."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from store_kit.stores.database import Cluster
from store_order.domain.orders import PASSING, Status
from store_order.domain.steps import Mark, Queue

from tests.support.shop import EmbeddedShop, FourServices

_PASSING = ("PENDING", "REJECTING", "CANCELLING")
_TOLD_FOR_S = 5.0
"""After so long the process that told a customer has come to its next boundary."""


class CannotLook(Exception):
    """The database cannot be read at this moment."""


class Insides(Protocol):
    """The inside of one shop."""

    def hints(self, *queues: str) -> Sequence[str]:
        """Return the ids of the orders that have work waiting in some of the order service's queues."""
        ...

    def status_of(self, order_id: str) -> str | None:
        """Return an order's status; None when there is no such order."""
        ...

    def steps_of(self, order_id: str) -> list[str]:
        """Return every step of an order's timeline as `status.mark`."""
        ...

    def is_held(self, order_id: str) -> bool:
        """Whether the catalogue holds goods for an order."""
        ...

    def passing_orders(self) -> list[str]:
        """Return the id of every order that may not stay as it is."""
        ...

    def payments(self) -> Mapping[str, tuple[str, int, int]]:
        """Return state, charges and refunds of everything the payment provider knows, by key."""
        ...

    def lose_a_unit(self, product_id: str) -> None:
        """Take one unit from what is available, as no operation of the shop ever does."""
        ...


def insides_of(shop: EmbeddedShop | FourServices) -> Insides:
    """Return the inside of a shop, whatever its database is."""
    database = shop.keyspaces.database
    return SqliteInsides(shop.data_dir) if database is None else CassandraInsides(database)


@dataclass(frozen=True)
class SqliteInsides:
    """The files in a shop's data folder."""

    data_dir: Path

    def hints(self, *queues: str) -> Sequence[str]:
        """Return the ids of the orders that have work waiting."""
        places = ", ".join("?" * len(queues))
        sql = f"SELECT order_id FROM order_work WHERE queue IN ({places})"  # noqa: S608 - placeholders only
        return [order_id for (order_id,) in self._read("orders", sql, *queues)]

    def status_of(self, order_id: str) -> str | None:
        """Return an order's status."""
        rows = self._read("orders", "SELECT status FROM orders WHERE order_id = ?", order_id)
        return rows[0][0] if rows else None

    def steps_of(self, order_id: str) -> list[str]:
        """Return every step of an order's timeline."""
        rows = self._read("orders", "SELECT status, mark FROM order_events WHERE order_id = ?", order_id)
        return [f"{status}.{mark}" for status, mark in rows]

    def is_held(self, order_id: str) -> bool:
        """Whether the catalogue holds goods for an order."""
        sql = "SELECT 1 FROM reservations WHERE order_id = ? AND state = 'HELD'"
        return bool(self._read("catalog", sql, order_id))

    def passing_orders(self) -> list[str]:
        """Return the id of every order that may not stay as it is."""
        places = ", ".join("?" * len(_PASSING))
        sql = f"SELECT order_id FROM orders WHERE status IN ({places})"  # noqa: S608 - placeholders only
        return [order_id for (order_id,) in self._read("orders", sql, *_PASSING)]

    def payments(self) -> Mapping[str, tuple[str, int, int]]:
        """Return the payment provider's own books."""
        rows = self._read("payments", "SELECT payment_key, state, charges, refunds FROM payments")
        return {key: tuple(rest) for key, *rest in rows}

    def lose_a_unit(self, product_id: str) -> None:
        """Take one unit from what is available."""
        of_product = "ref = (SELECT ref FROM products WHERE id = ?)"
        with closing(sqlite3.connect(self.data_dir / "catalog.db", timeout=10)) as books, books:
            changed = books.execute(
                f"UPDATE stock SET available = available - 1 WHERE {of_product}",  # noqa: S608 - a constant
                (product_id,),
            )
            assert changed.rowcount == 1

    def _read(self, file: str, sql: str, *params: str) -> list[Any]:
        try:
            with closing(sqlite3.connect(f"file:{self.data_dir / file}.db?mode=ro", uri=True)) as opened:
                return opened.execute(sql, params).fetchall()
        except sqlite3.OperationalError as error:
            # The shop has died this very moment; while it lives its files can be read.
            raise CannotLook(str(error)) from error


@dataclass(frozen=True)
class CassandraInsides:
    """The keyspaces of one shop; whole tables are read, which only a test may do."""

    database: str

    def hints(self, *queues: str) -> Sequence[str]:
        """Return the ids of the orders that have work waiting.

        Nothing is deleted, so what a hint is for must be looked at: recovery has something to do for orders that may
        not stay as they are. A customer must be told of a change, unless the mark of the hint's part has passed it, or
        the news are there for some time: the mark of a process that died is moved on minutes later. A hint is written
        before the change that it announces. If that never came (its writer died, or somebody else was faster) there is
        nothing to do, which the shop takes for certain two minutes later; nor is there for one that has been looked at
        before its change came.
        """
        passing, told = set(self.passing_orders()), self._told()
        changes = self._read("SELECT order_id, event_version, event_status, mark FROM {order}.orders")
        happened = {(order_id, version): (status, mark) for order_id, version, status, mark in changes}
        marks = self._read("SELECT queue, writer, done_ms FROM {order}.order_work_parts")
        done_ms = {f"{queue}@{writer}": at_ms for queue, writer, at_ms in marks}
        waiting = []
        for part, due_ms, order_id, version, looks in self._read(
            "SELECT queue, due_ms, order_id, version, looks FROM {order}.order_work"
        ):
            queue = part.partition("@")[0]
            status, mark = happened.get((order_id, version), (None, None))
            if queue not in queues or looks or not _is_true(queue, status, mark):
                continue
            if queue == Queue.NOTIFY:
                waits = due_ms >= (done_ms.get(part) or 0) and (order_id, status) not in told
            else:
                waits = order_id in passing
            waiting += [order_id] * waits
        return waiting

    def _told(self) -> set[tuple[str, str]]:
        """Return which statuses of which orders customers have been told of, and it was some time ago."""
        rows = self._read("SELECT order_id, status, WRITETIME(status) FROM {user}.notifications")
        before_us = (time.time() - _TOLD_FOR_S) * 1e6
        return {(order_id, status) for order_id, status, told_us in rows if told_us < before_us}

    def status_of(self, order_id: str) -> str | None:
        """Return an order's status."""
        rows = self._read("SELECT status FROM {order}.orders WHERE order_id = %s LIMIT 1", order_id)
        return rows[0][0] if rows else None

    def steps_of(self, order_id: str) -> list[str]:
        """Return every step of an order's timeline."""
        rows = self._read("SELECT event_status, mark FROM {order}.orders WHERE order_id = %s", order_id)
        return [f"{status}.{mark}" for status, mark in rows]

    def is_held(self, order_id: str) -> bool:
        """Whether the catalogue holds goods for an order."""
        holds = self._read("SELECT ref FROM {catalog}.shelves WHERE kind = 1 ALLOW FILTERING")
        return any(ref.startswith(order_id) for (ref,) in holds)

    def passing_orders(self) -> list[str]:
        """Return the id of every order that may not stay as it is."""
        rows = self._read("SELECT order_id, status FROM {order}.orders PER PARTITION LIMIT 1")
        return [order_id for order_id, status in rows if status in _PASSING]

    def payments(self) -> Mapping[str, tuple[str, int, int]]:
        """Return the payment provider's own books."""
        rows = self._read("SELECT payment_key, state, charges, refunds FROM {order}.payments")
        return {key: tuple(rest) for key, *rest in rows}

    def lose_a_unit(self, product_id: str) -> None:
        """Take one unit from what is available; by compare-and-set, as the shop is selling it meanwhile."""
        find = (
            "SELECT shard, available, stock_version FROM {catalog}.shelves"
            " WHERE kind = 0 AND id = %s ALLOW FILTERING"
        )
        change = (
            "UPDATE {catalog}.shelves SET available = %s, stock_version = %s"
            " WHERE shard = %s AND kind = 0 AND id = %s AND ref = '' IF stock_version = %s"
        )
        applied = False
        while not applied:
            shard, available, version = self._read(find, product_id)[0]
            applied = self._read(change, available - 1, version + 1, shard, product_id, version)[0][0]

    def _read(self, cql: str, *params: object) -> list[Any]:
        where = Cluster.parse(self.database)
        named = cql.format(**{name: where.keyspace(name) for name in ("order", "catalog", "user")})
        return _ask(self.database.partition("&prefix=")[0], named, params)


def _is_true(queue: str, status: str | None, mark: str | None) -> bool:
    """Whether a hint announces a change that happened."""
    if status is None:
        return False
    return queue != Queue.NOTIFY or (mark == Mark.STATUS and Status(status) not in PASSING)


def _ask(cluster: str, cql: str, params: Sequence[object]) -> list[Any]:
    # Not for a run on SQLite: the driver takes a second to import.
    from cassandra import DriverException  # noqa: PLC0415
    from cassandra.cluster import NoHostAvailable  # noqa: PLC0415

    try:
        return list(_session(cluster).execute(cql, params or None))
    except (DriverException, NoHostAvailable) as error:
        raise CannotLook(str(error)) from error


@cache
def _session(cluster: str) -> Any:
    """Return the one session of this process with a cluster; it ends with the process."""
    from store_kit.cassandra.driver import Access, new_session  # noqa: PLC0415
    from store_kit.cassandra.hosts import SuspectHosts  # noqa: PLC0415

    return new_session(Cluster.parse(cluster), Access(), 10.0, SuspectHosts(time.monotonic))
