"""The inverse as a network."""

from __future__ import annotations

import json
import os
from typing import Any

from numpy.typing import ArrayLike, NDArray

from netinverse import _core, _files, _html


class Inverse:
    """The network that ``netinverse build`` writes: ``inverse(y)`` is an input with the output y, where there is one.

    Exact where every operator is a bijection; else a section of least norm, with what is lost in ``marked_ops``. ``report`` is
    the JSON of the command line: ``f_of_g`` and ``g_of_f`` are the round trips as measured.
    """

    def __init__(self, core: _core.Inverse) -> None:
        self._core = core
        self.report: dict[str, Any] = json.loads(core._json())

    def __call__(self, y: ArrayLike) -> NDArray[Any]:
        """g(y) for a row or for rows of the outputs that it takes, in the precision of y."""
        return self._core(y)

    @property
    def input_size(self) -> int:
        """The numbers of all that it takes together."""
        return self._core.input_size

    @property
    def output_size(self) -> int:
        """The numbers that it gives."""
        return self._core.output_size

    @property
    def exact(self) -> bool:
        """Whether g(f(x)) = x for every x, but for rounding."""
        return bool(self.report["exact"])

    @property
    def marked_ops(self) -> list[dict[str, Any]]:
        """The operators that lose information: what is lost, and what is chosen."""
        marked: list[dict[str, Any]] = self.report["marked_ops"]
        return marked

    @property
    def domain(self) -> list[dict[str, Any]]:
        """Conditions on y without which there is no x."""
        domain: list[dict[str, Any]] = self.report["domain"]
        return domain

    @property
    def f_of_g(self) -> dict[str, Any]:
        """f(g(y)) against y."""
        trip: dict[str, Any] = self.report["f_of_g"]
        return trip

    @property
    def g_of_f(self) -> dict[str, Any]:
        """g(f(x)) against x."""
        trip: dict[str, Any] = self.report["g_of_f"]
        return trip

    @property
    def has_loops(self) -> bool:
        """Whether a residual block is undone by iteration; its file then has ONNX Loops, which `load` does not read."""
        return self._core.has_loops

    def to_onnx(self) -> bytes:
        """The ONNX file, byte for byte that of ``netinverse build -o``."""
        return self._core._onnx()

    def page(self) -> str:
        """The page of the command line, as HTML."""
        return self._core._page()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``.onnx`` (the inverse), ``.json`` or ``.html`` (the report)."""
        kind = _files.extension(path, (".onnx", ".json", ".html"))
        if kind == ".onnx":
            self._core._write(os.fspath(path))
        else:
            _files.write(path, self._core._json() if kind == ".json" else self.page())

    def __repr__(self) -> str:
        kind = "exact" if self.exact else f"a section, {len(self.marked_ops)} operators marked"
        return f"<netinverse.Inverse of {self.report['model']['path']}: {self.input_size} -> {self.output_size}, {kind}>"

    def _repr_html_(self) -> str:
        """For notebooks: the report."""
        return _html.frame(self.page())
