"""Networks from files, bytes and the modules of other libraries, each through its own ONNX exporter."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np

from netinverse._network import Network


def load(
    source: str | os.PathLike[str] | bytes | object,
    *,
    outputs: list[str] | None = None,
    example: object | None = None,
) -> Network:
    """A network from a path, the bytes of an ONNX file, or a model of PyTorch, scikit-learn or Keras.

    ``outputs`` names intermediate values of the graph to compute instead of its outputs. ``example`` is one input, of
    the shape that the model takes with a leading batch axis: a PyTorch module needs one to be exported, unless its first
    parameter belongs to a ``torch.nn.Linear``.

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
    modules = {base.__module__.split(".")[0] for base in type(source).__mro__}
    if "torch" in modules:
        return Network(_from_torch(source, example), outputs)
    if "sklearn" in modules:
        return Network(_from_sklearn(source), outputs)
    if modules & {"keras", "tensorflow"}:
        return Network(_from_keras(source), outputs)
    raise TypeError(
        f"a {type(source).__name__} is no network\n"
        "hint: give a path, the bytes of an ONNX file, or a model of PyTorch, scikit-learn or Keras"
    )


def _missing(extra: str, error: ImportError) -> ImportError:
    return ImportError(f"{error}\nhint: the exporter is installed with `pip install netinverse[{extra}]`")


def _from_torch(module: Any, example: Any) -> bytes:
    try:
        import torch
    except ImportError as error:
        raise _missing("torch", error) from error
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
    buffer: Any = io.BytesIO()
    training = module.training
    module.eval()
    try:
        torch.onnx.export(module, (example,), buffer, dynamo=False)
    except ImportError as error:
        raise _missing("torch", error) from error
    except Exception as error:
        raise ValueError(f"PyTorch cannot export this module: {error}") from error
    finally:
        module.train(training)
    data: bytes = buffer.getvalue()
    return data


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
    except Exception as error:
        raise ValueError(f"skl2onnx cannot export this model: {error}") from error
    data: bytes = proto.SerializeToString()
    return data


def _from_keras(model: Any) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        try:
            model.export(path, format="onnx")
        except ImportError as error:
            raise _missing("keras", error) from error
        except Exception as error:
            raise ValueError(f"Keras cannot export this model: {error}") from error
        with open(path, "rb") as file:
            return file.read()
