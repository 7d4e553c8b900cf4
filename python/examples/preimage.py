"""The whole set of inputs of a class, proved from both sides, with its picture and an independent check."""

import sys

import numpy as np
from sklearn.datasets import make_moons
from sklearn.neural_network import MLPClassifier

import netinverse

folder = sys.argv[1] if len(sys.argv) > 1 else "."
x, classes = make_moons(400, noise=0.1, random_state=0)
model = MLPClassifier(hidden_layer_sizes=(16, 16), activation="relu", max_iter=400, random_state=0).fit(x, classes)

network = netinverse.load(model)
found = network.preimage(class_=1, margin=0.5, bounds=[(-2, 3), (-1.5, 2)], coverage=0.98)
lower, upper = found.volume
print(f"{found.status}: {lower:.4f} <= area <= {upper:.4f} (proved), {len(found.inner)} polytopes, {found.seconds:.2f} s")
print(f"checked: {netinverse.check(found, model=network).verdict}")

points = found.sample(1000, seed=0)
print(f"smallest margin of 1000 points of it: {np.diff(network(points), axis=1).min():.3f}")
inside = found.contains(x)
print(f"of the data {inside.count(True)} rows are in, {inside.count(False)} are out, {inside.count(None)} undecided")
found.save(f"{folder}/moons.svg")
found.save(f"{folder}/moons.preimage")
