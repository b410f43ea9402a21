import pytest

from perf.bench.soak import Soak

MINUTES_30 = 1800.0


def soak(*, growth_mb_per_s: float = 0.0, last_ms: float = 10.0) -> Soak:
    """Return half an hour in which memory grows after its first third, and waits change in the last one."""
    moments = [float(at) for at in range(0, 1800, 5)]
    memory = [(at, 100.0 + growth_mb_per_s * max(0.0, at - 600)) for at in moments]
    waits = [(at, (last_ms if at >= 1200 else 10.0) / 1000) for at in moments]
    return Soak(MINUTES_30, waits=waits, memory=memory)


def test_memory_that_fills_in_the_first_third_does_not_grow() -> None:
    """A shop that has just started fills its caches; what counts is what comes then."""
    filling = Soak(MINUTES_30, memory=[(float(at), min(100.0, 50 + at / 10)) for at in range(0, 1800, 5)])
    assert filling.memory_slope == pytest.approx(0)


def test_growth_is_told_in_percent_of_ten_minutes() -> None:
    """Two MB in ten minutes of 100 MB are two percent."""
    assert soak(growth_mb_per_s=2 / 600).memory_slope == pytest.approx(2)


def test_a_run_too_short_for_a_slope_has_none() -> None:
    """One look at the memory is no line."""
    assert Soak(MINUTES_30, memory=[(1000.0, 100.0)]).memory_slope == 0


def test_thirds_are_those_in_which_orders_were_due() -> None:
    """Each has its own p99."""
    whole = soak(last_ms=30)
    assert whole.p99_ms(0, 1 / 3) == pytest.approx(10)
    assert whole.p99_ms(2 / 3, 1) == pytest.approx(30)


def test_a_good_run_has_no_faults() -> None:
    """Less than a percent of memory and a quarter of the waits are within what chance does."""
    assert soak(growth_mb_per_s=0.9 / 600, last_ms=12).faults() == []


def test_whatever_is_not_as_wanted_is_named() -> None:
    """Errors, memory, waits: each by itself."""
    bad = soak(growth_mb_per_s=1.1 / 600, last_ms=13)
    bad.errors["cut off"] += 1
    assert bad.faults() == ["errors", "memory grows", "waits grow"]
