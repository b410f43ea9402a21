"""Ends with 0 when the gateway's access log (stdin) shows that so many replicas of a service answered.

docker-compose logs --no-log-prefix nginx | python replicas.py SERVICE HOW_MANY
"""

import json
import sys
from collections import Counter

SERVER_ERROR = 500
SHARE = 0.25
"""What the least asked replica must have of an equal share."""


def main(service: str, wanted: int) -> int:
    """Count answers by address."""
    lines = (json.loads(line) for line in sys.stdin if line.startswith("{"))
    found = Counter(
        line["upstream"] for line in lines if line["service"] == service and line["status"] < SERVER_ERROR
    )
    print(f"{service}: {', '.join(f'{n} by {address}' for address, n in found.most_common())}")
    return int(len(found) != wanted or min(found.values()) < SHARE * sum(found.values()) / wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
