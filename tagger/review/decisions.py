"""Decisions of reviewers as they stand in a file: XLSX, CSV or Label Studio JSON, in whatever order and however changed."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagger.catalogue.flat import safe_cell
from tagger.catalogue.source import Source, format_of
from tagger.catalogue.table import Row, Table, shorten
from tagger.errors import CatalogueError, TaggerError
from tagger.records import Problem

__all__ = ["Decided", "read_decisions"]

_WORDS = {
    **dict.fromkeys(("accept", "accepted", "a"), "accept"),
    **dict.fromkeys(("reject", "rejected", "r"), "reject"),
    **dict.fromkeys(("change", "changed", "c"), "change"),
}
_NEEDED = ("decision", "outcome", "taxonomy")
_NAMES = ("change to", "comment", "reviewer", "also", "credential", "outcome id", "id", "concept", "tag", "relation", "model", "version")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decided:
    """One row of a review file, decided or not.

    Attributes
    ----------
    decision : str
        ``accept``, ``reject``, ``change``; empty where it is left open; anything else is what the reviewer wrote.
    change_to : str
        As written.
    may_be_shortened : bool
        Whether a spreadsheet may have taken a code in `change_to` for a number and made 17.1 of 17.10.
    id : str
        As exported; empty for a row that a reviewer added.
    taxonomies : tuple of str
    concept, tag : str or None
    text : str
    also : tuple of str
    reviewer, comment, when : str or None
    credential, outcome, relation, model, version : str or None
    source : dict
        ``file``, ``sha256`` of the file, ``row``, and ``id`` of the item.
    problems : tuple of Problem
        What could not be read of the row.
    """

    decision: str
    id: str
    taxonomies: tuple[str, ...]
    text: str
    change_to: str = ""
    may_be_shortened: bool = False
    concept: str | None = None
    tag: str | None = None
    also: tuple[str, ...] = ()
    reviewer: str | None = None
    comment: str | None = None
    when: str | None = None
    credential: str | None = None
    outcome: str | None = None
    relation: str | None = None
    model: str | None = None
    version: str | None = None
    source: dict[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_decisions(path: str | Path) -> Iterator[Decided]:
    """Read every row of a review file, in its order.

    The columns are found by their names, in any order; others may stand among them. Rows that a filter hides are read.

    Raises
    ------
    TaggerError
        If the file cannot be read, or lacks the columns of a review: says which it has.
    """
    source = Source.of(path)
    if source.path is None:
        raise TaggerError("`-`: a review is read from a file", hint="save it to a file first")
    format, _ = format_of(source)
    digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
    facts = {"file": source.path.name, "sha256": digest}
    saved = datetime.datetime.fromtimestamp(int(source.path.stat().st_mtime), datetime.UTC).isoformat()
    if format in ("json", "jsonl"):
        yield from _label_studio(source, facts)
        return
    if format not in ("xlsx", "csv", "tsv"):
        raise TaggerError(
            f"`{path}`: {format.upper()} is no review file", hint="give .xlsx, .csv, or Label Studio .json"
        )
    table = _table(source, format)
    try:
        names = _columns(source, table)
        for row in table.rows:
            decided = _decided(source.name, row, names, facts, saved, is_workbook=format == "xlsx")
            if decided is not None:
                yield decided
    finally:
        table.close()


def _table(source: Source, format: str) -> Table:
    from tagger.catalogue.delimited import open_table as open_delimited
    from tagger.catalogue.spreadsheet import open_table as open_workbook

    wanted = frozenset((*_NEEDED, *_NAMES))
    if format != "xlsx":
        return open_delimited(source, format, wanted)
    try:
        return open_workbook(source, "xlsx", wanted, sheet="review")
    except CatalogueError as error:
        if "no sheet" not in error.message:
            raise
        return open_workbook(source, "xlsx", wanted)  # renamed


def _columns(source: Source, table: Table) -> dict[str, str]:
    """Return the file's own name of each column that we know."""
    own: dict[str, str] = {}
    for column in table.columns:
        name = " ".join(column.replace("_", " ").split()).casefold()
        if name in _NEEDED or name in _NAMES:
            own.setdefault(name, column)
    missing = [n for n in _NEEDED if n not in own]
    if missing:
        raise TaggerError(
            f"`{source.name}` lacks the column{'s' if len(missing) > 1 else ''} {', '.join(f'`{m}`' for m in missing)}; "
            f"found {', '.join(f'`{shorten(c, 30)}`' for c in table.columns[:25])}",
            hint="give a file that `tagger review export` wrote; its columns may be moved, but keep their names",
        )
    return own


def _decided(
    file: str, row: Row, names: dict[str, str], facts: dict[str, str], saved: str, *, is_workbook: bool
) -> Decided | None:
    raw = {name: row.cells.get(column) for name, column in names.items()}
    plain = {name: _text(value, is_workbook=is_workbook) for name, value in raw.items()}
    if not any(plain.values()) and not row.problems:
        return None

    def get(name: str) -> str | None:
        return plain.get(name) or None

    # A row with more cells than the header concerns us only where a decision could be meant.
    problems = tuple(p for p in row.problems if p.column is None or p.column in names.values())
    return Decided(
        decision=_word(plain["decision"]),
        id=plain.get("id", "").strip(),
        taxonomies=_split(plain["taxonomy"]),
        text=" ".join(plain["outcome"].split()),
        change_to=plain.get("change to", "").strip(),
        may_be_shortened=not is_workbook or not isinstance(raw.get("change to"), str | None),
        concept=get("concept"),
        tag=get("tag"),
        also=tuple(t for line in plain.get("also", "").split("\n") if (t := " ".join(line.split()))),
        reviewer=" ".join(plain.get("reviewer", "").split()) or None,
        comment=plain.get("comment", "").strip() or None,
        when=saved,
        credential=get("credential"),
        outcome=get("outcome id"),
        relation=get("relation"),
        model=get("model"),
        version=get("version"),
        source={**facts, "row": row.number, "id": plain.get("id", "").strip() or None},
        problems=problems,
    )


def _label_studio(source: Source, facts: dict[str, str]) -> Iterator[Decided]:
    from tagger.review.label_studio import tasks

    assert source.path is not None
    n_with_id = 0
    for n, data, annotation in tasks(source.path):

        def get(name: str, data: dict[str, Any] = data) -> str | None:
            value = data.get(name)
            return None if value is None or value == "" else str(value)

        n_with_id += get("review_id") is not None
        if get("review_id") is None and get("outcome") is None:
            continue
        yield Decided(
            decision=_word(annotation.get("decision") or ""),
            id=get("review_id") or "",
            taxonomies=_split(get("taxonomy") or ""),
            text=" ".join((get("outcome") or "").split()),
            change_to="\n".join(annotation.get("change_to") or ()),
            concept=get("concept"),
            tag=get("tag"),
            also=tuple(t for line in (get("also") or "").split("\n") if (t := " ".join(line.split()))),
            reviewer=annotation.get("reviewer"),
            comment=annotation.get("comment") or None,
            when=annotation.get("when"),
            credential=get("credential"),
            outcome=get("outcome_id"),
            relation=get("relation"),
            model=get("model"),
            version=get("version"),
            source={**facts, "row": n, "id": get("review_id"), "annotation": annotation.get("annotation")},
        )
    if not n_with_id:
        raise TaggerError(
            f"`{source.name}`: no task has `review_id`",
            hint="import the tasks of `tagger review export --format label-studio` into Label Studio, and export them as JSON",
        )


def _word(cell: str) -> str:
    word = cell.strip().casefold()
    return _WORDS.get(word, cell.strip())


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.replace(",", ";").split(";") if part.strip())


def _text(value: object, *, is_workbook: bool) -> str:
    """Return a cell as text; what `safe_cell` put before a formula in CSV is taken away again."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    if not is_workbook and text.startswith("'") and safe_cell(text[1:]) == text:
        return text[1:]
    return text
