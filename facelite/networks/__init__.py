"""FaceNet's networks: NN1 to NN4 by the paper's tables, NNS1 and NNS2 within its budgets, and the one builder."""

from facelite.networks.build import build, fold, get_weights, set_weights
from facelite.networks.count import Count, count, total
from facelite.networks.nn1 import NN1
from facelite.networks.nn2 import NN2, NN3, NN4
from facelite.networks.nns1 import NNS1
from facelite.networks.nns2 import NNS2
from facelite.networks.table import Network

NETWORKS: dict[str, Network] = {network.name: network for network in (NN1, NN2, NN3, NN4, NNS1, NNS2)}

__all__ = ["NETWORKS", "Count", "Network", "build", "count", "fold", "get_weights", "set_weights", "total"]
