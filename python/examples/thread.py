"""The question that netinverse began with: undo the sigmoid, multiply by pinv(W), and the digit does not come back."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import netinverse

images, classes = load_digits(return_X_y=True)
images = images / 16
one_hot = np.eye(10, dtype=int)[classes]
model = MLPClassifier(hidden_layer_sizes=(), learning_rate_init=0.01, max_iter=300, random_state=0)
model.fit(images, one_hot)  # f(x) = sigmoid(x W + b), 64 -> 10
W, b = model.coefs_[0], model.intercepts_[0]

five = images[classes == 5][0]
y = model.predict_proba([five])[0]
z = np.log(y / (1 - y))  # the sigmoid undone
back = (z - b) @ np.linalg.pinv(W)
again = 1 / (1 + np.exp(-(back @ W + b)))
print(f"pinv: gives y to {np.abs(again - y).max():.0e}, pixels from {back.min():.2f} to {back.max():.2f}, "
      f"{np.abs(back - five).max():.2f} away from the 5")

network = netinverse.load(model)
why = network.explain(bounds=(0, 1))
print(f"why: {why.verdict}; {why.evidence[0].text}; {why.layers[-1].left} of {why.inputs} dimensions are left")
fives = images[classes == 5]  # what is known of fives makes up for the 54 dimensions that are lost
found = network.invert([y], bounds=(0, 1), prior="gaussian", data=fives)
x = found.x[0]
print(f"netinverse: {found.status}, gives y to {found.residual[0]:.0e}, pixels from {x.min():.2f} to {x.max():.2f}")
distances = np.linalg.norm(images - x, axis=1)
print(f"nearest digit of the training set, {distances.min():.2f} away: a {classes[distances.argmin()]}")
