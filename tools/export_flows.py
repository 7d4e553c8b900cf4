#!/usr/bin/env python3
"""Exports invertible networks, and networks that are nearly so, from PyTorch by both of its exporters.

    tools/export_flows.py DIR            tiny ones, as in crates/inverse/tests/flows
    tools/export_flows.py DIR --large    flows of 8 coupling blocks on 16 x 16 images and 64 numbers, for `acceptance -- flows`

Each network is written as NAME.onnx beside an entry in index.json: its name, its file, which exporter wrote it, and what its inverse
is expected to be (`exact`, `section`, `loop`, or `refused`). Needs torch, onnx and onnxscript.
"""
import argparse
import json
import pathlib
import warnings

import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")


class Inner(nn.Module):
    """The network inside a coupling."""

    def __init__(self, inputs, outputs, width, image, depth=1):
        super().__init__()
        layers, size = [], inputs
        for _ in range(depth):
            layers += [nn.Conv2d(size, width, 3, padding=1) if image else nn.Linear(size, width), nn.ReLU()]
            size = width
        layers.append(nn.Conv2d(size, outputs, 3, padding=1) if image else nn.Linear(size, outputs))
        self.layers = nn.Sequential(*layers)
        with torch.no_grad():
            self.layers[-1].weight.mul_(0.5)

    def forward(self, x):
        return self.layers(x)


class MaskedCoupling(nn.Module):
    """RealNVP: x * mask goes through, the rest is scaled and shifted by functions of it."""

    def __init__(self, mask, channels, width, image):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = Inner(channels, 2 * channels, width, image)
        self.scale = nn.Parameter(torch.full((1, channels, 1, 1) if image else (1, channels), 0.7))

    def forward(self, x):
        kept = x * self.mask
        s, t = self.net(kept).chunk(2, 1)
        s = torch.tanh(s) * self.scale * (1 - self.mask)
        t = t * (1 - self.mask)
        return x * torch.exp(s) + t, s.flatten(1).sum(1)


class SplitCoupling(nn.Module):
    """Affine where `scale`, else additive; the other half the next time."""

    def __init__(self, channels, width, image, scale, flip=False, gate="exp"):
        super().__init__()
        self.scale, self.flip, self.gate = scale, flip, gate
        half = channels // 2
        self.net = Inner(half, channels if scale else half, width, image)

    def forward(self, x):
        a, b = x.chunk(2, 1)
        if self.flip:
            a, b = b, a
        if self.scale:
            h = self.net(a)
            s, t = h[:, ::2], h[:, 1::2]
            factor = torch.sigmoid(s + 2) if self.gate == "sigmoid" else torch.exp(torch.tanh(s) * 0.8)
            b, log_det = b * factor + t, torch.log(factor).flatten(1).sum(1)
        else:
            b, log_det = b + self.net(a), x.new_zeros(x.shape[0])
        if self.flip:
            a, b = b, a
        return torch.cat([a, b], 1), log_det


class IndexedCoupling(nn.Module):
    """As nflows writes it: features picked by index, and assigned to an empty tensor."""

    def __init__(self, n, width):
        super().__init__()
        order = torch.randperm(n)
        self.register_buffer("same", order[: n // 2])
        self.register_buffer("changed", order[n // 2 :])
        self.net = Inner(n // 2, 2 * (n - n // 2), width, False)

    def forward(self, x):
        a, b = x[:, self.same], x[:, self.changed]
        s, t = self.net(a).chunk(2, 1)
        y = torch.zeros_like(x)
        y[:, self.same] = a
        y[:, self.changed] = b * torch.exp(torch.tanh(s)) + t
        return y, torch.tanh(s).sum(1)


class ActNorm(nn.Module):
    def __init__(self, channels, image):
        super().__init__()
        shape = (1, channels, 1, 1) if image else (1, channels)
        self.bias = nn.Parameter(0.2 * torch.randn(shape))
        self.logs = nn.Parameter(0.1 * torch.randn(shape))

    def forward(self, x):
        return (x + self.bias) * torch.exp(self.logs), self.logs.sum().expand(x.shape[0])


class Mixing(nn.Module):
    """Glow's 1x1 convolution, begun as a rotation and then disturbed."""

    def __init__(self, channels, image):
        super().__init__()
        q, _ = torch.linalg.qr(torch.randn(channels, channels))
        self.weight = nn.Parameter(q + 0.05 * torch.randn(channels, channels))
        self.image = image

    def forward(self, x):
        log_det = x.new_zeros(x.shape[0])
        if self.image:
            return F.conv2d(x, self.weight[:, :, None, None]), log_det
        return x @ self.weight, log_det


class Permute(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_buffer("order", torch.randperm(channels))

    def forward(self, x):
        return x[:, self.order], x.new_zeros(x.shape[0])


class Squeeze(nn.Module):
    """Two by two pixels into channels, by a view as Glow's own code has it."""

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, 4 * c, h // 2, w // 2)
        return x, x.new_zeros(b)


class Flow(nn.Module):
    """One step after the other; with `log_det`, the second output is the logarithm of the Jacobian's determinant."""

    def __init__(self, steps, log_det=False):
        super().__init__()
        self.steps, self.log_det = nn.ModuleList(steps), log_det

    def forward(self, x):
        total = x.new_zeros(x.shape[0])
        for step in self.steps:
            x, own = step(x)
            total = total + own
        return (x, total) if self.log_det else x


def checkerboard(size):
    grid = torch.arange(size)
    return ((grid[:, None] + grid[None, :]) % 2).float()[None, None]


def channel_mask(channels):
    return (torch.arange(channels) % 2).float()[None, :, None, None]


class MultiScale(nn.Module):
    """RealNVP's two scales: half of the channels leave early."""

    def __init__(self, channels, side, blocks, width):
        super().__init__()
        board = checkerboard(side)
        self.first = Flow([MaskedCoupling(board if i % 2 == 0 else 1 - board, channels, width, True) for i in range(blocks // 2)])
        mask = channel_mask(4 * channels)
        self.second = Flow([MaskedCoupling(mask if i % 2 == 0 else 1 - mask, 4 * channels, width, True) for i in range(blocks - blocks // 2)])
        self.squeeze = Squeeze()

    def forward(self, x):
        x = self.second(self.squeeze(self.first(x))[0])
        early, rest = x.chunk(2, 1)
        return early.flatten(1), rest.flatten(1)


class Autoregressive(nn.Module):
    """A masked autoregressive flow (MADE with one hidden layer)."""

    def __init__(self, n, width):
        super().__init__()
        degrees = torch.arange(width) % (n - 1) + 1
        own = torch.arange(1, n + 1)
        self.inner, self.outer = nn.Linear(n, width), nn.Linear(width, 2 * n)
        self.register_buffer("first", (degrees[:, None] >= own[None, :]).float())
        self.register_buffer("second", (own.repeat(2)[:, None] > degrees[None, :]).float())

    def forward(self, x):
        h = torch.tanh(F.linear(x, self.inner.weight * self.first, self.inner.bias))
        m, a = F.linear(h, self.outer.weight * self.second, self.outer.bias).chunk(2, 1)
        return (x - m) * torch.exp(-torch.tanh(a))


class Residual(nn.Module):
    """An i-ResNet block: g has spectral norms below 1."""

    def __init__(self, n, width, constant=0.9, image=False):
        super().__init__()
        make = (lambda a, b: nn.Conv2d(a, b, 3, padding=1)) if image else nn.Linear
        self.layers = nn.Sequential(make(n, width), nn.ELU(), make(width, n))
        for layer in (self.layers[0], self.layers[2]):
            with torch.no_grad():
                weight = layer.weight
                norm = torch.linalg.matrix_norm(weight, 2) if not image else None
                if image:  # the sum of the taps' norms bounds the norm of the convolution
                    norm = sum(torch.linalg.matrix_norm(weight[:, :, i, j], 2) for i in range(3) for j in range(3))
                weight.mul_(constant**0.5 / norm)

    def forward(self, x):
        return x + self.layers(x)


class InvertibleMLP(nn.Module):
    def __init__(self, sizes, act):
        super().__init__()
        layers = []
        for a, b in zip(sizes, sizes[1:]):
            linear = nn.Linear(a, b)
            with torch.no_grad():
                nn.init.orthogonal_(linear.weight)
                linear.weight.add_(0.05 * torch.randn(b, a))
            layers += [linear, act()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.layers(x)


class Haar(nn.Module):
    """Sums and differences of neighbours."""

    def forward(self, x):
        a, b = x[:, ::2], x[:, 1::2]
        return torch.cat([(a + b) * 0.5**0.5, (a - b) * 0.5**0.5], 1)


class Wide(nn.Module):
    """Widening and narrowing again: each matrix loses or adds, both together are a bijection."""

    def __init__(self, n, width):
        super().__init__()
        self.up, self.down = nn.Linear(n, width), nn.Linear(width, n)

    def forward(self, x):
        return torch.tanh(self.down(self.up(x)))


class Conditional(nn.Module):
    def __init__(self, n, c, width):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n // 2 + c, width), nn.Tanh(), nn.Linear(width, n))

    def forward(self, x, c):
        a, b = x.chunk(2, 1)
        s, t = self.net(torch.cat([a, c], 1)).chunk(2, 1)
        return torch.cat([a, b * torch.exp(torch.tanh(s)) + t], 1)


class Circular(nn.Module):
    """A periodic convolution: a circulant matrix."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular")
        with torch.no_grad():
            self.conv.weight[:, :, 1] += 2 * torch.eye(2)

    def forward(self, x):
        return F.leaky_relu(self.conv(x), 0.2)


class Causal(nn.Module):
    """A causal convolution whose last tap is invertible: a triangular matrix."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, dilation=2)
        with torch.no_grad():
            self.conv.weight.mul_(0.3)
            self.conv.weight[:, :, 2] += torch.eye(channels)

    def forward(self, x):
        return self.conv(F.pad(x, (4, 0)))


def models(large):
    n, width, blocks = (64, 64, 8) if large else (6, 8, 3)
    channels, side, filters = (3, 16, 16) if large else (1, 4, 4)
    board = checkerboard(side)
    image, vector = [(channels, side, side)], [(n,)]
    half = (torch.arange(n) % 2).float()[None]
    glow = [Squeeze()]
    for i in range(blocks):
        glow += [ActNorm(4 * channels, True), Mixing(4 * channels, True), SplitCoupling(4 * channels, filters, True, True, gate="exp" if i % 2 else "sigmoid")]
    yes = {
        "realnvp_checkerboard": (Flow([MaskedCoupling(board if i % 2 == 0 else 1 - board, channels, filters, True) for i in range(blocks)], True), image),
        "realnvp_channels": (Flow([Squeeze()] + [MaskedCoupling(channel_mask(4 * channels) if i % 2 == 0 else 1 - channel_mask(4 * channels), 4 * channels, filters, True) for i in range(blocks)]), image),
        "realnvp_multiscale": (MultiScale(channels, side, blocks, filters), image),
        "realnvp_vector": (Flow([MaskedCoupling(half if i % 2 == 0 else 1 - half, n, width, False) for i in range(blocks)], True), vector),
        "nice": (Flow([SplitCoupling(n, width, False, False, i % 2 == 1) for i in range(blocks)] + [ActNorm(n, False)]), vector),
        "nice_permuted": (Flow(sum([[Permute(n), SplitCoupling(n, width, False, False)] for _ in range(blocks)], [])), vector),
        "realnvp_indexed": (Flow([IndexedCoupling(n, width) for _ in range(blocks)], True), vector),
        "glow": (Flow(glow, True), image),
        "glow_vector": (Flow(sum([[ActNorm(n, False), Mixing(n, False), SplitCoupling(n, width, False, True)] for _ in range(blocks)], []), True), vector),
    }
    rest = {
        "autoregressive": (Autoregressive(8 if large else 4, 16 if large else 6), [(8 if large else 4,)], "exact"),
        "iresnet": (nn.Sequential(*[Residual(n, width, 0.9) for _ in range(2)]), vector, "loop"),
        "iresnet_image": (nn.Sequential(Residual(channels, filters, 0.8, True), nn.Flatten(), nn.LeakyReLU(0.5)), image, "loop"),
        "leaky_mlp": (InvertibleMLP([n] * 4, lambda: nn.LeakyReLU(0.1)), vector, "exact"),
        "leaky_tall": (InvertibleMLP([n, 2 * n, 3 * n], lambda: nn.LeakyReLU(0.1)), vector, "exact"),
        "leaky_funnel": (InvertibleMLP([n, 2 * n, 4], lambda: nn.LeakyReLU(0.1)), vector, "section"),
        "prelu_batchnorm": (nn.Sequential(nn.BatchNorm1d(n), nn.Linear(n, n), nn.PReLU(n), nn.BatchNorm1d(n), nn.Linear(n, n), nn.PReLU(), nn.Linear(n, n), nn.SELU(), nn.Linear(n, n), nn.Softsign(), nn.Linear(n, n), nn.CELU(0.7), nn.Sigmoid()), vector, "exact"),
        "softplus": (nn.Sequential(nn.Linear(n, n), nn.Softplus(), nn.Linear(n, n), nn.ELU(0.6)), vector, "exact"),
        "haar": (nn.Sequential(Haar(), Haar(), nn.Tanh()), [(8,)], "exact"),
        "wide": (Wide(n, 2 * n), vector, "exact"),
        "softmax_small": (nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 10), nn.Softmax(1)), [(4,)], "exact"),
        "softmax_wide": (nn.Sequential(nn.Linear(20, 6), nn.Softmax(1)), [(20,)], "section"),
        "relu_mlp": (InvertibleMLP([n, n, n], nn.ReLU), vector, "section"),
        "max_pool": (nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Flatten()), [(1, 4, 4)], "section"),
        "conditional": (Conditional(n, 3, width), [(n,), (3,)], "exact"),
        "circular": (Circular(), [(2, 6)], "exact"),
        "causal": (Causal(2), [(2, 8)], "exact"),
        "gelu": (nn.Sequential(nn.Linear(4, 4), nn.GELU()), [(4,)], "refused"),
        "transformer": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.0), [(3, 4)], "refused"),
        "folding": (nn.Sequential(Residual(n, width, 1.5)), vector, "refused"),
    }
    made = {name: (model, shapes, "exact") for name, (model, shapes) in yes.items()}
    return made | rest


def export(model, shapes, path, dynamo, double):
    dtype = torch.float64 if double else torch.float32
    model = model.to(dtype).eval()
    inputs = tuple(torch.randn((2, *shape), dtype=dtype) for shape in shapes)
    names = [f"x{i}" for i in range(len(shapes))]
    if dynamo:
        batch = torch.export.Dim("batch")
        torch.onnx.export(model, inputs, str(path), dynamo=True, external_data=False, verbose=False, input_names=names,
                          dynamic_shapes=tuple({0: batch} for _ in shapes))
    else:
        outputs = model(*inputs)
        count = len(outputs) if isinstance(outputs, tuple) else 1
        outputs = [f"y{i}" for i in range(count)]
        torch.onnx.export(model, inputs, str(path), dynamo=False, input_names=names, output_names=outputs, opset_version=13,
                          dynamic_axes={name: {0: "batch"} for name in names + outputs})


def strip(path):
    """The exporter notes where in the sources each node comes from."""
    model = onnx.load(path)
    model.doc_string = ""
    for part in (model, model.graph):
        del part.metadata_props[:]
    for item in (*model.graph.node, *model.graph.initializer, *model.graph.value_info, *model.graph.input, *model.graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--large", action="store_true")
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    index = []
    for double in ([False, True] if given.large else [False]):
        for dynamo in (True, False):
            torch.manual_seed(3)
            for name, (model, shapes, expected) in models(given.large).items():
                if given.names and not any(name.startswith(wanted) for wanted in given.names):
                    continue
                if name == "softplus" and dynamo:  # written as a comparison with 20, a function with a jump
                    continue
                full = f"{name}_{'new' if dynamo else 'old'}{'_f64' if double else ''}"
                path = given.folder / f"{full}.onnx"
                try:
                    with torch.no_grad():
                        export(model, shapes, path, dynamo, double)
                except Exception as error:  # the exporter's own limits
                    print(f"{full}: PyTorch does not export it: {str(error).splitlines()[0][:150]}", flush=True)
                    continue
                strip(path)
                size = path.stat().st_size
                print(f"{full}: {size} bytes", flush=True)
                index.append({"name": full, "file": path.name, "expected": expected, "given": "x1" if name == "conditional" else None})
    (given.folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
