"""Where a network lies in the processes of a run: who holds which part of it, and who shares the images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import Ranks, teams
from alexnet.parallel.shards import Shards


@dataclass
class Layout:
    """Teams of processes, each of which holds the network once, every process of it a part.

    By default a team is one process: all hold the whole network, and share the images.

    Args:
        ranks: The processes of the run.
        shards: How the network is cut over a team.
        link: Of the network's own exchange in a team, where there is one.
    """

    ranks: Ranks = field(default_factory=Ranks)
    shards: Shards = field(default_factory=lambda: Shards({}, Ranks()))
    link: Exchange | None = None
    peers: Ranks = field(init=False)
    """Who holds the same part as this process, in the other teams: they add their gradients and share the images."""

    def __post_init__(self) -> None:
        self.peers = replace(self.ranks, world=self.ranks.world.peers(self.team_size))

    @property
    def team_size(self) -> int:
        """Processes of a team."""
        return self.shards.team.world.size

    def meet(self) -> None:
        """Find the teams once all processes have joined; all call this together."""
        team, self.peers = teams(self.ranks, self.team_size)
        self.shards = replace(self.shards, team=team)
        if self.link is not None:
            self.link.ranks = team

    def replicas(self, name: str) -> list[range]:
        """Return which ranks hold the same of a tensor, all of them in such groups."""
        size = self.ranks.world.size
        if name not in self.shards.cuts:
            return [range(size)]
        return [range(place, size, self.team_size) for place in range(self.team_size)]
