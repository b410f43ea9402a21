from perf.bench.nodes import count_warnings, most_tombstones

OURS, OTHER = "bench_0a1b2c3d_", "bench_99999999_"


def table(tombstones: float) -> dict[str, object]:
    """Return what nodetool says of a table."""
    return {"maximum_tombstones_per_slice_last_five_minutes": tombstones, "sstable_count": 3}


def test_warnings_about_other_shops_are_left_out() -> None:
    """What a node says of itself counts for whoever is measured; what it says of a keyspace, for its shop alone."""
    log = [
        "2026-11-30 10:00:00,000 INFO  [main] Startup complete",
        f"2026-11-30 10:00:01,000 WARN  [Read-1] Read 0 live rows and 1200 tombstones FROM {OURS}order.order_work",
        f"2026-11-30 10:00:01,000 WARN  [Read-1] Read 0 live rows and 1200 tombstones FROM {OTHER}order.order_work",
        "2026-11-30 10:00:02,000 ERROR [main] Some operations were slow",
    ]
    assert count_warnings(log, OURS) == 2


def test_the_worst_table_of_a_shop_counts() -> None:
    """Of all its keyspaces; other shops and the node's own tables are left out."""
    said = {
        "total_number_of_tables": 40,
        "system": {"tables": {"paxos": table(90_000)}},
        f"{OURS}order": {"tables": {"order_work": table(8484.0), "orders": table(1)}},
        f"{OURS}cart": {"tables": {"carts": table(2)}},
        f"{OTHER}order": {"tables": {"order_work": table(50_000)}},
    }
    assert most_tombstones(said, OURS) == 8484


def test_a_shop_without_reads_passed_over_nothing() -> None:
    """A keyspace that is not there yet is no error."""
    assert most_tombstones({"total_number_of_tables": 0}, OURS) == 0
