"""The curves as Locust takes them."""

from typing import ClassVar, Final

from locust import LoadTestShape

from perf.load.curves import SPIKE, STEADY, users_at

_UNTIMED_S: Final = 300.0
"""How long a ramp or a spike takes when no time was said."""


class Curve(LoadTestShape):
    """The shape that --shape names, with Locust's own options for users, spawn rate and time."""

    use_common_options: ClassVar[bool] = True

    def tick(self) -> tuple[int, float] | None:
        """Return users and spawn rate for now; None when the time is over.

        A steady run without a time does not end.
        """
        options = self.runner.environment.parsed_options if self.runner else None
        if options is None:
            return None
        elapsed = self.get_run_time()  # type: ignore[no-untyped-call] # Locust's
        run = options.run_time
        if run is None and options.shape != STEADY:
            run = _UNTIMED_S
        if run is not None and elapsed >= run:
            return None
        users = users_at(options.shape, options.num_users or 1, elapsed, run or 1.0)
        rate = float(options.spawn_rate or 1)
        # A spike that comes slowly is not a spike.
        return users, max(rate, users / 2) if options.shape == SPIKE else rate
