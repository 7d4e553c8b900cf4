"""The inverse of a neural network: ``{x in B : f(x) in Y}``, at a point, as a set, as a network.

>>> import netinverse
>>> network = netinverse.load("model.onnx")
>>> network(x)                                       # values
>>> network.jacobian(x)                              # derivatives
>>> network.invert(target=y, bounds=(-1, 1)).x       # inputs that give y
>>> found = network.preimage(where="y0 >= y1", bounds=(-1, 1))
>>> found.volume                                     # of all inputs with y0 >= y1: two proved bounds
>>> netinverse.check(found, model=network).verdict   # every claim of it derived anew
>>> network.explain().verdict                        # is there an inverse, why not
>>> network.inverse().save("inverse.onnx")           # the inverse as a network

The names, defaults and statuses are those of the command line, and the answers are the same at the same seed.
"""

from netinverse._check import Report, check
from netinverse._core import UnsupportedError, __version__
from netinverse._explanation import Collision, Explanation, Layer, Statement
from netinverse._inverse import Inverse
from netinverse._inversion import Answer, Inversion, Query
from netinverse._inverter import NetworkInverter
from netinverse._loading import load
from netinverse._network import Network
from netinverse._preimage import Polytope, Preimage, merge

__all__ = [
    "Answer",
    "Collision",
    "Explanation",
    "Inverse",
    "Inversion",
    "Layer",
    "Network",
    "NetworkInverter",
    "Polytope",
    "Preimage",
    "Query",
    "Report",
    "Statement",
    "UnsupportedError",
    "__version__",
    "check",
    "load",
    "merge",
]
