"""How the number of users changes during a run: steady, ramp or spike."""

from typing import ClassVar, Final

from locust import LoadTestShape

STEADY, RAMP, SPIKE = SHAPES = ("steady", "ramp", "spike")
_STEPS: Final = 5
_CALM: Final = 5
_UNTIMED_S: Final = 300.0
"""How long a ramp or a spike takes when no time was said."""


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


class Curve(LoadTestShape):
    """The shape that --shape names, with Locust's own options for users, spawn rate and time."""

    use_common_options: ClassVar[bool] = True

    def tick(self) -> tuple[int, float] | None:
        """Return users and spawn rate for now; None when the time is over. A steady run without a time does not end."""
        options = self.runner.environment.parsed_options if self.runner else None
        if options is None:
            return None
        elapsed, run = self.get_run_time(), options.run_time
        if run is None and options.shape != STEADY:
            run = _UNTIMED_S
        if run is not None and elapsed >= run:
            return None
        users = users_at(options.shape, options.num_users or 1, elapsed, run or 1.0)
        rate = float(options.spawn_rate or 1)
        # A spike that comes slowly is none.
        return users, max(rate, users / 2) if options.shape == SPIKE else rate
