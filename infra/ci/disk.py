"""Says how many MB the images named on stdin (docker-compose images --format json) and all volumes take together."""

import json
import subprocess
import sys

LIMIT_MB = 5_000
OWN_LIMIT_MB = 200


def docker(*arguments: str) -> str:
    """Return what docker said."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S603, S607


def main() -> int:
    """Print a line for each image; 1 when there is too much of it."""
    images = {f"{i['Repository']}:{i['Tag']}" for i in json.load(sys.stdin)}
    layers: dict[str, int] = {}
    too_large = []
    for image in sorted(images):
        history = [int(size) for size in docker("history", "--human=false", "--format", "{{.Size}}", image).split()]
        found = json.loads(docker("image", "inspect", image))[0]
        sizes = [size for size in reversed(history) if size]
        own = found["Size"] / 1e6
        print(f"{own:8.0f} MB  {image}")
        if image.startswith("product-store/") and own > OWN_LIMIT_MB and "cassandra" not in image:
            too_large.append(image)
        # A layer that two images share has the same digest in both; sizes come in the same order.
        filled = [d for d in found["RootFS"]["Layers"]]
        for digest, size in zip(filled[-len(sizes):], sizes, strict=False):
            layers[digest] = size
    usage = [json.loads(line) for line in docker("system", "df", "-v", "--format", "{{json .Volumes}}").splitlines()]
    volumes = sum(_mb(volume["Size"]) for line in usage for volume in line)
    together = sum(layers.values()) / 1e6
    print(f"{together:8.0f} MB  images together, shared layers once")
    print(f"{volumes:8.0f} MB  volumes")
    return int(together + volumes > LIMIT_MB or bool(too_large))


def _mb(text: str) -> float:
    units = {"GB": 1000.0, "MB": 1.0, "kB": 0.001, "B": 0.000001}
    unit = next(name for name in units if text.endswith(name))
    return float(text.removesuffix(unit)) * units[unit]


if __name__ == "__main__":
    sys.exit(main())
