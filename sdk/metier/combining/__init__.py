"""Several answers to one step, made one. Each strategy is one file; `--strategy` names it."""

from metier.combining.auto import auto
from metier.combining.average import average
from metier.combining.cascade import cascade
from metier.combining.defer import defer
from metier.combining.gate import gate
from metier.combining.mixture import mixture
from metier.combining.mux import mux
from metier.combining.rank import rank
from metier.combining.single import single
from metier.combining.strategy import Options, Sampled, Sampler, Strategy, Voter
from metier.combining.vote import vote
from metier.combining.weighted import weighted
from metier.plan import StrategyName

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
