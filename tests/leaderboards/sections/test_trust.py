"""Whether a board's numbers can be trusted."""

import pytest

from privtalk.leaderboards.board.build import build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.trust import few_clients, one_seed, trust


@pytest.mark.parametrize(("clients", "told"), [(2, 1), (4, 1), (5, 0), (24, 0)])
def test_findings_about_fewer_than_five_clients_say_so(make, tmp_path, clients, told):
    [board] = build_all(load([make(clients=clients).write(tmp_path / "run")])).values()
    lines = few_clients(board)
    assert len(lines) == told
    found = trust(board, (), ())
    assert found.lines[:told] == tuple(lines)
    if told:
        assert found.answers[0].text.startswith("With care: ")
        assert f" {clients} clients: findings are of these people alone" in found.answers[0].text
        assert lines[0].subject == f"{clients} clients"


@pytest.mark.parametrize(("seeds", "told"), [((0,), 1), ((0, 1), 0)])
def test_findings_of_one_training_say_so(make, tmp_path, seeds, told):
    [board] = build_all(load([make(seeds=seeds, clients=6).write(tmp_path / "run")])).values()
    lines = one_seed(board)
    assert len(lines) == told
    assert ("1 seed: everything was run once" in trust(board, (), ()).answers[0].text) == bool(told)
