"""All scenarios of conditional writes; tests/architecture shows that none is missing."""

from typing import Final

from tests.cassandra import kit_scenarios, order_scenarios

SCENARIOS: Final = (*kit_scenarios.SCENARIOS, *order_scenarios.SCENARIOS)
RIVALRIES: Final = order_scenarios.RIVALRIES
