"""Ends with 0 once every target that Prometheus knows is up, and says which are not after a minute."""

import json
import sys
import time
import urllib.request

PATIENCE_S = 90


def down(base: str) -> list[str]:
    """Return the targets that are not up; all of none counts as one."""
    with urllib.request.urlopen(f"{base}/api/v1/targets?state=active", timeout=5) as answer:  # noqa: S310
        targets = json.load(answer)["data"]["activeTargets"]
    found = [f"{t['labels'].get('job')} {t['scrapeUrl']}: {t['health']} {t['lastError']}" for t in targets]
    return (
        [line for line, target in zip(found, targets, strict=True) if target["health"] != "up"]
        if found
        else ["none"]
    )


def main(base: str) -> int:
    """Look until all are up."""
    begun = time.monotonic()
    while found := down(base):
        if time.monotonic() - begun > PATIENCE_S:
            print("\n".join(found))
            return 1
        time.sleep(1)
    print(f"every target of Prometheus is up after {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
