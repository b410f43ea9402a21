"""Apache Cassandra; only this package knows the driver.

A service opens a `keyspace`, which has `reads` and `writes` and a `schema`. Its stores also build on `minute_queue`,
`keyed_lock` and `write_once_rows`. Behind the keyspace are the `connection`, which survives a cluster that moves, and
the setting-up of the `driver`; `errors` says what its exceptions mean.
"""
