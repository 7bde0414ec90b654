"""What commands print: results to stdout, messages to stderr."""

import json
import sys
from typing import Any

WIDE = 1_000


def show_json(value: Any) -> None:  # noqa: ANN401 - JSON
    """Print one JSON object."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def show(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """Print a message beside the result."""
    sys.stderr.write(text + "\n")


def place_of(cited: dict[str, Any]) -> str:
    """Return the page that a hit or citation stands on, and whether it was read from a picture."""
    page = f", page {cited['page']}" if cited["page"] else ""
    return page if cited["recognised"] is None else f"{page}, {sure(cited['recognised'])}"


def sure(confidence: float) -> str:
    """Say how sure the recognition of a page is; never more than it is."""
    return f"read from a scan, {int(confidence * 100 + 1e-6)} % sure"


def show_rows(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Print rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    # Into a pipe or file nothing is wrapped.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE).print(table)


def cell(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value as a table shows it; text is never taken for markup."""
    from rich.markup import escape

    if isinstance(value, list | tuple):
        value = ", ".join(str(one) for one in value)
    return escape("" if value is None else str(value))
