"""FaceNet's networks: NN1 to NN4 by the paper's tables, NNS1 and NNS2 within its budgets, and the one builder."""

from facelite.networks.build import build, fold, get_weights, set_weights
from facelite.networks.count import Count, count, total
from facelite.networks.nns2 import NNS2
from facelite.networks.table import Network

NETWORKS: dict[str, Network] = {network.name: network for network in (NNS2,)}

__all__ = ["NETWORKS", "Count", "Network", "build", "count", "fold", "get_weights", "set_weights", "total"]
