"""Models of other libraries, through their own exporters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netinverse


@pytest.fixture
def torch() -> Any:
    pytest.importorskip("onnx")
    module = pytest.importorskip("torch")
    module.manual_seed(0)
    return module


@pytest.mark.parametrize("exporter", [None, "dynamo", "torchscript"])
def test_modules_of_pytorch(torch: Any, exporter: str | None) -> None:
    if exporter == "dynamo":
        pytest.importorskip("onnxscript")
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(8, 2)).train()
    network = netinverse.load(module, exporter=exporter)
    assert module.training, "the module is left as it was"
    module.eval()
    x = torch.randn(50, 3)
    assert np.abs(network(x.numpy()) - module(x).detach().numpy()).max() < 1e-5
    y = module(torch.tensor([[0.1, -0.2, 0.3]])).detach().numpy()
    found = network.invert(y, bounds=(-1, 1))
    assert found.status == "solved"
    assert np.abs(module(torch.tensor(found.x, dtype=torch.float32)).detach().numpy() - y).max() < 1e-5
    assert "Sequential" in repr(network)
    conv = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 3))
    with pytest.raises(TypeError, match="example"):
        netinverse.load(conv, exporter=exporter)
    image = torch.randn(4, 1, 6, 6)
    network = netinverse.load(conv, example=image[:1], exporter=exporter)
    assert np.abs(network(image.numpy()) - conv(image).detach().numpy()).max() < 1e-5


def test_modules_that_are_no_graph(torch: Any) -> None:
    class Decides(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.linear(x) if x.sum() > 0 else -self.linear(x)

    class Draws(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x + torch.rand_like(x)

    class Sorts(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            raise RuntimeError("no such thing")

    for module in (Decides(), Draws(), Sorts()):
        with pytest.raises((ValueError, netinverse.UnsupportedError), match="hint") as caught:
            netinverse.load(module, example=torch.zeros(1, 3))
        assert type(module).__name__ in str(caught.value) or isinstance(caught.value, netinverse.UnsupportedError)
    with pytest.raises(ValueError, match="torchscript"):
        netinverse.load(Sorts(), example=torch.zeros(1, 3), exporter="fancy")
    with pytest.raises(TypeError, match="class"):
        netinverse.load(Sorts)
    with pytest.raises(TypeError, match="tensor"):
        netinverse.load(torch.zeros(3))


def test_models_of_keras(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend here")
    layers = [keras.layers.Input((3,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    network = netinverse.load(model)
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    assert np.abs(network(x) - np.asarray(model.predict(x, verbose=0))).max() < 1e-5
    assert network.invert(network(x[:2]), bounds=(-5, 5)).solved.all()
    with pytest.raises(ValueError, match="not built"):
        netinverse.load(keras.Sequential([keras.layers.Dense(2)]))


def test_classifiers_of_scikit_learn_give_their_scores() -> None:
    pytest.importorskip("skl2onnx")
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    model = MLPClassifier(hidden_layer_sizes=(8,), max_iter=300, random_state=0).fit(x, (x[:, 0] > x[:, 1]).astype(int))
    network = netinverse.load(model)
    assert np.abs(network(x) - model.predict_proba(x)).max() < 1e-5


def test_pipelines_of_scikit_learn() -> None:
    pytest.importorskip("skl2onnx")
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, size=(200, 3))
    y = np.stack([x[:, 0] * 0.3 - x[:, 1], np.sin(x[:, 2])], axis=1)
    model = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(16,), max_iter=1000, random_state=0)).fit(x, y)
    network = netinverse.load(model)
    assert np.allclose(network(x[:20]), model.predict(x[:20]), atol=1e-5)
    found = network.invert(model.predict(x[:3]), bounds=(-10, 14))
    assert found.solved.all()
    assert np.allclose(model.predict(found.x), model.predict(x[:3]), atol=1e-5)
    with pytest.raises(ValueError, match="fit"):
        netinverse.load(MLPRegressor(hidden_layer_sizes=(4,)))
