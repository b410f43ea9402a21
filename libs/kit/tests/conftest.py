"""Which of the kit's tests need a real Cassandra."""

from store_kit.testing import test_cluster

collect_ignore = [] if test_cluster() else ["test_opening_a_keyspace.py"]
