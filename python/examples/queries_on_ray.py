"""Many queries on a Ray cluster: the answers are those of one process, bit for bit."""

import sys

import numpy as np
import ray
from sklearn.neural_network import MLPRegressor

import netinverse
import netinverse.ray

count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, size=(4000, 3))
y = np.stack([x[:, 0] + 0.3 * np.sin(3 * x[:, 1]), x[:, 2] - x[:, 0] * x[:, 1]], axis=1)
surrogate = MLPRegressor(hidden_layer_sizes=(24,), activation="tanh", max_iter=300, random_state=0)
network = netinverse.load(surrogate.fit(x, y))

ray.init(ignore_reinit_error=True, log_to_driver=False)
targets = network(rng.uniform(-0.9, 0.9, size=(count, 3)))
answers = netinverse.ray.invert(targets, network, bounds=(-1, 1), seed=1).take_all()
answers.sort(key=lambda answer: int(answer["row"]))
solved = sum(answer["status"] == "solved" for answer in answers)
worst = max(float(answer["residual"]) for answer in answers if answer["status"] == "solved")
print(f"{solved} of {count} rows solved, residual at most {worst:.0e}")

some = min(count, 2048)
alone = network.invert(targets[:some], bounds=(-1, 1), seed=1)
same = all((answer["x"] == row).all() for answer, row in zip(answers, alone.x))
print(f"the first {some} rows in one process: {'the same bits' if same else 'others'}")
