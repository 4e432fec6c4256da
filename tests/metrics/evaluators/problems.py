"""Named streams and a few steps of training, for the tests of what is fitted."""

from __future__ import annotations

import hashlib

import torch


def stream(*names):
    """A generator that its name alone determines."""
    digest = hashlib.sha256(repr(names).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))


def other(*names):
    """Another seed's."""
    return stream("other", *names)


def losses(problem, steps, rate=2e-3, first=0):
    """Losses of `steps` steps of Adam."""
    optimiser = torch.optim.Adam(problem.parameters(), lr=rate)
    found = []
    for step in range(first, first + steps):
        loss = problem.loss(step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.item())
    return found


def check_named_draws(build):
    """The same stream gives the same losses bit for bit; a step's draws depend on nothing but its number."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first, again = build(stream), build(stream)
        with torch.no_grad():
            expected = first.loss(7).item()
            for step in (3, 0):
                again.loss(step)
            torch.manual_seed(2)
            torch.rand(5)
            assert again.loss(7).item() == expected, "a step's draws depend on what came before it"
            assert first.loss(7).item() == expected
            assert first.loss(8).item() != expected
            assert build(other).loss(7).item() != expected
        assert losses(build(stream), 3) == losses(build(stream), 3)
