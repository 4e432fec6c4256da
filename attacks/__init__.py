"""Attacks: what an adversary with a given view can tell. Views first, then one attack a file."""

from privtalk.attacks.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
