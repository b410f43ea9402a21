"""What Locust loads: everybody who uses the shop, the curve of their number, and the thresholds they are judged by.

In compose it waits at http://localhost:8089 with the host http://nginx; from a checkout: `make load`.
docs/load_testing.md explains both.
"""

from perf.load.administrator import Administrator
from perf.load.herd import HerdBuyer
from perf.load.shape import Curve
from perf.load.shopper import Shopper
from perf.load.verdict import judge_by_thresholds

__all__ = ["Administrator", "Curve", "HerdBuyer", "Shopper"]

judge_by_thresholds()
