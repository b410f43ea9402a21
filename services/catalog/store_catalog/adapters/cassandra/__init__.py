"""The catalogue's stores on a keyspace in Cassandra."""
