"""Several answers to one step, made one. Each strategy is one file; `--strategy` names it."""

from metier.plan import StrategyName
from metier.strategies.auto import auto
from metier.strategies.average import average
from metier.strategies.cascade import cascade
from metier.strategies.defer import defer
from metier.strategies.gate import gate
from metier.strategies.mixture import mixture
from metier.strategies.mux import mux
from metier.strategies.rank import rank
from metier.strategies.single import single
from metier.strategies.strategy import Options, Sampled, Sampler, Strategy, Voter
from metier.strategies.vote import vote
from metier.strategies.weighted import weighted

STRATEGIES: dict[StrategyName, Strategy] = {
    "single": single,
    "vote": vote,
    "weighted": weighted,
    "average": average,
    "mux": mux,
    "rank": rank,
    "gate": gate,
    "mixture": mixture,
    "cascade": cascade,
    "defer": defer,
    "auto": auto,
}

__all__ = ["STRATEGIES", "Options", "Sampled", "Sampler", "Strategy", "Voter"]
