"""The Python lines of the README run as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import mlp

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_lines_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # As many inputs as outputs, so that there is an inverse to write.
    Path("model.onnx").write_bytes(mlp([2, 2], seed=1).onnx())
    lines = README.read_text(encoding="utf-8").splitlines()
    first = lines.index("    import netinverse")
    block = []
    for line in lines[first:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    assert any("invert" in line for line in block) and any("preimage" in line for line in block)
    exec("\n".join(block), {"x": np.zeros((3, 2))})
    assert Path("inverse.onnx").stat().st_size > 0
