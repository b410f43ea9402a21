"""How the number of users changes during a run: steady, ramp or spike."""

from typing import Final

STEADY, RAMP, SPIKE = SHAPES = ("steady", "ramp", "spike")
_STEPS: Final = 5
_CALM: Final = 5


def users_at(shape: str, users: int, elapsed_s: float, run_s: float) -> int:
    """Return how many users there are, so many seconds after the start.

    steady: always all of them. ramp: a fifth more after each fifth of the time. spike: a fifth of them, all during
    the middle third, then a fifth again.
    """
    if shape == RAMP:
        step = min(_STEPS, 1 + int(_STEPS * elapsed_s / run_s))
        return max(1, users * step // _STEPS)
    if shape == SPIKE and not run_s / 3 <= elapsed_s < run_s * 2 / 3:
        return max(1, users // _CALM)
    return users
