"""Which of the kit's tests need a real Cassandra."""

from tests.support.services import test_cluster

collect_ignore = [] if test_cluster() else ["test_opening_a_keyspace.py"]
