import pytest

from perf.bench.counted import Counted
from perf.bench.lives import Lives
from perf.bench.load import Result
from perf.bench.loads import WholeLives, all_loads


def statements(operation: str, table: str, count: int, *, outcome: str = "ok", of: str = "count") -> str:
    """Return a line of a page of metrics."""
    labels = f'db_system="cassandra",operation="{operation}",outcome="{outcome}",table="{table}"'
    return f"db_client_operation_duration_seconds_{of}{{{labels}}} {count}.0"


ORDER = "\n".join(
    [
        "# HELP store_orders_status_total Orders that reached a status.",
        'store_orders_status_total{status="SHIPPING"} 9.0',
        'store_orders_status_total{status="DELIVERED"} 7.0',
        'store_cassandra_cas_lost_total{operation="orders.advance"} 0.0',
        statements("advance", "orders", 5, of="bucket"),
        statements("advance", "orders", 30),
        statements("advance", "orders", 1, outcome="timeout"),
        statements("advance", "work", 4),
        statements("advance", "orders", 2, of="sum"),
        "process_cpu_seconds_total 12.0",
    ]
).encode()
CART = "\n".join([statements("get", "carts", 10), statements("advance", "orders", 2)]).encode()


def test_a_percentile_is_the_latency_that_so_many_did_not_exceed() -> None:
    """Of a thousand answers one is slower than p99.9."""
    result = Result(latencies_s=[number / 1000 for number in range(1, 1001)])
    assert result.percentile_ms(0.5) == pytest.approx(501)
    assert result.percentile_ms(0.999) == pytest.approx(1000)


def test_statements_of_all_services_are_counted() -> None:
    """Whatever became of them; those of a kind that is sent as compare-and-set by its service are counted as such."""
    assert Counted.read([ORDER, CART]) == Counted(delivered=7, statements=47, conditional=31)


def test_what_was_counted_before_is_left_out() -> None:
    """A load is charged for what was done in its time."""
    before = Counted(delivered=5, statements=40, conditional=20)
    assert Counted.read([ORDER, CART]).since(before) == Counted(delivered=2, statements=7, conditional=11)


def test_a_life_is_charged_for_all_threads_of_the_shop_and_for_no_client() -> None:
    """What is divided among the orders is the processor time of the shop; each part has its own row."""
    cpu_s = {"loop": 3.0, "other threads": 1.0, "client": 0.5}
    placed = Result(latencies_s=[0.01] * 1000, seconds=10)
    load = WholeLives(lines=3, buyers=16, warm_up_s=1, seconds=10)
    came = {
        metric.name.removeprefix("lives of 3 lines, 16 buyers: "): value
        for metric, value in load.figures(
            Lives(placed, 0, cpu_s, 0.02, Counted(900, 28_000, 12_000), 8.0, {})
        ).items()
    }
    assert came["placed/s"] == pytest.approx(100)
    assert came["delivered/s"] == pytest.approx(90)
    assert came["CPU ms each"] == pytest.approx(4)
    assert came["CPU ms each, loop"] == pytest.approx(3)
    assert came["CPU ms each, client"] == pytest.approx(0.5)
    assert came["statements each"] == pytest.approx(28)


def test_a_load_that_came_to_nothing_is_no_figure() -> None:
    """A shop that placed no order in time is not said to be fast or slow."""
    load = WholeLives(lines=1, buyers=1, warm_up_s=1, seconds=10)
    with pytest.raises(RuntimeError, match="no order was placed in 10 s"):
        load.figures(Lives(Result(seconds=10), 0, {"loop": 1.0}, 0.0, Counted(), 0.0, {}))


def test_rates_are_better_when_higher_and_all_else_when_lower() -> None:
    """So says every metric of a life."""
    load = WholeLives(lines=1, buyers=1, warm_up_s=1, seconds=10)
    figures = load.figures(
        Lives(Result(latencies_s=[1.0], seconds=1), 0, {"loop": 1.0}, 0.0, Counted(), 0.0, {})
    )
    assert {m.name.partition(": ")[2] for m in figures if m.higher_is_better} == {"placed/s", "delivered/s"}


def test_orders_of_many_lines_are_placed_by_the_most_buyers_alone() -> None:
    """Every number of buyers for the shortest orders, one for each of the longer ones."""
    loads = all_loads(seconds=10, warm_up_s=1, buyers=(1, 16), lines=(1, 27))
    assert [load.name for load in loads if load.name.startswith("lives")] == [
        "lives of 1 line, 1 buyer",
        "lives of 1 line, 16 buyers",
        "lives of 27 lines, 16 buyers",
    ]
