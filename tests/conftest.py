"""Settings of all tests: properties are not timed by the clock, since machines are noisy; timing belongs in benchmarks."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
