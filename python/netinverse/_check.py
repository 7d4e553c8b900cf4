"""Answers, checked by a program that trusts nobody."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass, field
from typing import Any

from netinverse import _core
from netinverse._bounds import Bounds, pairs
from netinverse._loading import load
from netinverse._network import Network
from netinverse._preimage import Preimage


@dataclass(frozen=True)
class Report:
    """``verdict`` is confirmed, refused or not_checkable; ``first_failure`` the claim that does not hold, ``why`` what is not covered."""

    verdict: str
    claim: str
    question: str
    first_failure: dict[str, Any] | None
    why: str | None
    checked: dict[str, int]
    seconds: float
    envelope: dict[str, Any] = field(repr=False, default_factory=dict)

    def __bool__(self) -> bool:
        """Whether every claim was confirmed."""
        return self.verdict == "confirmed"

    def __repr__(self) -> str:
        told = self.claim
        if self.first_failure is not None:
            told = "line {line}, {claim}: {reason}".format(**self.first_failure)
        return f"<netinverse.Report {self.verdict}: {self.why or told}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<p><b>{html.escape(self.verdict)}</b> {html.escape(repr(self))}</p><p>{html.escape(self.question)}</p>"


def check(
    answer: str | os.PathLike[str] | Preimage,
    *,
    model: str | os.PathLike[str] | bytes | Network,
    spec: str | os.PathLike[str] | None = None,
    where: str | None = None,
    bounds: Bounds | None = None,
    threads: int | None = None,
) -> Report:
    """Whether an answer is true of a model, as ``netinverse check``: every claim is derived anew, by code that shares nothing with
    what made the answer.

    ``answer`` is a ``Preimage``, or the path of a ``.preimage`` file, of a proof of ``netinverse verify`` or of
    ``invert(..., certify=True, proof=...)``. With ``spec``, ``where`` or ``bounds`` the question must be this one; without, the
    one that the answer states is confirmed, and is in the report.
    """
    network = model if isinstance(model, Network) else load(model)
    if isinstance(answer, Preimage):
        name, text = "<memory>", answer._core._text()
    elif isinstance(answer, (str, os.PathLike)):
        name = os.fspath(answer)
        with open(answer, encoding="utf-8") as file:
            try:
                text = file.read()
            except UnicodeDecodeError as error:
                raise ValueError(f"{name}: not a text file") from error
    else:
        raise TypeError(f"a {type(answer).__name__} is not checked\nhint: a Preimage, or the path of an answer or a proof")
    given = None if spec is None else os.fspath(spec)
    box = None if bounds is None else pairs(bounds, "bounds")
    told = json.loads(_core._check(text, name, network, given, where, box, threads))
    return Report(
        verdict=told["verdict"],
        claim=told["claim"],
        question=told["question"],
        first_failure=told["first_failure"],
        why=told["why"],
        checked=told["checked"],
        seconds=told["seconds"],
        envelope=told,
    )
