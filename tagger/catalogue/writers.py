"""Writers of tagged catalogues: JSONL, JSON, CSV and TSV, XLSX, Parquet.

Every writer is a context manager with ``write(tagged)``, streams (memory does not grow with the catalogue), gives the
same bytes for the same input, and is atomic: it writes to a temporary file beside the target, puts it in place on a
clean exit and removes it on an error, so that a half-written result is never mistaken for a whole one.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from tagger.catalogue import flat
from tagger.catalogue.flat import Cell
from tagger.catalogue.writing import WideSpool, Writer, encodable, has_surrogate, printable
from tagger.errors import CatalogueError
from tagger.records import Problem, TaggedCredential

__all__ = ["CsvWriter", "JsonWriter", "JsonlWriter", "ParquetWriter", "TsvWriter", "XlsxWriter", "parquet_schema"]


class JsonlWriter(Writer):
    """The record of `TaggedCredential.to_dict`, one JSON object a line; ``-`` is standard output."""

    streams = is_text = True
    _between, _before, _after = "", "", ""

    def _open(self, stack: contextlib.ExitStack) -> None:
        self._file = _open_text(self, stack)
        self._file.write(self._before)
        self._n = 0

    def _write(self, tagged: TaggedCredential) -> None:
        line = _json(tagged.to_dict(), self.path, tagged.credential.id)
        self._file.write(f"{self._between if self._n else ''}{line}\n")
        self._n += 1

    def _finish(self) -> None:
        self._file.write(self._after)
        self._file.flush()


class JsonWriter(JsonlWriter):
    """The same records as one JSON array, one element a line."""

    _between, _before, _after = ",", "[\n", "]\n"


class CsvWriter(Writer):
    """Two files: ``x.csv`` with one row per credential, and ``x-tags.csv`` beside it with one row per tag.

    ``x.csv.gz`` goes with ``x-tags.csv.gz``, both compressed.

    UTF-8 with a byte order mark (so that Excel reads accents), RFC 4180. A cell that a spreadsheet would take for a
    formula gets an apostrophe before it (see `tagger.catalogue.flat.safe_cell`).

    Attributes
    ----------
    tags_path : str
        Where the long sheet goes.
    """

    is_text = True
    _delimiter = ","

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        wide = Path(path)
        packed = wide.suffix if wide.suffix.lower() == ".gz" else ""
        bare = Path(wide.name.removesuffix(packed))
        self.tags_path = str(wide.with_name(f"{bare.stem}-tags{bare.suffix}{packed}"))

    @property
    def paths(self) -> tuple[str, ...]:
        """Both files."""
        return self.path, self.tags_path

    def _open(self, stack: contextlib.ExitStack) -> None:
        self._wide = self.open_text(self.path, stack, encoding="utf-8-sig", newline="")
        self._long = self.open_text(self.tags_path, stack, encoding="utf-8-sig", newline="")
        self._spool = stack.enter_context(WideSpool())
        self._row(self._long, flat.LONG_COLUMNS)

    def _write(self, tagged: TaggedCredential) -> None:
        self._spool.add(tagged)
        for row in flat.long_rows(tagged):
            self._row(self._long, row)

    def _finish(self) -> None:
        self._row(self._wide, self._spool.header())
        for row in self._spool.rows():
            self._row(self._wide, row)

    def _row(self, file: IO[str], cells: Iterable[Cell]) -> None:
        csv.writer(file, delimiter=self._delimiter).writerow(
            [flat.safe_cell(printable(c)) if isinstance(c, str) else _number(c) for c in cells]
        )


class TsvWriter(CsvWriter):
    """As `CsvWriter`, with tabs: ``x.tsv`` and ``x-tags.tsv``."""

    _delimiter = "\t"


class XlsxWriter(Writer):
    """One workbook with the sheets ``credentials``, ``tags``, ``findings`` and ``problems``.

    Text is always written as text, so nothing in a catalogue can become a formula or a link. Excel's limits hold: a
    cell of more than 32,767 characters is cut, marked and reported on the sheet ``problems``; a sheet of more than
    1,048,576 rows goes on as ``tags 2``.

    Attributes
    ----------
    problems : list of Problem
        The cells that were cut.
    """

    max_rows: int = 1_048_576
    max_columns: int = 16_384
    max_characters: int = 32_767
    _widths: Final = {
        **{"outcomes": 60, "outcome": 60, "credential_title": 34, "title": 34, "label": 34, "top_skills": 40},
        **{"findings": 50, "message": 60, "advice": 60, "problems": 40, "not_checked": 34, "concept": 34},
        **{"evidence": 34, "hint": 40, "norm": 34, "value": 30, "faculty": 24, "provider": 24, "bloom_levels": 24},
    }

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self.problems: list[Problem] = []

    def _open(self, stack: contextlib.ExitStack) -> None:
        import xlsxwriter  # type: ignore[import-untyped, unused-ignore]

        target = self.temporary(self.path)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tagger-xlsx-"))
        self._spool = stack.enter_context(WideSpool())
        self._book = xlsxwriter.Workbook(
            target,
            {
                "constant_memory": True,
                "tmpdir": folder,
                "use_zip64": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        stack.callback(lambda: [sheet._opt_close() for sheet in self._book.worksheets()])
        self._book.set_properties({"created": datetime(2000, 1, 1), "title": "Tagged catalogue"})
        self._bold = self._book.add_format({"bold": True, "bottom": 1, "valign": "top"})
        self._plain = self._book.add_format({"valign": "top"})
        self._sheets: dict[str, _Sheet] = {"credentials": _Sheet("credentials", ())}
        self._book.add_worksheet("credentials")
        for name, columns in (
            ("tags", flat.LONG_COLUMNS),
            ("findings", flat.FINDING_COLUMNS),
            ("problems", flat.PROBLEM_COLUMNS),
        ):
            self._sheets[name] = _Sheet(name, columns)
            self._start(self._sheets[name], self._book.add_worksheet(name))

    def _write(self, tagged: TaggedCredential) -> None:
        self._spool.add(tagged)
        for row in flat.long_rows(tagged):
            self._row("tags", row)
        for row in flat.finding_rows(tagged):
            self._row("findings", row)
        for problem in tagged.credential.problems:
            self._row("problems", flat.problem_row(tagged.credential.id, problem))

    def _finish(self) -> None:
        sheet = self._sheets["credentials"]
        sheet.columns = tuple(self._spool.header())
        self._start(sheet, self._book.get_worksheet_by_name("credentials"))
        for row in self._spool.rows():
            self._row("credentials", row)
        for sheet in self._sheets.values():
            self._end(sheet)
        self._book.close()

    def _start(self, sheet: _Sheet, worksheet: Any) -> None:
        if len(sheet.columns) > self.max_columns:
            raise CatalogueError(
                f"`{self.path}`: {len(sheet.columns):,} columns, expected at most {self.max_columns:,} in a workbook",
                hint="write CSV or JSONL, which have no limit",
            )
        sheet.worksheet, sheet.n_rows = worksheet, 0
        worksheet.freeze_panes(1, 2 if len(sheet.columns) > 8 else 0)
        for i, name in enumerate(sheet.columns):
            worksheet.set_column(i, i, self._widths.get(name, max(10, min(30, len(name) + 3))), self._plain)
        self._cells(sheet, [self._fit(name, sheet, name, None) for name in sheet.columns], self._bold)

    def _end(self, sheet: _Sheet) -> None:
        if sheet.columns:
            sheet.worksheet.autofilter(0, 0, max(sheet.n_rows - 1, 0), len(sheet.columns) - 1)

    def _row(self, name: str, cells: list[Cell]) -> None:
        sheet = self._sheets[name]
        fitted = [self._fit(c, sheet, column, cells[0]) for c, column in zip(cells, sheet.columns, strict=True)]
        if sheet.n_rows >= self.max_rows:
            self._end(sheet)
            sheet.part += 1
            self._start(sheet, self._book.add_worksheet(f"{name} {sheet.part}"))
        self._cells(sheet, fitted, self._plain)

    def _cells(self, sheet: _Sheet, cells: list[Cell], style: Any) -> None:
        for i, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.worksheet.write_string(sheet.n_rows, i, cell, style)
            elif cell is not None:
                sheet.worksheet.write_number(sheet.n_rows, i, cell, style)
        sheet.n_rows += 1

    def _fit(self, cell: Cell, sheet: _Sheet, column: str, credential_id: Cell) -> Cell:
        """Return what fits a cell of a workbook; a cut is reported."""
        if not isinstance(cell, str):
            return cell if cell is None or abs(cell) < float("inf") else str(cell)  # NaN and infinity are no numbers
        text = printable(cell)
        marker = " … [cut]"
        if len(text) > self.max_characters // 2 and len(text.encode("utf-16-le")) // 2 > self.max_characters:
            units = text.encode("utf-16-le")[: 2 * (self.max_characters - len(marker))]
            text = units.decode("utf-16-le", errors="ignore") + marker
            problem = Problem(
                file=self.path,
                row=sheet.n_rows + 1,
                column=column,
                value=cell[:79] + "…",
                message=f"on sheet `{sheet.name}` has {len(cell):,} characters, expected at most "
                f"{self.max_characters:,}; it was cut in this workbook",
                hint="the JSONL and CSV forms hold the whole text",
            )
            self.problems.append(problem)
            if sheet.name != "problems":
                self._row("problems", flat.problem_row(str(credential_id or ""), problem))
        # XlsxWriter takes text between these for ready-made XML.
        return text + " " if text.startswith("<r>") and text.endswith("</r>") else text


class _Sheet:
    """A sheet of a workbook under way: its name, columns, the part being written and how many rows that has."""

    def __init__(self, name: str, columns: tuple[str, ...]) -> None:
        self.name, self.columns = name, columns
        self.part, self.n_rows, self.worksheet = 1, 0, None  # type: int, int, Any


class ParquetWriter(Writer):
    """One row per credential with the nested record: struct, list and map columns of a fixed schema.

    `measured` and `limit` of a finding are numbers or text, so each has two columns (``measured``,
    ``measured_text``). Row groups of 1,000 credentials are written as they fill; compressed with Zstandard.
    """

    n_per_group: int = 1_000

    def _open(self, stack: contextlib.ExitStack) -> None:
        import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

        self._schema = parquet_schema()
        self._rows: list[dict[str, Any]] = []
        self._file = pq.ParquetWriter(self.temporary(self.path), self._schema, compression="zstd")
        stack.callback(self._file.close)

    def _write(self, tagged: TaggedCredential) -> None:
        self._rows.append(_parquet_row(tagged))
        if len(self._rows) >= self.n_per_group:
            self._group()

    def _group(self) -> None:
        import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

        self._file.write_table(pa.Table.from_pylist(self._rows, schema=self._schema), row_group_size=self.n_per_group)
        self._rows.clear()

    def _finish(self) -> None:
        if self._rows:
            self._group()


def parquet_schema() -> Any:
    """Return the ``pyarrow.Schema`` of the Parquet form, parallel to `TaggedCredential.to_dict`."""
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

    text, number, whole = pa.string(), pa.float64(), pa.int64()

    def struct(**fields: Any) -> Any:
        return pa.struct([pa.field(name, kind) for name, kind in fields.items()])

    source = struct(field=text, start=whole, end=whole, item=whole)
    evidence = struct(start=whole, end=whole, text=text)
    tag_fields = {
        **{"taxonomy": text, "version": text, "concept": text, "label": text, "type": text, "reuse_level": text},
        **{"score": number, "relation": text, "evidence": pa.list_(evidence), "model": text},
        **{"outcomes": pa.list_(text), "alone": number},
    }
    tags = pa.list_(struct(**tag_fields))
    outcome = struct(id=text, text=text, source=source, stated=pa.bool_(), tags=tags, rejected=tags)
    finding_fields = {
        **{"rule": text, "severity": text, "measured": number, "measured_text": text, "limit": number},
        **{"limit_text": text, "unit": text, "norm": text, "outcomes": pa.list_(text), "message": text, "advice": text},
        "evidence": pa.list_(struct(outcome=text, start=whole, end=whole, text=text)),
    }
    spoken = struct(framework=text, levels=pa.list_(text), confidence=text)
    estimate = struct(eqf=whole, distribution=pa.map_(text, number), model=text, frameworks=pa.list_(spoken))
    problem = struct(file=text, row=whole, column=text, value=text, message=text, hint=text)
    columns = {
        **{"id": text, "title": text, "provider": text, "faculty": text, "jurisdiction": text, "language": text},
        "size": struct(credits=number, system=text, notional_hours=pa.list_(number)),
        "level": struct(framework=text, stated=text, estimated=estimate),
        "outcomes": pa.list_(outcome),
        "tags": tags,
        "findings": pa.list_(struct(**finding_fields)),
        "not_checked": pa.list_(text),
        "row": whole,
        "problems": pa.list_(problem),
        "extra": pa.map_(text, text),
    }
    return pa.schema([pa.field(name, kind, nullable=name != "id") for name, kind in columns.items()])


def _parquet_row(tagged: TaggedCredential) -> dict[str, Any]:
    row = encodable(tagged.to_dict())
    row["extra"] = list(row["extra"].items())
    if (estimate := row["level"]["estimated"]) is not None:
        estimate["distribution"] = list(estimate["distribution"].items())
    for finding in row["findings"]:
        for name in ("measured", "limit"):
            value = finding[name]
            finding[f"{name}_text"] = value if isinstance(value, str) else None
            finding[name] = None if isinstance(value, str) else value
    return dict(row)


def _json(record: dict[str, Any], path: str, credential_id: str) -> str:
    try:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise CatalogueError(
            f"`{path}`, credential `{credential_id}`: a value is not a finite number, expected one that JSON can hold",
            hint="this is a fault of the model or norm that made the value; please report it",
        ) from error
    return json.dumps(record, separators=(",", ":")) if has_surrogate(line) else line


def _number(cell: float | None) -> str:
    """Return a number as a person writes it: 10 for 10.0, and nothing for None."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15 else repr(cell)


def _open_text(writer: Writer, stack: contextlib.ExitStack) -> IO[str]:
    if writer.path != "-":
        return writer.open_text(writer.path, stack, encoding="utf-8", newline="\n")
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # replaced, as in a notebook or a test
        return sys.stdout
    sys.stdout.flush()
    file = io.TextIOWrapper(buffer, encoding="utf-8", newline="\n")
    stack.callback(file.detach)  # leaves standard output open
    return file
