"""The inverse of a neural network: ``{x in B : f(x) in Y}``, at a point, as a set.

>>> import netinverse
>>> network = netinverse.load("model.onnx")
>>> network(x)                                       # values
>>> network.jacobian(x)                              # derivatives
>>> network.invert(target=y, bounds=(-1, 1)).x       # inputs that give y
>>> network.preimage(where="y0 >= y1", bounds=(-1, 1)).volume

The names, defaults and statuses are those of the command line, and the answers are the same at the same seed.
"""

from netinverse._answers import Answer, Inversion, Preimage, Query
from netinverse._core import UnsupportedError, __version__
from netinverse._inverter import NetworkInverter
from netinverse._loading import load
from netinverse._network import Network

__all__ = [
    "Answer",
    "Inversion",
    "Network",
    "NetworkInverter",
    "Preimage",
    "Query",
    "UnsupportedError",
    "__version__",
    "load",
]
