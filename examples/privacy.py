"""Account a privacy setting: the noise for a target ε, and that ε by four accountants.

1,000 clients of whom one in ten takes part in each of 100 rounds, Gaussian noise by whoever sums.
"""

from __future__ import annotations

from privtalk.methods.privacy.accounting import sampled_gaussian
from privtalk.methods.privacy.accounting.calibration import least_noise

CLIENTS, RATE, ROUNDS, TARGET = 1000, 0.1, 100, 8.0


def main() -> None:
    delta = sampled_gaussian.default_delta(CLIENTS)
    found = least_noise(TARGET, lambda noise: sampled_gaussian.epsilon(noise, RATE, ROUNDS, delta))
    print(
        f"noise multiplier {found.noise_multiplier:.4f} gives ε = {found.epsilon:.3f} at δ = {delta:.3g}, by PLD"
    )
    for name, epsilon in sampled_gaussian.checks(found.noise_multiplier, RATE, ROUNDS, delta).items():
        print(f"  {name:20}{epsilon:.3f}")
    print(f"at δ = 0.01: {sampled_gaussian.void_delta(0.01, CLIENTS)}")


if __name__ == "__main__":
    main()
