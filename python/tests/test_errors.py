"""Exceptions of the right type, with hints; interrupts and progress of every call."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import netinverse
from conftest import Mlp, mlp


def test_arrays_of_the_wrong_kind(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    for value in (np.zeros(4, complex), np.array(["a"] * 4), np.array([None] * 4), np.zeros(4, "datetime64[s]")):
        with pytest.raises(TypeError, match="real numbers"):
            network(value)
    with pytest.raises(ValueError, match="hint: give a row of 4 numbers"):
        network(np.zeros((3, 5)))
    with pytest.raises(ValueError):
        network([[1.0, 2.0], [3.0]])
    for calls in (
        lambda bad: network.invert([[0.0, 0.0]], near=bad),
        lambda bad: network.invert([[0.0, 0.0]], prior="gaussian", data=np.stack([bad] * 8)),
        lambda bad: network.explain(np.stack([bad] * 8)),
        lambda bad: network.inverse(data=bad),
        lambda bad: network.preimage(where="y0 >= 0", bounds=(-1, 1)).contains(bad),
    ):
        for bad in (np.array([0.0, np.nan, 0.0, 0.0]), np.array([0.0, np.inf, 0.0, 0.0])):
            with pytest.raises(ValueError, match="holds (NaN|inf)|finite"):
                calls(bad)
    with pytest.raises(TypeError, match="bounds must be real numbers"):
        network.explain(bounds=("a", "b"))


def test_arrays_that_lie_otherwise_in_memory(smooth: Mlp) -> None:
    network = netinverse.load(smooth.onnx())
    x = np.random.default_rng(0).uniform(-0.5, 0.5, size=(6, 4))
    y = smooth(x)
    read_only, strided, swapped = y.copy(), np.repeat(y, 2, axis=0)[::2], y.astype(">f8")
    read_only.setflags(write=False)
    plain = network.invert(y, bounds=(-1, 1)).x
    for other in (read_only, strided, swapped, np.asfortranarray(y), y.tolist()):
        assert (network.invert(other, bounds=(-1, 1)).x == plain).all()
    assert (network(x.astype(">f8")) == network(x)).all()
    assert network(np.zeros((0, 4))).shape == (0, 2)


@contextmanager
def interrupted(after: float) -> Iterator[None]:
    # A shell that starts its commands in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 30


def test_every_call_hears_interrupts_and_tells_its_progress() -> None:
    network = netinverse.load(mlp([8, 256, 256, 8], "Relu", seed=1).onnx())
    x = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 8))
    calls: list[Callable[..., object]] = [
        lambda **more: network.explain(x, bounds=(-1, 1), clusters=True, **more),
        lambda **more: network.invert(network(x), bounds=(-1, 1), count=8, **more),
        lambda **more: network.preimage(class_=0, bounds=(-1, 1), coverage=0.99999, **more),
    ]
    for call in calls:
        with interrupted(0.7):
            call(time_limit=60)

        def fail(done: int, state: str) -> None:
            raise RuntimeError(f"enough: {done} {state}")

        with pytest.raises(RuntimeError, match="enough"):
            call(time_limit=60, progress=fail)
    found = network.preimage(class_=0, bounds=(-1, 1), coverage=0.99999, compact=False, time_limit=4)
    with interrupted(0.7):
        # The check takes longer than what it checks.
        for _ in range(20):
            netinverse.check(found, model=network)


def test_other_threads_run_meanwhile() -> None:
    network = netinverse.load(mlp([8, 256, 256, 8], "Relu", seed=1).onnx())
    ticks = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.01)

    thread = threading.Thread(target=tick)
    thread.start()
    network.preimage(class_=0, bounds=(-1, 1), coverage=0.99999, time_limit=1.0)
    done.set()
    thread.join()
    assert len(ticks) > 20, "the interpreter's lock is released"


def test_missing_parts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, extra in [("ray", "ray"), ("torch", "torch")]:
        module = f"netinverse.{name}"
        with monkeypatch.context() as hidden:
            hidden.setitem(sys.modules, name, None)
            hidden.delitem(sys.modules, module, raising=False)
            with pytest.raises(ImportError, match=rf"hint: `pip install netinverse\[{extra}\]`"):
                importlib.import_module(module)
    # As an unfitted model of scikit-learn, without its converter.
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "skl2onnx", None)
        fake = type("Model", (), {"__module__": "sklearn.fake"})()
        with pytest.raises(ImportError, match=r"netinverse\[sklearn\]"):
            netinverse.load(fake)


def test_hints_speak_python(relu: Mlp) -> None:
    network = netinverse.load(relu.onnx())
    with pytest.raises(ValueError) as caught:
        network.preimage(where="y0 >= 0")
    assert "hint:" in str(caught.value) and "--" not in str(caught.value)
