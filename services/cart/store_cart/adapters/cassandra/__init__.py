"""Carts and views in a keyspace of Cassandra."""
