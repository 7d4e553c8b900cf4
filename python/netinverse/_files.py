"""Files of answers: written whole or not at all."""

from __future__ import annotations

import json
import os
from typing import Any


def extension(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    """The extension, where it is one of those that are known."""
    found = os.path.splitext(os.fspath(path))[1].lower()
    if found not in known:
        raise ValueError(f"{os.fspath(path)} has no extension that is known here\nhint: {' '.join(known)}")
    return found


def write(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Writes under a temporary name and renames, as the command line does."""
    final = os.fspath(path)
    temporary = f"{final}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        os.replace(temporary, final)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def read(path: str | os.PathLike[str], schema: str) -> dict[str, Any]:
    """The JSON of an answer of this schema."""
    name = os.fspath(path)
    with open(path, encoding="utf-8") as file:
        try:
            envelope = json.load(file)
        except ValueError as error:
            raise ValueError(f"{name}: {error}\nhint: answers are read from the .json that `save` writes") from error
    if not isinstance(envelope, dict) or envelope.get("schema") != schema:
        verb = schema.split(".")[1].split("/")[0]
        raise ValueError(f"{name} is no answer of {verb}\nhint: the schema {schema} is expected")
    return envelope
