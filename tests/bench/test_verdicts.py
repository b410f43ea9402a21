import pytest

from perf.bench.verdicts import Metric, Rounds, Verdict, table

RATE = Metric("placed/s", higher_is_better=True)
COST = Metric("CPU us")


def rounds(metric: Metric, base: list[float], again: list[float], new: list[float]) -> Rounds:
    return Rounds(metric, base, again, new)


def test_the_ratio_is_taken_round_by_round() -> None:
    """A minute in which the whole machine was half as fast changes no ratio."""
    assert rounds(COST, [10, 20, 10], [10, 20, 10], [11, 22, 11]).away == pytest.approx(1.1)


def test_one_odd_round_does_not_decide() -> None:
    """The ratio is a median."""
    assert rounds(COST, [10, 10, 10], [10, 10, 10], [10, 10, 1000]).away == pytest.approx(1)


def test_the_base_of_a_round_is_between_its_two_processes() -> None:
    """Half and twice the speed of one process are the same to the other's twice and half."""
    assert rounds(COST, [5], [20], [10]).away == pytest.approx(1)


@pytest.mark.parametrize("pair", [([10.0, 10.0], [10.0, 12.5]), ([10.0, 12.5], [10.0, 10.0])])
def test_the_spread_is_the_farthest_that_the_base_was_from_itself(
    pair: tuple[list[float], list[float]],
) -> None:
    """It is the same whichever of the two processes was faster, and holds in both directions."""
    assert rounds(COST, *pair, [1, 1]).spread == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("metric", "new", "verdict"),
    [
        (RATE, 79, "LOSS"),
        (RATE, 81, "same"),
        (RATE, 124, "same"),
        (RATE, 126, "better"),
        (COST, 79, "better"),
        (COST, 81, "same"),
        (COST, 124, "same"),
        (COST, 126, "LOSS"),
    ],
)
def test_a_loss_counts_only_outside_the_spread(metric: Metric, new: float, verdict: Verdict) -> None:
    """With a base that is up to a quarter away from itself, only what is farther away is said to differ."""
    base, again = [100.0, 100.0, 100.0], [100.0, 125.0, 100.0]
    one_way = [new, new, new]
    assert rounds(metric, base, again, one_way).verdict == verdict


@pytest.mark.parametrize(
    ("base", "again", "new", "verdict"),
    [(0, 0, 0, "same"), (0, 0, 5, "better"), (5, 5, 0, "LOSS"), (5, 0, 0, "same"), (0, 5, 5, "same")],
)
def test_nothing_at_all_can_be_compared(base: float, again: float, new: float, verdict: Verdict) -> None:
    """A version that delivers none loses to one that does; a base that once did and once did not says nothing."""
    assert rounds(RATE, [base], [again], [new]).verdict == verdict


COUNT = Metric("told to try again")
NONE = [0.0] * 5


@pytest.mark.parametrize(
    ("base", "again", "new", "verdict"),
    [
        (NONE, [0, 1, 0, 0, 0], [50, 60, 70, 55, 65], "LOSS"),
        ([50, 60, 70, 55, 65], [50, 61, 70, 0, 65], [20.0] * 5, "same"),
        ([50, 60, 70, 55, 65], [50, 61, 70, 54, 65], NONE, "better"),
        (NONE, [0, 1, 0, 0, 0], [1, 1, 1, 0, 0], "same"),
        (NONE, [0, 1, 0, 0, 0], [0, 9, 0, 0, 0], "same"),
        (NONE, NONE, [1, 1, 1, 0, 0], "LOSS"),
    ],
)
def test_a_base_that_was_0_once_does_not_excuse_all(
    base: list[float], again: list[float], new: list[float], verdict: Verdict
) -> None:
    """Counts are compared by how many more there are: that the base had one does not excuse fifty."""
    assert rounds(COUNT, base, again, new).verdict == verdict


def test_a_rate_that_was_0_once_is_judged_by_difference() -> None:
    """A version that is twice as fast as one that failed once is better than it by more than chance."""
    base, again = [5.0, 5.0, 5.0], [5.0, 0.0, 5.0]
    assert rounds(RATE, base, again, [11, 11, 11]).verdict == "better"
    assert rounds(RATE, base, again, [4, 4, 4]).verdict == "same"


def test_figures_below_0_are_compared() -> None:
    """Idle threads used less than nothing when the two clocks that are subtracted were read apart."""
    measured = rounds(Metric("CPU ms each, other threads"), [-0.001, 0.002], [0.002, -0.001], [1.0, 1.0])
    assert measured.verdict == "LOSS"
    assert rounds(COST, [-0.001], [-0.001], [-0.001]).verdict == "same"
    assert "-0.00100" in table([rounds(COST, [-0.001], [-0.001], [-0.001])])


def test_differences_have_a_sign_in_the_table() -> None:
    """So that they are not taken for ratios."""
    (row,) = table([rounds(COUNT, NONE, [0, 1, 0, 0, 0], [50, 60, 70, 55, 65])]).splitlines()[1:]
    assert row.split() == ["told", "to", "try", "again", "0", "60.0", "+59.5", "-1", "to", "+1", "LOSS"]


def test_the_table_shows_both_medians_and_the_base_against_itself() -> None:
    """Each metric has one row with all that its verdict rests on; small figures keep three digits."""
    shown = table([rounds(RATE, [1000], [1250], [500]), rounds(COST, [1.234], [1.234], [1.234])])
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["placed/s", "1125", "500", "0.447", "0.800", "to", "1.250", "LOSS"],
        ["CPU", "us", "1.23", "1.23", "1.000", "1.000", "to", "1.000", "same"],
    ]
