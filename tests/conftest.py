"""Settings of all tests: properties are not timed by the clock, as machines are noisy; benchmarks are."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
