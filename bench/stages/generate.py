"""The former place of `safe`, which scripts import by this name."""

from privtalk.bench.tasks.talking_head.stages.generate import safe as safe
