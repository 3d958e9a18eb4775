"""What every reader gives: a table of numbered rows, opened once and read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagger.records import Problem

__all__ = ["Row", "Table", "shorten", "unique_names"]


@dataclass(slots=True)
class Row:
    """One row as it was read.

    Attributes
    ----------
    number : int
        As in `Problem.row`.
    cells : dict of str to object
        Column name to value: text, number, list, date, or None. Absent keys are empty cells.
    problems : list of Problem
        What went wrong in reading the row itself.
    record : dict or None
        The whole object, where it is a record that this program wrote.
    """

    number: int
    cells: dict[str, object]
    problems: list[Problem] = field(default_factory=list)
    record: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        """True when no cell holds anything and nothing went wrong."""
        return not self.problems and all(
            value is None or value == [] or (isinstance(value, str) and not value.strip())
            for value in self.cells.values()
        )


@dataclass(slots=True)
class Table:
    """An opened catalogue file.

    Attributes
    ----------
    format : str
        Key in `READERS`.
    columns : list of str
        In file order. An open-ended table's rows may hold more.
    rows : iterator of Row
        Can be read once.
    encoding : str or None
        None where the format has its own.
    problems : list of Problem
        Of the whole file; grows while the rows are read.
    is_open_ended : bool
        True where a row may bring columns that the rows before did not have.
    n_skipped_rows : int
        Rows without anything in them that the format does not store; counted as empty, grows while the rows are read.
    close : callable
        Frees the file; harmless when called twice.
    """

    format: str
    columns: list[str]
    rows: Iterator[Row]
    encoding: str | None = None
    problems: list[Problem] = field(default_factory=list)
    is_open_ended: bool = False
    n_skipped_rows: int = 0
    close: Callable[[], None] = lambda: None


def shorten(value: object, limit: int = 80) -> str:
    r"""Return a value as one line of at most `limit` characters, as `Problem.value` wants it.

    Examples
    --------
    >>> shorten("one\ntwo", 6)
    'one t…'
    """
    text = " ".join(str(value)[: 4 * limit].split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def unique_names(header: Sequence[object]) -> tuple[list[str], list[str]]:
    """Name every column of a header, and say which names occur more than once.

    Returns
    -------
    names : list of str
        Stripped; ``column 3`` for a blank one; the second and later of the same name get `` (2)``, `` (3)`` …
    repeated : list of str

    Examples
    --------
    >>> unique_names(["LO", "", "LO"])
    (['LO', 'column 2', 'LO (2)'], ['LO'])
    """
    names: list[str] = []
    repeated: list[str] = []
    seen: set[str] = set()
    for place, cell in enumerate(header, start=1):
        name = base = " ".join(str(cell).split()) if cell is not None else ""
        if not name:
            name = base = f"column {place}"
        n = 1
        while name in seen:
            n += 1
            name = f"{base} ({n})"
        if n > 1 and base not in repeated:
            repeated.append(base)
        seen.add(name)
        names.append(name)
    return names, repeated
