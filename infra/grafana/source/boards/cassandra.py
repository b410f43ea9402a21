"""Cassandra: what clients ask of it, what the JVM needs, what the machine gives."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import ANY_IS_BAD, GREEN, LATENCY, RED, SATURATION, YELLOW, Graph, Query, Row

_CLIENTS: Final = Row("Requests of clients", (
    Graph(
        "Operations", "Reads and writes, lightweight transactions (CAS) apart.",
        "ops", (Query("sum by (operation) (rate(cassandra_clientrequest_total[$__rate_interval]))", "{{operation}}"),),
    ),
    Graph(
        "P50 and P95", "Latency at the coordinator, decaying over five minutes.",
        "s",
        (
            Query('max by (operation) (cassandra_clientrequest_latency_seconds{quantile="0.50"})', "P50 {{operation}}"),
            Query('max by (operation) (cassandra_clientrequest_latency_seconds{quantile="0.95"})', "P95 {{operation}}"),
        ),
    ),
    Graph(
        "P99", "Latency at the coordinator, decaying over five minutes.",
        "s",
        (Query('max by (operation) (cassandra_clientrequest_latency_seconds{quantile="0.99"})', "{{operation}}"),),
        LATENCY,
    ),
    Graph(
        "Timeouts and too few replicas", "Operations that failed. Alert: CassandraTimeouts.",
        "ops",
        (
            Query(
                "sum by (operation) (rate(cassandra_clientrequest_timeouts_total[$__rate_interval]))",
                "timeout {{operation}}",
            ),
            Query(
                "sum by (operation) (rate(cassandra_clientrequest_unavailables_total[$__rate_interval]))",
                "unavailable {{operation}}",
            ),
        ),
        ((None, GREEN), (0.1, RED)),
    ),
    Graph(
        "Contention of lightweight transactions", "P99 of how often a transaction met another on its partition.",
        "short", (Query("max by (operation) (cassandra_cas_contention_99thpercentile)", "{{operation}}"),),
    ),
    Graph(
        "Nodes that are down", "As the others see it. Alert: CassandraNodeDown.",
        "short", (Query('max(cassandra_endpoints{state="Down"})', "nodes"),),
    ),
    Graph(
        "Connections", "Clients' connections.",
        "short", (Query("cassandra_connected_clients", "{{instance}}"),),
    ),
))  # fmt: skip

_JVM: Final = Row("JVM", (
    Graph(
        "Heap", "Share in use, and of the old generation what a collection left. Alert: CassandraHeap, 90 % left.",
        "percentunit",
        (
            Query(
                'jvm_memory_used_bytes{job="cassandra", area="heap"}'
                ' / jvm_memory_max_bytes{job="cassandra", area="heap"}',
                "{{instance}}",
            ),
            Query(
                'jvm_memory_pool_collection_used_bytes{job="cassandra", pool="Tenured Gen"}'
                ' / jvm_memory_pool_max_bytes{job="cassandra", pool="Tenured Gen"}',
                "{{instance}} left",
            ),
        ),
        SATURATION,
    ),
    Graph(
        "Garbage collection", "Share of time in which the collector stops everything.",
        "percentunit",
        (Query('rate(jvm_gc_collection_seconds_sum{job="cassandra"}[$__rate_interval])', "{{instance}} {{gc}}"),),
        ((None, GREEN), (0.05, YELLOW), (0.1, RED)),
    ),
    Graph(
        "Threads", "Threads of the JVM.",
        "short", (Query('jvm_threads_current{job="cassandra"}', "{{instance}}"),),
    ),
))  # fmt: skip

_STORAGE: Final = Row("Storage", (
    Graph(
        "Data by keyspace", "Live bytes on disk of the shop's keyspaces.",
        "bytes", (Query('sum by (keyspace) (cassandra_keyspace_live_bytes{keyspace!~"system.*"})', "{{keyspace}}"),),
    ),
    Graph(
        "Load of a node", "All bytes of a node on its disk.",
        "bytes", (Query("cassandra_storage_load", "{{instance}}"),),
    ),
    Graph(
        "Compactions that wait", "Alert: CassandraPendingCompactions above 20.",
        "short", (Query("cassandra_compactions_pending", "{{instance}}"),), ((None, GREEN), (10, YELLOW), (20, RED)),
    ),
    Graph(
        "Compaction", "Bytes compacted a second.",
        "Bps", (Query("rate(cassandra_compaction_bytes_total[$__rate_interval])", "{{instance}}"),),
    ),
    Graph(
        "Thread pools that wait", "Tasks waiting in each stage.",
        "short", (Query("sum by (pool) (cassandra_threadpool_pendingtasks)", "{{pool}}"),),
    ),
    Graph(
        "Messages dropped", "Messages between nodes that came too late to matter.",
        "ops",
        (Query("sum by (message) (rate(cassandra_dropped_messages_total[$__rate_interval]))", "{{message}}"),),
        ANY_IS_BAD,
    ),
))  # fmt: skip

_MACHINE: Final = Row("System", (
    Graph(
        "CPU", "Share of the machine's CPU: the process, and all.",
        "percentunit",
        (Query("os_processcpuload", "process {{instance}}"), Query("os_cpuload", "machine {{instance}}")),
        SATURATION,
    ),
    Graph(
        "Open files", "File descriptors of the process.",
        "short", (Query("os_openfiledescriptorcount", "{{instance}}"),),
    ),
    Graph(
        "Disk", "Share of each disk in use. Alert: DiskAlmostFull.",
        "percentunit",
        (
            Query(
                '1 - min by (device) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"}'
                ' / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"})',
                "{{device}}",
            ),
        ),
        SATURATION,
    ),
))  # fmt: skip

CASSANDRA: Final = Board(
    "cassandra", "Cassandra", "Requests, JVM, storage and system of the database's nodes.",
    (_CLIENTS, _JVM, _STORAGE, _MACHINE),
)  # fmt: skip
