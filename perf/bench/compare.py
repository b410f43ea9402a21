"""Compare this checkout with another version of the shop: both run at once, on the same cores, and are asked in turn.

Three shops: the base, the base a second time, and this checkout. The base against itself shows what chance does.
"""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from perf.bench.loads import Load, Stand, warm_up
from perf.bench.server import HERE, Checkout
from perf.bench.setups import Setup
from perf.bench.verdicts import Metric, Rounds

_MEMORY: Final = Metric("memory of its own afterwards, MB")
_WHO: Final = ("base", "again", "new")


async def compare(
    base: Checkout,
    loads: Sequence[Load],
    on: Setup,
    folder: Path,
    *,
    rounds: int,
    products: int,
    jvm_s: float,
) -> list[Rounds]:
    """Run every load so many rounds on each of the three; return all metrics."""
    measured: list[Rounds] = []
    async with contextlib.AsyncExitStack() as stack:
        stands = {}
        for who, checkout in zip(_WHO, (base, base, HERE), strict=True):
            run = await stack.enter_async_context(on.running(folder / who, checkout=checkout))
            stands[who] = await Stand.built(run, products)
        await warm_up(list(stands.values()), jvm_s)
        for load in loads:
            measured += await _rounds(load, stands, rounds)
        memory = {who: [stand.run.own_mb()] for who, stand in stands.items()}
        measured.append(Rounds(_MEMORY, **memory))
    return measured


async def _rounds(load: Load, stands: Mapping[str, Stand], rounds: int) -> list[Rounds]:
    """Let all take turns; who comes first changes from round to round."""
    came: dict[str, list[Mapping[Metric, float]]] = {who: [] for who in stands}
    begun = time.monotonic()
    for number in range(rounds):
        for place in range(len(_WHO)):
            who = _WHO[(number + place) % len(_WHO)]
            came[who].append(await load.turn(stands[who], number))
    print(f"{load.name}: {rounds} rounds in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return [
        Rounds(metric, **{who: [turn[metric] for turn in turns] for who, turns in came.items()})
        for metric in came["new"][0]
    ]
