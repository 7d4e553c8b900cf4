"""Is there an inverse, why not, and where the information goes."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netinverse import _core, _files, _html

Array = NDArray[np.float64]

SCHEMA = "netinverse.explain/1"


@dataclass(frozen=True)
class Statement:
    """What is said, and how it is known: ``basis`` is proved, measured or estimate."""

    text: str
    basis: str
    rows: int | None = None


@dataclass(frozen=True)
class Collision:
    """Two inputs with one output, proved."""

    x1: Array
    x2: Array
    distance: float
    output_gap: float
    proof: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Layer:
    """What a layer keeps: ``left`` dimensions of the input after it, ``lost`` in it."""

    name: str
    op: str
    inputs: int
    outputs: int
    rank: int | None
    sigma_max: float | None
    sigma_min: float | None
    lost: int
    left: int
    finding: Statement | None


class Explanation:
    """The answer of ``Network.explain``: ``verdict`` is invertible, not_invertible, invertible_on_data or unknown.

    ``evidence`` and ``advice`` say what it rests on and what to use; ``collision`` is two inputs with one output, ``layers`` the
    account of where dimensions are lost; ``jacobian``, ``counting``, ``data``, ``clusters`` and ``points`` are those of the JSON.
    ``str(explanation)`` is what the command line prints.
    """

    def __init__(self, envelope: dict[str, Any], core: _core.Explanation | None = None) -> None:
        self.envelope = envelope
        self._core = core
        self.status = str(envelope["status"])
        self.verdict = str(envelope["verdict"])
        self.evidence = [_statement(one) for one in envelope["evidence"]]
        self.inputs = int(envelope["inputs"])
        self.free_inputs = int(envelope["free_inputs"])
        self.outputs = int(envelope["outputs"])
        self.bounds: Array = np.stack([envelope["box"]["lower"], envelope["box"]["upper"]], axis=1)
        self.modulus: float | None = envelope["modulus"]
        self.collision = _collision(envelope["collision"])
        self.layers = [_layer(one) for one in envelope["layers"]]
        self.jacobian: dict[str, Any] = envelope["jacobian"]
        self.counting: dict[str, Any] = envelope["counting"]
        self.data: dict[str, Any] | None = envelope["data"]
        self.clusters: dict[str, Any] | None = envelope["clusters"]
        self.points: list[dict[str, Any]] = envelope["points"]
        self.advice: list[str] = envelope["advice"]
        self.seconds = float(envelope["seconds"])

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the command line."""
        plain: dict[str, Any] = json.loads(json.dumps(self.envelope))
        return plain

    def page(self) -> str:
        """The page of the command line, as HTML."""
        if self._core is None:
            raise ValueError("an answer that was read has no network to draw it with\nhint: explain again, or `netinverse explain -o`")
        return self._core._page()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``.json`` or ``.html`` (the page)."""
        if _files.extension(path, (".json", ".html")) == ".html":
            _files.write(path, self.page())
        else:
            _files.write(path, json.dumps(self.envelope, indent=2) + "\n")

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Explanation:
        """Reads the ``.json`` that ``save`` or the command line wrote."""
        return Explanation(_files.read(path, SCHEMA))

    def __repr__(self) -> str:
        first = f": {self.evidence[0].text}" if self.evidence else ""
        return f"<netinverse.Explanation {self.verdict}{first}>"

    def __str__(self) -> str:
        if self._core is not None:
            return self._core._text()
        lines = [self.verdict, *(f"{one.text} ({one.basis})" for one in self.evidence), *self.advice]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """For notebooks: the page; the words and the layers where the answer was read from a file."""
        if self._core is not None:
            return _html.frame(self.page())
        words = "".join(f"<p>{html.escape(line)}</p>" for line in str(self).splitlines())
        rows = [[layer.op, layer.name, f"{layer.inputs} → {layer.outputs}", str(layer.left)] for layer in self.layers]
        return words + _html.table(["operator", "name", "size", "dimensions left"], rows)


def _statement(one: dict[str, Any]) -> Statement:
    return Statement(one["text"], one["basis"], one.get("rows"))


def _collision(one: dict[str, Any] | None) -> Collision | None:
    if one is None:
        return None
    return Collision(np.asarray(one["x1"]), np.asarray(one["x2"]), one["distance"], one["output_gap"], one["proof"])


def _layer(one: dict[str, Any]) -> Layer:
    finding = one["finding"]
    return Layer(
        name=one["name"],
        op=one["op"],
        inputs=one["inputs"],
        outputs=one["outputs"],
        rank=one["rank"],
        sigma_max=one["sigma_max"],
        sigma_min=one["sigma_min"],
        lost=one["lost"],
        left=one["left"],
        finding=None if finding is None else _statement(finding),
    )
