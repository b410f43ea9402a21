"""No conditional write without a test that loses its answer."""

from tests.cassandra.scenarios import SCENARIOS
from tests.support.conditional_writes import conditional_writes, nameless


def test_every_conditional_write_is_a_named_constant() -> None:
    """CQL with IF is written as a constant of its module, where tests find it."""
    assert nameless() == []


def test_every_conditional_write_has_a_scenario() -> None:
    """Each conditional write has a scenario of lost answers, lost requests and late ones."""
    assert set(conditional_writes()) == {scenario.statement for scenario in SCENARIOS}
