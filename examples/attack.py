"""Run an attack on made-up signals and evaluate it as a record does: LiRA where membership shows, and where not.

200 people of whom half are members; 16 shadow models without each of them say what a non-member's signal looks like.
"""

from __future__ import annotations

import numpy as np

from privtalk.attacks import evaluate
from privtalk.attacks.membership.lira import lira

PEOPLE, MODELS = 200, 16


def main() -> None:
    for shift in (1.0, 0.0):
        generator = np.random.default_rng(0)
        habit = generator.normal(0, 2, PEOPLE)  # some people are easy for every model
        out = habit + generator.normal(0, 1, (MODELS, PEOPLE))
        member = np.arange(PEOPLE) < PEOPLE // 2
        signals = habit + shift * member + generator.normal(0, 1, PEOPLE)
        scores = lira(signals, out)
        found = evaluate(scores[member], scores[~member])
        auc, point = found.auc, found.points[0]
        print(f"shift {shift}: AUC {auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}], ", end="")
        print(f"TPR {point.tpr.value:.2f} at a realised FPR of {point.fpr_realised:.2f}; ", end="")
        print(f"raw signals alone {evaluate(signals[member], signals[~member]).auc.value:.2f}")


if __name__ == "__main__":
    main()
