"""News in Cassandra, brought to several processes."""

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import SystemClock
from store_user.adapters.cassandra.notifications import CassandraNotifications

from services.user.tests.test_notifications_port import KEEP_MS, news
from tests.support.services import empty

pytestmark = pytest.mark.anyio


async def test_what_another_process_delivers_again_is_there_once(keyspace: Cassandra) -> None:
    """The first one died before its answer was heard; the second need not read anything to find that out."""
    await empty(keyspace)
    first, second = (CassandraNotifications(keyspace, SystemClock(), keep_ms=KEEP_MS) for _ in range(2))
    await first.insert_notifications([news(1), news(2)])
    assert await second.insert_notifications([news(2), news(3)]) == 2
    assert await second.insert_notifications([news(2), news(3)]) == 0
    assert await first.list_notifications("ann", before=None, limit=10) == [news(3), news(2), news(1)]
