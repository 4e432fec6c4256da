"""The tasks of the suite, a folder each: `task.py` in it holds `TASK` (`bench.task.Task`)."""
