#!/usr/bin/env python3
"""Exports small networks from PyTorch (both exporters), Keras and scikit-learn, with the frameworks' own values.

    python tools/export_corpus.py DIR [--large] [NAME ...]

Writes DIR/NAME.onnx and DIR/index.json: for each network its file, points x and values y (one row a point, all inputs and
outputs flattened side by side), of PyTorch's also dx, the gradients of Σ cos(k) y_k for k = 1, 2, … `--large` writes networks of realistic sizes instead of the tiny ones that are kept in
`crates/network/tests/corpus`. A framework that is not installed is left out, and said so.
`NETINVERSE_CORPUS=DIR cargo test -p netinverse-network --test corpus` checks any such folder.
"""

import argparse
import contextlib
import json
import os
import pathlib
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.filterwarnings("ignore")

import numpy as np

ROWS = 3


def points(rng, shape, positive=False):
    """Rows of numbers that are short in decimal."""
    x = np.round(rng.normal(size=(ROWS, *shape)) * 64) / 64
    return (np.abs(x) + 0.25 if positive else x).astype(np.float32)


def strip(path):
    """Takes out what an exporter notes of the machine: where the source was, line by line."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output,
                 *model.graph.initializer):
        for field in ("metadata_props", "doc_string"):
            with contextlib.suppress(ValueError):
                part.ClearField(field)
    onnx.save(model, path)


class Corpus:
    def __init__(self, folder, only):
        self.folder, self.only, self.index = folder, only, []
        folder.mkdir(parents=True, exist_ok=True)

    def wanted(self, name):
        return not self.only or any(part in name for part in self.only)

    def add(self, name, x, y, origin, gradient=None):
        strip(str(self.folder / f"{name}.onnx"))
        flat = lambda a: [[float(f"{v:.7g}") for v in row] for row in np.asarray(a, np.float64).reshape(ROWS, -1)]
        y = np.concatenate([np.asarray(part, np.float64).reshape(ROWS, -1) for part in y], axis=1)
        entry = {"name": name, "file": f"{name}.onnx", "origin": origin, "x": flat(x), "y": flat(y)}
        if gradient is not None:
            entry["dx"] = flat(gradient)
        self.index.append(entry)
        print(f"{name}: {(self.folder / f'{name}.onnx').stat().st_size} bytes", flush=True)

    def write(self):
        text = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in self.index)
        (self.folder / "index.json").write_text(f"[\n{text}\n]\n")


def pytorch(corpus, large):
    import torch
    from torch import nn
    import torch.nn.functional as F

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    c = 16 if large else 2  # channels
    side = 16 if large else 8

    class Function(nn.Module):
        def __init__(self, f):
            super().__init__()
            self.f = f

        def forward(self, *x):
            return self.f(*x)

    class Residual(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.one, self.two = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.Conv2d(b, b, 3, 1, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(b), nn.BatchNorm2d(b)
            self.skip = nn.Identity() if a == b and stride == 1 else nn.Sequential(
                nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            return F.relu(self.norm2(self.two(F.relu(self.norm1(self.one(x))))) + self.skip(x))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(1, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                                      nn.MaxPool2d(3, 2, 1))
            self.blocks = nn.Sequential(Residual(c, c, 1), Residual(c, 2 * c, 2))
            self.head = nn.Linear(2 * c, 3)

        def forward(self, x):
            return self.head(torch.flatten(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1), 1))

    class UNet(nn.Module):
        def __init__(self, up, norm):
            super().__init__()
            conv = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), norm(b), nn.LeakyReLU(0.1))
            self.down1, self.down2, self.join = conv(1, c), conv(c, 2 * c), conv(2 * c, c)
            self.pool = nn.MaxPool2d(2)
            self.up = (nn.ConvTranspose2d(2 * c, c, 2, 2) if up == "transposed" else nn.Sequential(
                nn.Upsample(scale_factor=2, mode=up, **({} if up == "nearest" else {"align_corners": up == "bilinear"})),
                nn.Conv2d(2 * c, c, 1)))
            self.last = nn.Conv2d(c, 1, 1)

        def forward(self, x):
            a = self.down1(x)
            b = self.up(self.down2(self.pool(a)))
            return torch.sigmoid(self.last(self.join(torch.cat([a, b], 1))))

    class Attention(nn.Module):
        def __init__(self, d, heads, causal):
            super().__init__()
            self.heads, self.causal = heads, causal
            self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)

        def forward(self, x):
            b, t, d = x.shape
            q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
            return self.out(y.transpose(1, 2).reshape(b, t, d))

    class Block(nn.Module):
        def __init__(self, d, heads, causal, act):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.attention = Attention(d, heads, causal)
            self.mlp = nn.Sequential(nn.Linear(d, 2 * d), act, nn.Linear(2 * d, d))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class Sequence(nn.Module):
        """A causal convolutional network over time, pooled by its maximum."""

        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv1d(3 if i == 0 else 2 * c, 2 * c, 3, dilation=2**i) for i in range(2))
            self.norm, self.head = nn.GroupNorm(2, 2 * c), nn.Linear(4 * c, 2)

        def forward(self, x):
            for i, conv in enumerate(self.convs):
                y = F.silu(conv(F.pad(x, (2 * 2**i, 0))))
                x = y + x if x.shape == y.shape else y
            x = self.norm(x)
            return F.log_softmax(self.head(torch.cat([x.amax(2), x.mean(2)], 1)), 1)

    class Recurrent(nn.Module):
        """An Elman network, unrolled over five steps by slicing."""

        def __init__(self):
            super().__init__()
            self.inner, self.hidden, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            h = x.new_zeros(x.shape[0], 4)
            for t in range(5):
                h = torch.tanh(self.inner(x[:, t]) + self.hidden(h))
            return self.head(h)

    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.tokens, self.channels = nn.LayerNorm(4), nn.Linear(6, 6), nn.Linear(4, 4)

        def forward(self, x):
            x = x + self.tokens(self.norm(x).transpose(1, 2)).transpose(1, 2)
            return (x + F.gelu(self.channels(x))).mean(1)

    class Coupling(nn.Module):
        """An affine coupling layer, with a split and a permutation."""

        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 4))

        def forward(self, x):
            a, b = x.chunk(2, 1)
            s, t = self.net(a).chunk(2, 1)
            return torch.cat([a, b * torch.exp(torch.tanh(s)) + t], 1)[:, [3, 0, 2, 1]]

    activations = {
        "prelu": nn.PReLU(5, 0.3), "selu": nn.SELU(), "celu": nn.CELU(0.7), "softsign": nn.Softsign(),
        "hardsigmoid": nn.Hardsigmoid(), "hardswish": nn.Hardswish(), "mish": nn.Mish(), "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU(approximate="tanh"), "silu": nn.SiLU(), "elu": nn.ELU(0.8), "softplus": nn.Softplus(),
        "relu6": nn.ReLU6(), "logsigmoid": nn.LogSigmoid(), "hardtanh": nn.Hardtanh(), "tanhshrink": nn.Tanhshrink(),
        "softmin": nn.Softmin(1), "logsoftmax": nn.LogSoftmax(1), "glu": nn.GLU(1), "rrelu": nn.RReLU(),
    }
    dense = lambda act: nn.Sequential(nn.Linear(4, 6 if isinstance(act, nn.GLU) else 5), act,
                                      nn.Linear(3 if isinstance(act, nn.GLU) else 5, 2))
    models = {f"act_{name}": (dense(act), [(4,)]) for name, act in activations.items()}
    d, t = (32, 12) if large else (4, 3)
    models |= {
        "resnet": (ResNet(), [(1, side, side)]),
        "unet_transposed": (UNet("transposed", nn.BatchNorm2d), [(1, side, side)]),
        "unet_nearest": (UNet("nearest", nn.InstanceNorm2d), [(1, side, side)]),
        "unet_bilinear": (UNet("bilinear", lambda n: nn.GroupNorm(2, n)), [(1, side, side)]),
        "transformer": (Block(d, 2, False, nn.GELU()), [(t, d)]),
        "transformer_causal": (Block(d, 2, True, nn.SiLU()), [(t, d)]),
        "encoder_layer": (nn.TransformerEncoderLayer(d, 2, 2 * d, batch_first=True, norm_first=True), [(t, d)]),
        "multihead": (Function(nn.MultiheadAttention(d, 2, batch_first=True)), [(t, d)] * 3),
        "sequence": (Sequence(), [(3, 10)]),
        "recurrent": (Recurrent(), [(5, 3)]),
        "mixer": (Mixer(), [(6, 4)]),
        "coupling": (Coupling(), [(4,)]),
        "functions": (Function(lambda x: torch.cat([
            torch.sin(x), torch.cos(x), torch.erf(x), torch.sqrt(x * x + 1), x**3, (x.abs() + 1)**1.5, 1 / (x * x + 1),
            torch.maximum(x, x.flip(1)), torch.minimum(x, 0.5 * x), torch.clamp(x, -0.3, 0.4), torch.rsqrt(x * x + 0.5),
            torch.logsumexp(x, 1, keepdim=True), torch.linalg.norm(x, dim=1, keepdim=True),
            x.amin(1, keepdim=True), torch.exp(-x.square()), torch.log1p(x.square()), F.normalize(x, dim=1),
        ], 1)), [(4,)]),
        "masked": (Function(lambda x: torch.where(torch.tensor([True, False, True, False]), x, x * x)), [(4,)]),
        "bilinear": (Function(lambda x, y: torch.einsum("bij,bjk->bik", x, y)), [(2, 3), (3, 2)]),
        "shuffle": (nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)), [(1, 4, 4)]),
        "conv1d_transposed": (nn.Sequential(nn.Conv1d(2, 4, 3, 2, 1), nn.PReLU(4), nn.ConvTranspose1d(4, 2, 4, 2, 1, groups=2)), [(2, 8)]),
        "dilated": (nn.Sequential(nn.Conv2d(1, 2, 3, 1, 2, 2), nn.AdaptiveMaxPool2d(1), nn.Flatten()), [(1, 6, 6)]),
        "pools": (nn.Sequential(nn.AvgPool2d(3, 2, 1), nn.MaxPool2d(2, 1, ceil_mode=True), nn.AdaptiveAvgPool2d(2)), [(2, 7, 7)]),
        "tiled": (Function(lambda x: x.repeat(1, 2, 1) + x.unsqueeze(1).expand(-1, 2, -1, -1).reshape(x.shape[0], 4, 3)), [(2, 3)]),
        "class": (Function(lambda x: torch.argmax(x * torch.tensor([1.0, -1.0, 2.0]), 1)), [(3,)]),
        "upsample_bicubic": (nn.Upsample(scale_factor=1.5, mode="bicubic"), [(1, 4, 4)]),
        "volumes": (nn.Sequential(nn.MaxPool3d(2), nn.AvgPool3d(2, 1)), [(1, 4, 4, 6)]),
    }
    for dynamo in (True, False):
        for name, (model, shapes) in models.items():
            name = f"torch_{'new' if dynamo else 'old'}_{name}"
            if not corpus.wanted(name):
                continue
            model.eval()
            x = [points(rng, shape) for shape in shapes]
            one = tuple(torch.tensor(part[:1]) for part in x)
            path = corpus.folder / f"{name}.onnx"
            try:
                if dynamo:
                    external = name.endswith("mixer")
                    torch.onnx.export(model, one, str(path), dynamo=True, external_data=external, verbose=False)
                else:
                    names = [f"x{i}" for i in range(len(one))]
                    torch.onnx.export(model, one, str(path), dynamo=False, input_names=names,
                                      dynamic_axes={own: {0: "batch"} for own in names})
            except Exception as error:  # the exporter's own limits
                print(f"{name}: PyTorch does not export it: {str(error).splitlines()[0][:150]}", flush=True)
                continue
            points_ = [torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in x]
            wide = lambda parts: np.concatenate([part.reshape(ROWS, -1) for part in parts], axis=1)
            if name.endswith("_class"):
                y = (points_[0] * torch.tensor([1.0, -1.0, 2.0]),)
            else:
                model.double()
                y = model(*points_)
                y = y if isinstance(y, tuple) else (y,)
            # The gradient of Σ cos(k) y_k, in float64.
            rows = torch.cat([part.reshape(ROWS, -1) for part in y], 1)
            (rows @ torch.cos(torch.arange(1, rows.shape[1] + 1, dtype=torch.float64))).sum().backward()
            model.float()
            gradient = wide([part.grad.numpy() for part in points_])
            values = [part.detach().numpy() for part in y]
            corpus.add(name, wide(x), values, f"PyTorch {torch.__version__}, dynamo={dynamo}", gradient)


def keras(corpus, large):
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    c, side = (16, 16) if large else (2, 8)
    models = {
        "mlp": (keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(3, "softmax")]), (4,)),
        "cnn": (keras.Sequential([
            keras.Input((side, side, 1)), layers.Conv2D(c, 3, padding="same", activation="relu"), layers.BatchNormalization(),
            layers.MaxPooling2D(), layers.DepthwiseConv2D(3), layers.Activation("swish"), layers.Conv2D(c, 2, strides=2),
            layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(3)]), (side, side, 1)),
        "decoder": (keras.Sequential([
            keras.Input((4,)), layers.Dense(4 * c, "elu"), layers.Reshape((2, 2, c)), layers.UpSampling2D(2),
            layers.Conv2DTranspose(c, 3, strides=2, padding="same", activation="selu"), layers.LayerNormalization(),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid")]), (4,)),
        "conv1d": (keras.Sequential([
            keras.Input((10, 3)), layers.Conv1D(2 * c, 3, padding="causal", activation="silu"), layers.AveragePooling1D(2),
            layers.Conv1D(2 * c, 2, activation="tanh"), layers.GlobalMaxPooling1D(), layers.Dense(2, "softplus")]), (10, 3)),
        "activations": (keras.Sequential([
            keras.Input((4,)), layers.Dense(5), layers.PReLU(), layers.Dense(5, "mish"), layers.Dense(5, "softsign"),
            layers.Dense(5, "hard_sigmoid"), layers.LeakyReLU(), layers.Dense(5, "exponential"), layers.Dense(2, "log_softmax")]), (4,)),
    }
    for name, (model, shape) in models.items():
        name = f"keras_{name}"
        if not corpus.wanted(name):
            continue
        x = points(rng, shape)
        path = corpus.folder / f"{name}.onnx"
        try:
            model(x)  # an exporter wants a model that has been called
            model.export(str(path), format="onnx", verbose=False)
        except Exception as error:
            print(f"{name}: Keras does not export it: {type(error).__name__} {str(error).splitlines()[0][:150]}", flush=True)
            continue
        corpus.add(name, x, [model(x).numpy()], f"Keras {keras.__version__}")


def scikit(corpus, large):
    import sklearn
    from skl2onnx import to_onnx
    from sklearn import linear_model, neural_network, pipeline, preprocessing, decomposition, svm

    rng = np.random.default_rng(2)
    n, hidden = (20, (32, 32)) if large else (4, (5,))
    x = points(rng, (n,))
    data = rng.normal(size=(200, n)).astype(np.float32)
    two, three = (data[:, 0] + data[:, 1] > 0).astype(int), np.digitize(data[:, 0] - data[:, 2], [-0.5, 0.5])
    target = np.stack([data[:, 0] * data[:, 1], np.sin(data[:, 2])], axis=1)
    make = pipeline.make_pipeline
    models = {
        "linear": (make(preprocessing.StandardScaler(), linear_model.LinearRegression()), target),
        "ridge": (make(preprocessing.MinMaxScaler(), linear_model.Ridge()), target[:, 0]),
        "logistic": (make(preprocessing.StandardScaler(), linear_model.LogisticRegression()), two),
        "logistic_three": (make(preprocessing.RobustScaler(), linear_model.LogisticRegression()), three),
        "mlp": (make(preprocessing.StandardScaler(), neural_network.MLPRegressor(hidden_layer_sizes=hidden, activation="tanh", max_iter=50)), target),
        "mlp_classes": (make(preprocessing.MaxAbsScaler(), neural_network.MLPClassifier(hidden_layer_sizes=hidden, max_iter=50)), three),
        "mlp_logistic": (make(preprocessing.StandardScaler(), neural_network.MLPClassifier(hidden_layer_sizes=hidden, activation="logistic", max_iter=50)), two),
        "pca": (make(preprocessing.StandardScaler(), decomposition.PCA(2), linear_model.LogisticRegression()), three),
        "normalized": (make(preprocessing.Normalizer(), linear_model.LinearRegression()), target),
        "polynomial": (make(preprocessing.PolynomialFeatures(2), linear_model.Ridge()), target[:, 0]),
        "sgd": (make(preprocessing.StandardScaler(), linear_model.SGDClassifier(loss="log_loss")), three),
        "svm": (make(preprocessing.StandardScaler(), svm.LinearSVC()), three),
    }
    for name, (model, labels) in models.items():
        for zipmap in ([True, False] if hasattr(model, "predict_proba") else [None]):
            full = f"sklearn_{name}" + ("_zipmap" if zipmap else "")
            if not corpus.wanted(full):
                continue
            model.fit(data, labels)
            options = {} if zipmap is None else {"options": {"zipmap": zipmap}}
            try:
                onnx_model = to_onnx(model, data[:1], **options)
            except Exception as error:
                print(f"{full}: skl2onnx does not export it: {str(error).splitlines()[0][:150]}", flush=True)
                continue
            (corpus.folder / f"{full}.onnx").write_bytes(onnx_model.SerializeToString())
            probabilities = hasattr(model, "predict_proba")
            decision = hasattr(model, "decision_function") and not probabilities
            y = model.predict_proba(x) if probabilities else model.decision_function(x) if decision else model.predict(x)
            corpus.add(full, x, [y], f"scikit-learn {sklearn.__version__}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--large", action="store_true")
    given = arguments.parse_args()
    corpus = Corpus(given.folder, given.names)
    for make in (pytorch, scikit, keras):
        try:
            make(corpus, given.large)
        except ImportError as error:
            print(f"{make.__name__}: left out, {error}", flush=True)
        corpus.write()


if __name__ == "__main__":
    main()
