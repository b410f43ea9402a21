"""All scenarios of conditional writes; tests/architecture shows that none is missing."""

from typing import Final

from tests.cassandra import cart_scenarios, catalog_scenarios, kit_scenarios, order_scenarios, user_scenarios

SCENARIOS: Final = (
    *kit_scenarios.SCENARIOS,
    *order_scenarios.SCENARIOS,
    *cart_scenarios.SCENARIOS,
    *user_scenarios.SCENARIOS,
    *catalog_scenarios.SCENARIOS,
)
RIVALRIES: Final = (
    *order_scenarios.RIVALRIES,
    *cart_scenarios.RIVALRIES,
    *user_scenarios.RIVALRIES,
    *catalog_scenarios.RIVALRIES,
)
