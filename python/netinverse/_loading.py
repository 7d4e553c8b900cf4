"""Networks from files, bytes and the modules of other libraries, each through its own ONNX exporter."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import tempfile
import warnings
from typing import Any

import numpy as np

from netinverse._network import Network


def load(
    source: str | os.PathLike[str] | bytes | object,
    *,
    outputs: list[str] | None = None,
    example: object | None = None,
    exporter: str | None = None,
) -> Network:
    """A network from a path, the bytes of an ONNX file, or a model of PyTorch, scikit-learn or Keras.

    ``outputs`` names intermediate values of the graph to compute instead of its outputs. ``example`` is one input, of
    the shape that the model takes with a leading batch axis: a PyTorch module needs one to be exported, unless its first
    parameter belongs to a ``torch.nn.Linear``. ``exporter`` is "dynamo" or "torchscript", the two of PyTorch; by default the first,
    where onnxscript is installed and it can follow the module, else the second. What was exported is compared with the module.

    Raises FileNotFoundError, ValueError for a file that is no network, UnsupportedError for what netinverse does not do,
    ImportError with a hint when an exporter is missing.
    """
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: no such file")
        return Network(path, outputs)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Network(bytes(source), outputs)
    if isinstance(source, Network):
        return source
    if isinstance(source, type):
        raise TypeError(f"{source.__name__} is a class\nhint: give one of its objects")
    modules = {base.__module__.split(".")[0] for base in type(source).__mro__}
    # Keras first: with the backend torch its models are modules of PyTorch too.
    if modules & {"keras", "tensorflow"}:
        return Network(_from_keras(source), outputs, f"<{type(source).__name__}>")
    if "torch" in modules:
        return Network(_from_torch(source, example, exporter), outputs, f"<{type(source).__name__}>")
    if "sklearn" in modules:
        # A classifier's file has labels beside the scores; scores are what can be inverted.
        scores = ["probabilities"] if hasattr(source, "predict_proba") else None
        return Network(_from_sklearn(source), outputs or scores, f"<{type(source).__name__}>")
    raise TypeError(
        f"a {type(source).__name__} is no network\n"
        "hint: give a path, the bytes of an ONNX file, or a model of PyTorch, scikit-learn or Keras"
    )


def _missing(extra: str, error: ImportError) -> ImportError:
    return ImportError(f"{error}\nhint: the exporter is installed with `pip install netinverse[{extra}]`")


def _from_torch(module: Any, example: Any, exporter: str | None) -> bytes:
    try:
        import torch
    except ImportError as error:
        raise _missing("torch", error) from error
    if exporter not in (None, "dynamo", "torchscript"):
        raise ValueError(f"exporter = {exporter!r}\nhint: dynamo, torchscript, or None for the one that works")
    if isinstance(module, torch.Tensor):
        raise TypeError("a tensor is no network\nhint: give the torch.nn.Module")
    if example is None:
        linear = next((part for part in module.modules() if list(part.children()) == []), None)
        if not isinstance(linear, torch.nn.Linear):
            raise TypeError(
                "a PyTorch module is exported by running it once\n"
                "hint: give `example`, one input with a leading batch axis of 1"
            )
        example = torch.zeros(1, linear.in_features, dtype=linear.weight.dtype)
    elif not isinstance(example, torch.Tensor):
        example = torch.as_tensor(np.asarray(example))
    training = module.training
    module.eval()
    try:
        data = _exported(torch, module, example, exporter)
        _compare(torch, module, example, data)
    finally:
        module.train(training)
    return data


def _exported(torch: Any, module: Any, example: Any, exporter: str | None) -> bytes:
    """The module through PyTorch's exporters: the newer one, where its parts are installed, follows the module's code and refuses
    what it cannot follow; the older one traces a run and takes more."""
    if exporter is not None:
        ways = [exporter]
    elif importlib.util.find_spec("onnxscript") is not None:
        ways = ["dynamo", "torchscript"]
    else:
        ways = ["torchscript"]
    faults: list[tuple[str, Exception]] = []
    for way in ways:
        buffer: Any = io.BytesIO()
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                torch.onnx.export(module, (example,), buffer, dynamo=way == "dynamo", verbose=False)
            data: bytes = buffer.getvalue()
            return data
        except ImportError as error:
            raise _missing("torch", error) from error
        except Exception as error:  # exporters raise whatever their parts do
            faults.append((way, error))
    told = "; ".join(f"{way}: {_first_line(error)}" for way, error in faults)
    raise ValueError(
        f"PyTorch cannot export this {type(module).__name__} ({told})\n"
        "hint: its forward must be one graph for all inputs; try `torch.onnx.export` by itself, and give its bytes"
    ) from faults[-1][1]


def _compare(torch: Any, module: Any, example: Any, data: bytes) -> None:
    """Refuses a graph that computes something else: a trace keeps the branch that its one run took."""
    network = Network(data)
    if not example.is_floating_point() or network.input_size != example[0].numel():
        return
    rng = np.random.default_rng(0)
    start = example.detach().cpu().numpy().astype(np.float32)
    parameter = next(iter(module.parameters()), None)
    device = example.device if parameter is None else parameter.device
    for scale in (0.0, 0.5, 2.0):
        x = start + scale * rng.standard_normal(start.shape).astype(np.float32)
        with torch.no_grad():
            there = module(torch.as_tensor(x, dtype=example.dtype, device=device))
        if isinstance(there, (tuple, list)):
            there = torch.cat([one.reshape(len(x), -1) for one in there], dim=1)
        y = there.detach().cpu().numpy().reshape(len(x), -1).astype(float)
        here = network(x.reshape(len(x), -1)).reshape(len(x), -1)
        if y.shape != here.shape or not np.allclose(here, y, rtol=1e-3, atol=1e-3 * max(1.0, float(np.abs(y).max()))):
            raise ValueError(
                f"the exported graph does not compute what this {type(module).__name__} computes\n"
                "hint: its forward decides by the values of its input, or draws random numbers; write it as one graph, "
                "for example with torch.where"
            )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _from_sklearn(model: Any) -> bytes:
    try:
        from skl2onnx import to_onnx
    except ImportError as error:
        raise _missing("sklearn", error) from error
    n = getattr(model, "n_features_in_", None)
    if n is None:
        raise ValueError("the model is not fitted\nhint: call `fit` first")
    options: dict[Any, Any] = {}
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if hasattr(last, "classes_"):
        options = {id(last): {"zipmap": False}}
    try:
        proto = to_onnx(model, np.zeros((1, n), np.float64), options=options)
    except Exception as error:  # converters raise whatever their parts do
        raise ValueError(f"skl2onnx cannot export this {type(model).__name__}: {_first_line(error)}") from error
    data: bytes = proto.SerializeToString()
    return data


def _from_keras(model: Any) -> bytes:
    try:
        import keras
    except ImportError as error:
        raise _missing("keras", error) from error
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"a {type(model).__name__} of another Keras cannot be exported\nhint: models of Keras 3 have `export(format=\"onnx\")`"
        )
    if not model.built:
        raise ValueError("the Keras model is not built\nhint: call it once, or give it a keras.layers.Input")
    if keras.backend.backend() == "torch":
        # PyTorch's exporter follows a run; a model that has never been called has none to follow.
        shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
        zeros = [np.zeros([1 if size is None else size for size in shape], np.float32) for shape in shapes]
        model(zeros if len(zeros) > 1 else zeros[0])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.export(path, format="onnx", verbose=False)
        except ImportError as error:
            raise ImportError(
                f"{error}\nhint: with the backend torch `pip install netinverse[keras]` has what the export needs, "
                "with tensorflow or jax `pip install tensorflow tf2onnx`"
            ) from error
        except Exception as error:  # exporters raise whatever their parts do
            raise ValueError(f"Keras cannot export this model: {_first_line(error)}") from error
        with open(path, "rb") as file:
            return file.read()
