"""Loading, values and derivatives, beside NumPy."""

from __future__ import annotations

import resource
import struct

import numpy as np
import pytest

import netinverse
from conftest import Mlp, mlp


def test_values_in_both_precisions_and_all_shapes(smooth: Mlp, tmp_path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(smooth.onnx())
    for network in (netinverse.load(path), netinverse.load(str(path)), netinverse.load(smooth.onnx())):
        assert (network.input_size, network.output_size) == (4, 2)
        x = np.random.default_rng(1).normal(size=(7, 4))
        assert np.allclose(network(x), smooth(x), rtol=0, atol=1e-14)
        assert network(x[0]).shape == (2,)
        assert network(x[None, 0]).shape == (1, 2)
        single = network(x.astype(np.float32))
        assert single.dtype == np.float32 and np.allclose(single, smooth(x), atol=1e-5)
        assert np.allclose(network(np.asfortranarray(x)), smooth(x), rtol=0, atol=1e-14)
        assert np.allclose(network(x[::2]), smooth(x[::2]), rtol=0, atol=1e-14)
        assert np.allclose(network([[0, 1, 0, 2]]), smooth(np.array([[0.0, 1, 0, 2]])), atol=1e-14)
        x.setflags(write=False)
        assert np.allclose(network(x), smooth(x), rtol=0, atol=1e-14)
    assert "net.onnx" in repr(netinverse.load(path))


def test_derivatives_agree_with_differences(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 4))
    jacobian = network.jacobian(x)
    assert jacobian.shape == (3, 2, 4) and network.jacobian(x[0]).shape == (2, 4)
    step = 1e-6
    for i in range(4):
        e = np.zeros(4)
        e[i] = step
        assert np.allclose(jacobian[:, :, i], (smooth(x + e) - smooth(x - e)) / (2 * step), atol=1e-8)
    v, u = rng.normal(size=(3, 2)), rng.normal(size=(3, 4))
    y, back = network.vjp(x, v)
    assert np.allclose(y, smooth(x)) and np.allclose(back, np.einsum("rm,rmn->rn", v, jacobian))
    y, forth = network.jvp(x, u)
    assert np.allclose(y, smooth(x)) and np.allclose(forth, np.einsum("rn,rmn->rm", u, jacobian))


def test_a_large_array_is_read_in_place(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    x = np.random.default_rng(0).normal(size=(400_000, 4))
    network(x[:1000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    y = network(x)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < y.nbytes + x.nbytes // 2, f"{grown} bytes for {x.nbytes} bytes of inputs"


def test_what_does_not_fit_is_refused(smooth: Mlp, tmp_path) -> None:
    network = netinverse.load(smooth.onnx())
    with pytest.raises(ValueError, match="4 inputs"):
        network(np.zeros((3, 5)))
    with pytest.raises(TypeError, match="complex"):
        network(np.zeros(4, complex))
    with pytest.raises(TypeError):
        network(np.array(["a", "b", "c", "d"]))
    with pytest.raises(ValueError, match="rows of v"):
        network.vjp(np.zeros((3, 4)), np.zeros((2, 2)))
    with pytest.raises(FileNotFoundError):
        netinverse.load(tmp_path / "none.onnx")
    with pytest.raises(ValueError):
        netinverse.load(smooth.onnx()[:40])
    with pytest.raises(TypeError, match="hint"):
        netinverse.load(3.5)
