"""Says how many MB the images named on stdin (docker-compose images --format json) and all volumes take together."""

import json
import subprocess
import sys

LIMIT_MB = 5_000
OWN = tuple(f"product-store/{name}:" for name in ("catalog", "cart", "order", "user"))
BASE = "python:3.11-slim-bookworm"
ADDED_LIMIT_MB = 70
"""Upstream's base has about 130 MB, its stand-in more: together under 200."""


def docker(*arguments: str) -> str:
    """Return what docker said."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S603, S607


def layers_of(image: str) -> dict[str, int]:
    """Return digest -> bytes of the layers that hold something."""
    history = docker("history", "--human=false", "--no-trunc", "--format", "{{.Size}}", image).split()
    sizes = [int(size) for size in reversed(history) if int(size)]
    digests = json.loads(docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", image))
    return dict(zip(digests[-len(sizes) :], sizes, strict=False))


def volumes_mb() -> float:
    """Return what all volumes hold."""
    usage = json.loads(docker("system", "df", "-v", "--format", "{{json .Volumes}}"))
    return sum(_mb(volume["Size"]) for volume in usage)


def added_mb(image: str) -> float:
    """Return what an image of ours adds to the image that it is made from."""
    return sum(size for digest, size in layers_of(image).items() if digest not in layers_of(BASE)) / 1e6


def main() -> int:
    """Print a line for each image; 1 when there is too much of it."""
    layers: dict[str, int] = {}
    too_large = []
    for image in sorted({f"{found['Repository']}:{found['Tag']}" for found in json.load(sys.stdin)}):
        size = int(docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6
        ours = image.startswith(OWN)
        print(f"{size:8.0f} MB  {image}{f', {added_mb(image):.0f} MB of it ours' if ours else ''}")
        if ours and added_mb(image) > ADDED_LIMIT_MB:
            too_large.append(image)
        layers |= layers_of(image)
    images, volumes = sum(layers.values()) / 1e6, volumes_mb()
    print(f"{images:8.0f} MB  images together, shared layers once\n{volumes:8.0f} MB  volumes")
    return int(images + volumes > LIMIT_MB or bool(too_large))


def _mb(text: str) -> float:
    units = {"GB": 1000.0, "MB": 1.0, "kB": 0.001, "B": 0.000001}
    unit = next(name for name in units if text.endswith(name))
    return float(text.removesuffix(unit)) * units[unit]


if __name__ == "__main__":
    sys.exit(main())
