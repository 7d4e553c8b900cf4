"""Views for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable


def frame(page: str, height: int = 640) -> str:
    """A whole page inside a notebook: its styles stay its own."""
    return f'<iframe srcdoc="{html.escape(page)}" style="width:100%;height:{height}px;border:0"></iframe>'


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A plain table."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"
