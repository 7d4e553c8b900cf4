"""Writes the files that crates/data/tests/golden holds: arrays and pictures as numpy and Pillow write them.

    python tools/data_golden.py crates/data/tests/golden

Element k (C order) of every array is k*k - 7 (unsigned: k*k; booleans: k % 3 == 0; floats: (k*k - 7) / 8).
Sample k of every picture is (37*k) % (max + 1).
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def array(shape, dtype, order="C"):
    dtype = np.dtype(dtype)
    k = np.arange(np.prod(shape, dtype=int), dtype=np.int64)
    if dtype.kind == "b":
        values = k % 3 == 0
    elif dtype.kind == "u":
        values = k * k
    elif dtype.kind == "f":
        values = (k * k - 7) / 8
    else:
        values = k * k - 7
    return np.asarray(values.reshape(shape).astype(dtype), order=order)


for name, shape, dtype, order in [
    ("f4", (3, 4), "<f4", "C"),
    ("f8", (2, 3), "<f8", "C"),
    ("f8_big_fortran", (2, 3, 4), ">f8", "F"),
    ("f4_big", (5,), ">f4", "C"),
    ("u1", (11,), "u1", "C"),
    ("i1", (3, 3), "i1", "F"),
    ("u2", (3, 2), "<u2", "C"),
    ("i2_big", (3, 2), ">i2", "C"),
    ("u4_big", (2, 2), ">u4", "C"),
    ("i4", (2, 5), "<i4", "F"),
    ("i8", (4,), "<i8", "C"),
    ("i8_big", (2, 2), ">i8", "F"),
    ("bool", (7,), "?", "C"),
    ("scalar", (), "<f8", "C"),
    ("none", (0, 3), "<f4", "C"),
]:
    np.save(folder / f"{name}.npy", array(shape, dtype, order))

for version in [(2, 0), (3, 0)]:
    with open(folder / f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, array((3, 4), "<f4"), version=version)

arrays = {"x": array((3, 4), "<f4"), "y": array((2, 3), "<f8"), "labels": array((11,), "u1")}
np.savez(folder / "stored.npz", **arrays)
np.savez_compressed(folder / "deflated.npz", **arrays)
np.savez(folder / "half.npz", h=np.zeros(3, np.float16))


def picture(shape, top):
    k = np.arange(np.prod(shape), dtype=np.int64)
    return ((37 * k) % (top + 1)).reshape(shape)


Image.fromarray(picture((5, 7), 255).astype(np.uint8)).save(folder / "grey8.png")
Image.fromarray(picture((5, 7), 65535).astype(np.uint16)).save(folder / "grey16.png")
Image.fromarray(picture((4, 3, 3), 255).astype(np.uint8)).save(folder / "rgb8.png")
Image.fromarray(picture((4, 3, 4), 255).astype(np.uint8)).save(folder / "rgba8.png")
Image.fromarray(picture((4, 3, 2), 255).astype(np.uint8), mode="LA").save(folder / "grey_alpha8.png")
Image.fromarray((picture((6, 9), 1) * 255).astype(np.uint8)).convert("1").save(folder / "grey1.png")
