"""The stores on a keyspace in Cassandra."""
