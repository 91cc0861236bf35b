"""What processes tell each other."""

import torch
from processes import in_ranks

from alexnet.parallel.ranks import Ranks


def conversation(ranks):
    rank = ranks.world.rank
    ranks.wait()
    return {
        "add": ranks.add(torch.tensor([1.0, rank])).tolist(),
        "any": [ranks.any(False), ranks.any(rank == 1), ranks.any(True)],
        "gather": ranks.gather(torch.tensor([[rank, 7]])).tolist(),
        "tell": [ranks.tell(f"rank {rank} says ä"), ranks.tell("")],
    }


def test_everybody_hears_the_same():
    first, second = in_ranks(2, conversation)
    assert first == second
    assert first["add"] == [2.0, 1.0]
    assert first["any"] == [False, True, True]
    assert first["gather"] == [[[0, 7]], [[1, 7]]]
    assert first["tell"] == ["rank 0 says ä", ""]


def test_one_process_talks_to_itself():
    ranks = Ranks()
    assert ranks.add(torch.ones(1)).tolist() == [1.0]
    assert (ranks.any(True), ranks.any(False)) == (True, False)
    assert ranks.gather(torch.ones(2)).shape == (1, 2)
    assert ranks.tell("so") == "so"
