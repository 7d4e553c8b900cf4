"""What Python adds to a call, and whether arrays are read in place.

    python benches/python_call.py [MODEL.onnx]

The network is that of MODEL, or random layers of the size of ACAS Xu (5, six times 50, 5). The Rust call is timed inside the
extension, in a loop of its own; the Python call is `network(x)` on one row.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

import netinverse


def varint(value: int) -> bytes:
    out = b""
    while True:
        value, low = value >> 7, value & 127
        out += bytes([low | (128 if value else 0)])
        if not value:
            return out


def field(number: int, payload: bytes | str | int) -> bytes:
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    data = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(data)) + data


def layers(sizes: list[int]) -> bytes:
    """An ONNX file of random layers with ReLU between, float32."""
    rng = np.random.default_rng(0)
    nodes, tensors, value = b"", b"", "x"
    for index, (n, m) in enumerate(zip(sizes, sizes[1:])):
        last = index + 2 == len(sizes)
        for name, array in (("W", rng.normal(size=(n, m)) / np.sqrt(n)), ("b", rng.normal(size=m) / 5)):
            dims = b"".join(field(1, size) for size in array.shape)
            data = array.astype(np.float32).tobytes()
            tensors += field(5, dims + field(2, 1) + field(8, f"{name}{index}") + field(9, data))
        out = "y" if last else f"z{index}"
        inputs = b"".join(field(1, name) for name in (value, f"W{index}", f"b{index}"))
        nodes += field(1, inputs + field(2, out) + field(3, out) + field(4, "Gemm"))
        value = out
        if not last:
            nodes += field(1, field(1, out) + field(2, f"h{index}") + field(3, f"h{index}") + field(4, "Relu"))
            value = f"h{index}"

    def port(name: str, size: int) -> bytes:
        dims = field(1, field(2, "batch")) + field(1, field(1, size))
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))

    graph = nodes + field(2, "net") + tensors + field(11, port("x", sizes[0])) + field(12, port("y", sizes[-1]))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def best(work: object, count: int, rounds: int = 15) -> float:
    """Seconds of one of `count` calls, the best of the rounds: what else the machine does only adds."""
    assert callable(work)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(count):
            work()
        times.append((time.perf_counter() - started) / count)
    return min(times)


def main() -> None:
    source: str | bytes = sys.argv[1] if len(sys.argv) > 1 else layers([5] + [50] * 6 + [5])
    network = netinverse.load(source)
    n = network.input_size
    print(f"{network!r}, NumPy {np.__version__}, Python {sys.version.split()[0]}")
    for dtype in (np.float64, np.float32):
        x = np.random.default_rng(1).uniform(-0.5, 0.5, size=n).astype(dtype)
        rust = min(network._seconds(x, 2000) for _ in range(15))
        python = best(lambda: network(x), 2000)
        print(f"one call, {np.dtype(dtype).name}: Rust {1e6 * rust:.2f} µs, Python {1e6 * python:.2f} µs, "
              f"over it {1e6 * (python - rust):.2f} µs (goal: at most 5)")
    for shape in ((100_000, n), (4_000_000, n)):
        x = np.random.default_rng(1).uniform(-0.5, 0.5, size=shape)
        network(x[:1000])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        y = network(x)
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        print(f"{shape} float64: {x.nbytes / 2**20:.1f} MiB in, {y.nbytes / 2**20:.1f} MiB out, "
              f"the process grew by {grown / 2**20:.1f} MiB: {'read in place' if grown < y.nbytes + x.nbytes // 2 else 'COPIED'}")
        del y


if __name__ == "__main__":
    main()
