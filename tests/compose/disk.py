"""Says how many MB the images named on stdin (docker-compose images --format json) and all volumes take.

The sum is the engine's own, layers once; it counts whatever else the engine holds, too: never less than is true.
"""

import json
import subprocess
import sys

LIMIT_MB = 5_000
OWN = tuple(f"product-store/{name}:" for name in ("catalog", "cart", "order", "user"))
BASE = "python:3.11-slim-bookworm"
ADDED_LIMIT_MB = 70
"""Upstream's base has about 130 MB, its stand-in more: together under 200."""
_UNITS = {"GB": 1000.0, "MB": 1.0, "kB": 0.001, "B": 0.000001}


def docker(*arguments: str) -> str:
    """Return what docker said."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S603, S607


def size_mb(image: str) -> float:
    """Return the size of an image."""
    return int(docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6


def used_mb() -> dict[str, float]:
    """Return what the engine holds, by kind."""
    lines = docker("system", "df", "--format", "{{json .}}").splitlines()
    return {kind["Type"]: _mb(kind["Size"]) for kind in map(json.loads, lines)}


def main() -> int:
    """Print a line for each image; 1 when there is too much of it."""
    base, too_large = size_mb(BASE), []
    for image in sorted({f"{found['Repository']}:{found['Tag']}" for found in json.load(sys.stdin)}):
        size, ours = size_mb(image), image.startswith(OWN)
        print(f"{size:8.0f} MB  {image}{f', {size - base:.0f} MB of it ours' if ours else ''}")
        if ours and size - base > ADDED_LIMIT_MB:
            too_large.append(image)
    used = used_mb()
    print(f"{used['Images']:8.0f} MB  images together, shared layers once")
    print(f"{used['Local Volumes']:8.0f} MB  volumes")
    return int(used["Images"] + used["Local Volumes"] > LIMIT_MB or bool(too_large))


def _mb(text: str) -> float:
    unit = next(name for name in _UNITS if text.endswith(name))
    return float(text.removesuffix(unit)) * _UNITS[unit]


if __name__ == "__main__":
    sys.exit(main())
