"""The convolutions of `kernels.rs` with ONNX Runtime and PyTorch on one thread: least times in microseconds.

python crates/linalg/benches/peers.py        (needs onnx, onnxruntime, numpy, torch)
"""

import time

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper

SAMPLES = 64


def least(call, rounds=60):
    """The least time of a call over samples of about a millisecond."""
    start = time.perf_counter()
    call()
    calls = max(1, int(1e-3 / max(time.perf_counter() - start, 1e-7)))
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, (time.perf_counter() - start) / calls * 1e6)
    return best


def session(nodes, weights, input_shape):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def time_session(run, x):
    binding = run.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y")
    return least(lambda: run.run_with_iobinding(binding))


def conv(name, x, w, b, y, kernel, stride, groups):
    pad = kernel // 2
    return helper.make_node(
        "Conv", [x, w, b], [y], name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups
    )


def main():
    torch.set_num_threads(1)
    draw = np.random.default_rng(0).standard_normal
    numbers = lambda *shape: draw(shape).astype(np.float32)
    for (inputs, outputs), side, kernel, stride, groups in [
        ((1, 16), 28, 3, 1, 1),
        ((16, 32), 14, 3, 1, 1),
        ((3, 8), 32, 3, 2, 1),
        ((8, 16), 16, 3, 2, 1),
        ((16, 16), 8, 3, 1, 1),
        ((64, 64), 28, 3, 1, 1),
        ((64, 64), 14, 1, 1, 1),
        ((32, 32), 28, 3, 1, 32),
        ((3, 32), 32, 5, 1, 1),
    ]:
        weights = {"w": numbers(outputs, inputs // groups, kernel, kernel), "b": numbers(outputs)}
        x = numbers(SAMPLES, inputs, side, side)
        run = session([conv("c", "x", "w", "b", "y", kernel, stride, groups)], weights, x.shape)
        print(f"onnxruntime conv [{inputs}, {outputs}] {side} kernel {kernel} stride {stride} groups {groups}: {time_session(run, x):9.1f} us")

    weights = {
        "w1": numbers(16, 1, 3, 3), "b1": numbers(16), "w2": numbers(32, 16, 3, 3), "b2": numbers(32),
        "w3": numbers(10, 1568), "b3": numbers(10),
    }
    pool = dict(kernel_shape=[2, 2], strides=[2, 2])
    nodes = [
        conv("c1", "x", "w1", "b1", "z1", 3, 1, 1), helper.make_node("Relu", ["z1"], ["a1"]),
        helper.make_node("MaxPool", ["a1"], ["p1"], **pool),
        conv("c2", "p1", "w2", "b2", "z2", 3, 1, 1), helper.make_node("Relu", ["z2"], ["a2"]),
        helper.make_node("MaxPool", ["a2"], ["p2"], **pool),
        helper.make_node("Flatten", ["p2"], ["f"]), helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], transB=1),
    ]
    x = numbers(SAMPLES, 1, 28, 28)
    print(f"onnxruntime conv net, batch 64: forward {time_session(session(nodes, weights, x.shape), x):9.1f} us")

    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(1568, 10),
    ).requires_grad_(False)
    input = torch.from_numpy(x)
    with torch.no_grad():
        print(f"torch conv net, batch 64: forward {least(lambda: net(input)):9.1f} us")

    ones = torch.ones(SAMPLES, 10)

    def vjp():
        point = input.detach().requires_grad_(True)
        torch.autograd.grad(net(point), point, ones)

    print(f"torch conv net, batch 64: forward + vjp {least(vjp):9.1f} us")


if __name__ == "__main__":
    main()
