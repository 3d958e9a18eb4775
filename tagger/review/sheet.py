"""The review sheet: its columns, as a workbook with drop-downs and marked evidence, or as CSV."""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from tagger.catalogue.flat import safe_cell
from tagger.catalogue.writing import printable
from tagger.errors import TaggerError
from tagger.review.concepts import Concepts
from tagger.review.items import ReviewItem

__all__ = ["COLUMNS", "DECISIONS", "cells", "in_place", "write_csv", "write_xlsx"]

DECISIONS: Final = ("accept", "reject", "change")

COLUMNS: Final = {
    # name: (width, whether reviewers fill it in)
    "title": (26, False),
    "outcome": (60, False),
    "taxonomy": (11, False),
    "tag": (28, False),
    "code": (8, False),
    "score": (7, False),
    "decision": (11, True),
    "change to": (28, True),
    "comment": (28, True),
    "reviewer": (14, True),
    "serves": (8, False),
    "why": (34, False),
    "evidence": (24, False),
    "also": (30, False),
    "credential": (14, False),
    "outcome id": (14, False),
    "id": (19, False),
    "concept": (24, False),
    "relation": (12, False),
    "model": (14, False),
    "version": (9, False),
}
"""Columns of the sheet, in order. `also` holds the other wordings that a decision serves, one a line."""

MAX_CHARACTERS: Final = 32_767  # Excel's limit for a cell, in UTF-16 units
MAX_ROWS: Final = 1_048_576
_ROOM: Final = 30_000

_HELP: Final = (
    "One row is one question: does this tag hold for this outcome? The rows that tell most come first.",
    "",
    "decision: accept (the tag is right), reject (it is wrong), change (another concept is right). Leave it empty to leave it open.",
    "An outcome without a tag: accept (it is rightly without one), change (it needs the concept that you name).",
    "change to: the concept, chosen from the list, or its code, label or IRI. Several: with ; between. If the tag itself is one of "
    "them it stays, and the others are added.",
    "comment, reviewer: yours. Give each reviewer a copy of this file, and import all copies together.",
    "serves: how many outcomes of the catalogue the decision holds for; `also` shows their other wordings.",
    "To add what is missing: a new row below with the outcome, the taxonomy, the decision change and `change to`.",
    "",
    "You may filter, leave rows open, add rows and columns, and save as CSV. The grey columns are locked so that nothing is typed "
    "over by mistake; there is no password. Excel sorts a locked sheet only when the lock is taken off (Review, Unprotect Sheet): "
    "do that freely, decisions find their outcome by the column id.",
    "",
    "tagger review import FILE -o corrections.jsonl reads the decisions back.",
)


def cells(item: ReviewItem) -> dict[str, str | float | None]:
    """Return what stands in a row, by column; None is an empty cell."""
    evidence = " … ".join(item.text[start:end] for start, end in item.evidence)
    return {
        "title": item.title,
        "outcome": item.text,
        "taxonomy": "; ".join(item.taxonomies),
        "tag": item.label,
        "code": item.code,
        "score": None if item.score is None else round(item.score, 4),
        "serves": item.n_outcomes,
        "why": item.why or None,
        "evidence": evidence or None,
        "also": "\n".join(item.also) or None,
        "credential": item.credential,
        "outcome id": item.outcome,
        "id": item.id,
        "concept": item.concept,
        "relation": item.relation,
        "model": item.model,
        "version": item.version,
    }


@contextlib.contextmanager
def in_place(path: str | Path) -> Iterator[str]:
    """Give the name of a temporary file beside `path`; put it in place on a clean exit, and remove it on an error.

    Raises
    ------
    TaggerError
        If it cannot be written there.
    """
    target = Path(os.path.realpath(path))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        try:
            yield name
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
            os.replace(name, target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise TaggerError(
            f"`{path}`: cannot write, {error.strerror or error}", hint="give a file in a folder that exists"
        ) from error


def write_csv(path: str | Path, items: Sequence[ReviewItem], *, reviewer: str | None = None) -> None:
    """Write the sheet as CSV (UTF-8 with a byte order mark, so that Excel reads accents); formulas are defused."""
    with in_place(path) as name, open(name, "w", encoding="utf-8-sig", newline="") as file:
        _write_rows(file, items, reviewer)


def _write_rows(file: IO[str], items: Sequence[ReviewItem], reviewer: str | None) -> None:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for item in items:
        row = cells(item) | {"reviewer": reviewer}
        writer.writerow(
            [safe_cell(printable(c)) if isinstance(c, str) else c for c in (row.get(name) for name in COLUMNS)]
        )


def write_xlsx(
    path: str | Path, items: Sequence[ReviewItem], concepts: Concepts, *, reviewer: str | None = None
) -> None:
    """Write the sheet as a workbook, row by row; the same items give the same bytes.

    `review` has the rows: evidence in bold, drop-downs for decision and concept, everything else locked (no password). `help`
    says how to fill it in, and `concepts` lists what can be chosen.

    Raises
    ------
    TaggerError
        If there are more rows than a sheet holds.
    """
    import xlsxwriter  # type: ignore[import-untyped, unused-ignore]

    rows = [part for item in items for part in _fitting(item)]
    if len(rows) >= MAX_ROWS:
        raise TaggerError(
            f"`{path}`: {len(rows):,} rows, expected at most {MAX_ROWS - 1:,} in a workbook",
            hint="give --limit, --taxonomy or --below, or write .csv",
        )
    with in_place(path) as name, tempfile.TemporaryDirectory(prefix="tagger-xlsx-") as folder:
        options = {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        options |= {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        with xlsxwriter.Workbook(name, options) as book:
            book.set_properties({"created": datetime(2000, 1, 1), "title": "Review of tags"})
            _review_sheet(book, rows, reviewer)
            _help_sheet(book)
            _concepts_sheet(book, rows, concepts)


def _fitting(item: ReviewItem) -> Iterator[ReviewItem]:
    """Yield the item; in several parts with ids of their own where its other wordings do not fit one cell."""
    from dataclasses import replace

    parts: list[list[str]] = [[]]
    room = _ROOM
    for text in item.also:
        size = len(text.encode("utf-16-le")) // 2 + 1
        if size > room and parts[-1]:
            parts.append([])
            room = _ROOM
        parts[-1].append(text)
        room -= size
    for n, part in enumerate(parts, 1):
        yield replace(item, also=tuple(part), id=item.id if n == 1 else f"{item.id}-{n}")


def _review_sheet(book: Any, items: Sequence[ReviewItem], reviewer: str | None) -> None:
    sheet = book.add_worksheet("review")
    shown = {"valign": "top", "text_wrap": True}
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1, "valign": "top"}),
        "ours": book.add_format({**shown, "font_color": "#444444"}),
        "text": book.add_format(shown),
        "ids": book.add_format({"valign": "top", "font_color": "#777777"}),
        # Text, so that 17.10 stays what it is and 6.4 becomes no date.
        "theirs": book.add_format({**shown, "locked": False, "num_format": "@", "bg_color": "#fff8e1", "border": 4}),
        "mark": book.add_format({"bold": True, "font_color": "#7a3e00", "underline": 1}),
        "plain": book.add_format({}),
    }
    names = list(COLUMNS)
    sheet.freeze_panes(1, 0)
    for place, (name, (width, is_theirs)) in enumerate(COLUMNS.items()):
        style = formats["theirs"] if is_theirs else formats["ids" if place >= names.index("id") else "ours"]
        sheet.set_column(place, place, width, style, {"level": 1} if place >= names.index("id") else {})
        sheet.write_string(0, place, name, formats["head"])
    for n, item in enumerate(items, 1):
        row = cells(item) | {"reviewer": reviewer}
        for place, name in enumerate(names):
            cell = row.get(name)
            style = formats["theirs"] if COLUMNS[name][1] else formats["ids" if place >= names.index("id") else "ours"]
            if name == "outcome":
                _outcome(sheet, n, place, item, formats)
            elif isinstance(cell, str):
                sheet.write_string(n, place, _cut(cell), style)
            elif cell is not None:
                sheet.write_number(n, place, cell, style)
            elif COLUMNS[name][1]:
                sheet.write_blank(n, place, None, style)
    last = max(len(items), 1)
    decision, change, taxonomy = (names.index(c) for c in ("decision", "change to", "taxonomy"))
    sheet.autofilter(0, 0, last, len(names) - 1)
    room = min(last + 500, MAX_ROWS - 1)  # rows that people add have the drop-downs too
    sheet.data_validation(
        1, decision, room, decision,
        {"validate": "list", "source": list(DECISIONS), "error_title": "Decision",
         "error_message": "accept, reject or change; or leave it empty"},
    )  # fmt: skip
    column = chr(ord("A") + taxonomy)
    sheet.data_validation(
        1, change, room, change,
        {"validate": "list", "source": f'=INDIRECT("concepts_"&SUBSTITUTE(${column}2,"-","_"))', "show_error": False,
         "input_title": "Change to", "input_message": "Choose, or write code, label or IRI; several with ; between"},
    )  # fmt: skip
    allowed = ("sort", "autofilter", "format_cells", "format_columns", "format_rows", "insert_columns", "insert_rows")
    sheet.protect("", dict.fromkeys(allowed, True))


def _outcome(sheet: Any, row: int, column: int, item: ReviewItem, formats: dict[str, Any]) -> None:
    text = _cut(item.text)
    pieces: list[Any] = []
    at = 0
    n_strings = 0
    for start, end in sorted(item.evidence):
        start = max(start, at)
        if start >= end or end > len(text):
            continue
        if start > at:
            pieces += [formats["plain"], text[at:start]]
            n_strings += 1
        pieces += [formats["mark"], text[start:end]]
        n_strings += 1
        at = end
    if at < len(text):
        pieces += [formats["plain"], text[at:]]
        n_strings += 1
    if n_strings > 1 and text == item.text:
        pieces = [printable(p) if isinstance(p, str) else p for p in pieces]
        if all(pieces):
            sheet.write_rich_string(row, column, *pieces, formats["text"])
            return
    sheet.write_string(row, column, text, formats["text"])


def _cut(cell: str) -> str:
    """Return what fits a cell; a longer one is found again by the id, with ``--tagged``."""
    text = printable(cell)
    if len(text) > MAX_CHARACTERS // 2 and len(text.encode("utf-16-le")) // 2 > MAX_CHARACTERS:
        units = text.encode("utf-16-le")[: 2 * (MAX_CHARACTERS - 10)]
        text = units.decode("utf-16-le", errors="ignore") + " … [cut]"
    return text + " " if text.startswith("<r>") and text.endswith("</r>") else text  # XlsxWriter takes it for XML


def _help_sheet(book: Any) -> None:
    sheet = book.add_worksheet("help")
    sheet.set_column(0, 0, 110, book.add_format({"text_wrap": True, "valign": "top"}))
    for n, line in enumerate(_HELP):
        sheet.write_string(n, 0, line)


def _concepts_sheet(book: Any, items: Sequence[ReviewItem], concepts: Concepts) -> None:
    sheet = book.add_worksheet("concepts")
    bold = book.add_format({"bold": True})
    for place, (name, width) in enumerate((("taxonomy", 12), ("choose as", 50), ("label", 50), ("IRI", 60))):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, name, bold)
    n = 1
    for taxonomy_id in sorted({t for item in items for t in item.taxonomies}):
        try:
            taxonomy = concepts.taxonomy(taxonomy_id)
        except TaggerError:  # one of the user's own, not given here: checked when it is at import
            continue
        first = n
        for concept, line in zip(taxonomy.concepts, concepts.lines(taxonomy_id), strict=True):
            for place, cell in enumerate((taxonomy_id, line, concept.label, concept.id)):
                sheet.write_string(n, place, _cut(cell))
            n += 1
        name = taxonomy_id.replace("-", "_")
        if n > first and name.isidentifier():
            book.define_name(f"concepts_{name}", f"=concepts!$B${first + 1}:$B${n}")
    sheet.autofilter(0, 0, max(n - 1, 1), 3)
    sheet.freeze_panes(1, 0)
    sheet.protect("", {"sort": True, "autofilter": True, "format_columns": True})
