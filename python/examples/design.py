"""Inverse design: a network learned from a simulator, and all the different designs that meet a specification."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netinverse

LOWER, UPPER = np.array([-0.6, -1.2, -1.2, -1.2]), np.array([0.6, 1.2, 1.2, 1.2])


def arm(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the hand of a planar arm is: a rail at height h, three joints, links of 1/2, 1/2 and 1."""
    t = np.cumsum(x[:, 1:], axis=1)
    links = np.array([0.5, 0.5, 1.0])
    return np.stack([(links * np.cos(t)).sum(axis=1), x[:, 0] + (links * np.sin(t)).sum(axis=1)], axis=1)


rng = np.random.default_rng(0)
x = rng.uniform(LOWER, UPPER, size=(10_000, 4))
surrogate = make_pipeline(
    StandardScaler(), MLPRegressor(hidden_layer_sizes=(48, 48), activation="tanh", max_iter=60, random_state=0)
)
surrogate.fit(x, arm(x))

network = netinverse.load(surrogate)
bounds = np.stack([LOWER, UPPER], axis=1)
wanted = [[1.5, 0.4], [1.0, -0.8], [20.0, 0.0]]
found = network.invert(wanted, bounds=bounds, count=4, seed=1)
for target, query in zip(wanted, found.queries):
    print(f"hand at {target}: {query.status}, {len(query.answers)} designs")
    for answer in query.answers:
        print(f"  x = {np.round(answer.x, 3)}, the network to {answer.residual:.0e}, "
              f"the arm to {np.abs(arm(answer.x[None])[0] - target).max():.0e}")

# One input is given, another is to be small, and the answer is proved to lie where it should.
fixed = network.invert([wanted[0]], bounds=bounds, fix={0: 0.1}, subject_to="x1 <= 0.2")
print(f"with x0 = 0.1 and x1 <= 0.2: {fixed.status}, x = {np.round(fixed.x[0], 3)}")
