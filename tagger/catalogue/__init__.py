r"""Catalogues in and out: formats by name, read as a stream of credentials.

Examples
--------
>>> import tempfile, pathlib
>>> with tempfile.TemporaryDirectory() as folder:
...     path = pathlib.Path(folder, "courses.csv")
...     _ = path.write_text("Title,Learning outcomes,Credits\nSoil,Describe how soil forms.,10 ECTS\n")
...     for credential in read_catalogue(path):
...         print(credential.title, [outcome.text for outcome in credential.outcomes], credential.size.system)
Soil ['Describe how soil forms.'] ECTS
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self, cast

from tagger.catalogue.columns import ColumnMapping, UserMapping, extended, recognise
from tagger.catalogue.credentials import CredentialBuilder
from tagger.catalogue.names import suggests_field
from tagger.catalogue.source import Source, format_of
from tagger.catalogue.table import Row, Table
from tagger.errors import CatalogueError
from tagger.records import Credential, Problem, TaggedCredential

__all__ = ["READERS", "WRITERS", "Catalogue", "ColumnMapping", "Writer", "open_writer", "read_catalogue"]

READERS: dict[str, str] = {
    "csv": "tagger.catalogue.delimited:open_table",
    "tsv": "tagger.catalogue.delimited:open_table",
    "xlsx": "tagger.catalogue.spreadsheet:open_table",
    "jsonl": "tagger.catalogue.jsonlines:open_lines",
    "json": "tagger.catalogue.jsonlines:open_json",
    "parquet": "tagger.catalogue.columnar:open_table",
}
WRITERS: dict[str, str] = {
    "jsonl": "tagger.catalogue.writers:JsonlWriter",
    "json": "tagger.catalogue.writers:JsonWriter",
    "csv": "tagger.catalogue.writers:CsvWriter",
    "tsv": "tagger.catalogue.writers:TsvWriter",
    "xlsx": "tagger.catalogue.writers:XlsxWriter",
    "parquet": "tagger.catalogue.writers:ParquetWriter",
}
_N_SAMPLE = 50
_N_LONG_SAMPLE = 1_000
_WRITER_EXTENSIONS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
}


class Writer(Protocol):
    """Writes tagged credentials; the file appears only when the ``with`` block ends without an error."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that it will put in place, known before ``__enter__``; none for standard output."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: Any) -> bool | None:
        """Put the file in place, or remove what was written."""

    def write(self, tagged: TaggedCredential) -> None:
        """Add one credential."""


class Catalogue:
    """The credentials of a catalogue file, as a stream: at no time is the whole file in memory (JSON excepted).

    Can be gone through again, unless it comes from standard input. Made by `read_catalogue`.

    Attributes
    ----------
    path : str
        As given; ``-`` for standard input.
    format : str
        Key in `READERS`.
    encoding : str or None
        None where the format has its own.
    columns : list of str
        In file order; JSON Lines may bring more while it is read.
    mapping : ColumnMapping
        Which column was taken for what, and why.
    problems : list of Problem
        Of the file as a whole; complete after iteration. Problems of a row are in its `Credential`.
    n_rows : int
        Rows seen by the last iteration: ``n_rows == n_credentials + n_empty_rows``.
    n_credentials, n_empty_rows, n_unreadable_rows : int
        Unreadable rows are among the credentials: kept by row number, without outcomes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        mapping: Mapping[str, str | Sequence[str]] | str | Path | None = None,
        format: str | None = None,
        language: str = "en",
        stream: BinaryIO | None = None,
        sheet: str | None = None,
    ) -> None:
        self.path = str(path)
        self._sheet = sheet
        self._language = language
        self._user = UserMapping.of(mapping)
        self._source = Source.of(path, stream)
        self._own_problems: list[Problem] = []
        self.format = self._format(format)
        self.n_rows = self.n_credentials = self.n_empty_rows = self.n_unreadable_rows = 0
        table = self._open()
        try:
            sample = self._sample(table)
        except BaseException:
            table.close()
            raise
        self._table_problems = table.problems
        if table.format != self.format:
            # From here on the file is opened as what it is; what was said about that is kept.
            self._own_problems.extend(table.problems)
            self._table_problems = []
        self.format, self.encoding = table.format, table.encoding
        # A table that holds no file open waits for the first iteration.
        self._waiting: tuple[Table, list[Row]] | None = None
        if self._source.path is None or table.format == "json":
            self._waiting = (table, sample)
        else:
            table.close()

    def _format(self, format: str | None) -> str:
        if format is not None:
            if format not in READERS:
                raise CatalogueError(f"format `{format}` is not known, expected one of {', '.join(READERS)}")
            return format
        found, remark = format_of(self._source)
        if remark is not None:
            self._own_problems.append(Problem(self.path, None, None, None, remark))
        return found

    def _open(self) -> Table:
        open_table = _resolve(READERS[self.format])
        if self._sheet is None:
            return cast(Table, open_table(self._source, self.format, self._user.wanted()))
        if self.format != "xlsx":
            raise CatalogueError(
                f"`{self.path}` is {self.format.upper()}, which has no sheets; sheet `{self._sheet}` is asked for",
                hint="leave the sheet out",
            )
        return cast(Table, open_table(self._source, self.format, self._user.wanted(), sheet=self._sheet))

    def _sample(self, table: Table) -> list[Row]:
        """Read the first rows, and decide on the mapping."""
        sample: list[Row] = []
        columns = list(table.columns)
        is_known = False
        mapping: ColumnMapping | None = None
        for row in table.rows:
            sample.append(row)
            if table.is_open_ended:
                columns.extend(name for name in row.cells if name not in columns)
            n = len(sample)
            if n in (_N_SAMPLE, _N_LONG_SAMPLE):
                mapping, is_known = self._recognised(columns, sample, is_last=not table.is_open_ended)
            if is_known or (n >= _N_SAMPLE and not table.is_open_ended):
                break
            if n >= _N_LONG_SAMPLE:
                self._look_on(table, columns, sample)
                break
        if not any(not row.is_empty for row in sample):
            if sample and not _any_left(table, sample):
                raise self._without_rows(columns)
            if not sample:
                raise self._without_rows(columns)
        if mapping is None or not is_known:
            mapping, _ = self._recognised(columns, sample, is_last=True)
        assert mapping is not None
        self.mapping, self.columns = mapping, columns
        return sample

    def _without_rows(self, columns: list[str]) -> CatalogueError:
        return CatalogueError(
            f"`{self.path}` has a header but no rows; found the columns {', '.join(f'`{c}`' for c in columns[:30])}",
            hint="a catalogue has a header and a row for each course",
        )

    def _recognised(self, columns: list[str], sample: list[Row], *, is_last: bool) -> tuple[ColumnMapping | None, bool]:
        try:
            cells = [row.cells for row in sample[:_N_SAMPLE] if row.cells]
            return recognise(columns, cells, self._user, language=self._language, name=self.path), True
        except CatalogueError:
            if is_last:
                raise
            return None, False

    def _look_on(self, table: Table, columns: list[str], sample: list[Row]) -> None:
        """Look for columns that the user names, and that come late, through the rest of a file."""
        if self._source.path is None and table.format != "json":
            return
        if table.format == "json" or not self._user.missing(columns):
            return
        for row in table.rows:
            columns.extend(name for name in row.cells if name not in columns)
            if not self._user.missing(columns):
                return

    @property
    def problems(self) -> list[Problem]:
        """Problems of the file as a whole."""
        return [*self._own_problems, *self._table_problems]

    def __iter__(self) -> Iterator[Credential]:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            table = self._open()
            start: list[Row] = []
        else:
            table, start = waiting
        self._table_problems = table.problems
        self.n_rows = self.n_credentials = self.n_empty_rows = self.n_unreadable_rows = 0
        builder = CredentialBuilder(
            self.path, self.columns, self.mapping, self._language, is_open_ended=table.is_open_ended
        )
        known = set(self.columns)
        n_built_empty = 0
        try:
            for row in chain(start, table.rows):
                if row.is_empty:
                    n_built_empty += 1
                else:
                    if table.is_open_ended and not known.issuperset(row.cells):
                        self._extend(row, known, builder)
                    self.n_credentials += 1
                    if not row.cells:
                        self.n_unreadable_rows += 1
                    yield builder.build(row)
                self.n_empty_rows = n_built_empty + table.n_skipped_rows
                self.n_rows = self.n_credentials + self.n_empty_rows
            self.n_empty_rows = n_built_empty + table.n_skipped_rows
            self.n_rows = self.n_credentials + self.n_empty_rows
            self.encoding = table.encoding
        finally:
            table.close()

    def _extend(self, row: Row, known: set[str], builder: CredentialBuilder) -> None:
        """Take notice of columns that no row before this one had."""
        new = [name for name in row.cells if name not in known]
        known.update(new)
        self.columns.extend(new)
        if not any(suggests_field(name) for name in new):
            return
        longer, taken = extended(self.mapping, new, self.columns, row.cells, self._user, self._language, row.number)
        if longer is self.mapping:
            return
        self.mapping = longer
        for name in taken:
            self._own_problems.append(
                Problem(self.path, None, name, None, f"comes first in row {row.number}", "rows before it do without")
            )
        builder.remap(self.columns, longer)


def _any_left(table: Table, sample: list[Row]) -> bool:
    """Return True when a row with something in it follows the sample, adding what is read to it."""
    for row in table.rows:
        sample.append(row)
        if not row.is_empty:
            return True
    return False


def _resolve(entry: str) -> Callable[..., Any]:
    module, _, name = entry.partition(":")
    return cast("Callable[..., Any]", getattr(importlib.import_module(module), name))


def read_catalogue(
    path: str | Path,
    *,
    mapping: Mapping[str, str | Sequence[str]] | str | Path | None = None,
    format: str | None = None,
    language: str = "en",
    sheet: str | None = None,
) -> Catalogue:
    """Open a catalogue; the credentials come as it is iterated over.

    Parameters
    ----------
    path : str or Path
        A file, gzipped or not, or ``-`` for standard input (JSON Lines unless `format` says otherwise).
    mapping : dict or path of a TOML file, optional
        Field to column name (or names); what is not named is guessed. A TOML file has a table ``[columns]`` and
        optionally ``[defaults]``, such as ``framework = "SCQF"``.
    format : str, optional
        Key in `READERS`; by default told from the extension and the content.
    language : str
        Which of several columns such as ``outcomes_en`` and ``outcomes_sv`` to read.
    sheet : str, optional
        Name of the sheet of a workbook to read; by default the first whose header is recognised. That the others are
        not read is among `Catalogue.problems`.

    Returns
    -------
    Catalogue

    Raises
    ------
    CatalogueError
        The file cannot be read at all, no column of outcomes or descriptions is found, or there is no such sheet.
    """
    return Catalogue(path, mapping=mapping, format=format, language=language, sheet=sheet)


def open_writer(path: str | Path, format: str | None = None) -> Writer:
    """Return the writer for a path, by its extension unless `format` is given; ``-`` is JSON Lines.

    A name that ends in ``.gz`` is written compressed, in the formats that are text.

    Raises
    ------
    CatalogueError
        No writer is known for it, or it is one that is not compressed with gzip.
    """
    if format is None:
        name = str(path).lower().removesuffix(".gz")
        format = "jsonl" if str(path) == "-" else _WRITER_EXTENSIONS.get(Path(name).suffix)
    if format not in WRITERS:
        raise CatalogueError(
            f"`{path}`: {f'format `{format}`' if format else 'this extension'} cannot be written, expected one of "
            f"{', '.join(WRITERS)}",
            hint="name the output .jsonl, .csv, .xlsx or .parquet",
        )
    return cast(Writer, _resolve(WRITERS[format])(path))
