"""What an importer gives, and how files are read: plain, gzipped, or inside a folder or a zip; CSV, TSV, text or XLSX."""

from __future__ import annotations

import csv
import gzip
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from tagger.errors import TaxonomyError
from tagger.taxonomy import Concept

__all__ = ["File", "Imported", "Row", "clean", "files_of", "names_of", "read_text", "rows", "slug", "unique_concepts"]

_TABLES = (".csv", ".tsv", ".txt", ".xlsx")
_MOST_CHARACTERS = 20_000_000
"""Of one cell; more than any description has."""


@dataclass(frozen=True)
class Imported:
    """A taxonomy as read from a source, before it is written.

    Attributes
    ----------
    concepts : tuple of Concept
        What can be tagged, in the order of the source.
    groups : tuple of Concept
        What only stands above.
    facts : dict of str to str
        What the source says of itself: any of id, title, version, licence, attribution, source, language.
    left_out : tuple of str
        One line for each row or kind of row that was not taken, and why.
    """

    concepts: tuple[Concept, ...]
    groups: tuple[Concept, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class File:
    """A file of the source: on disk, or a member of a zip.

    Attributes
    ----------
    name : str
        As shown in messages: the path, or the path inside the zip.
    path : Path
        Of the file, or of the zip.
    member : str or None
        Inside the zip.
    """

    name: str
    path: Path
    member: str | None = None

    @property
    def stem(self) -> str:
        """Name without folders and endings, in lower case."""
        return PurePosixPath(self.name.replace("\\", "/")).name.lower().removesuffix(".gz").rpartition(".")[0]

    @property
    def ending(self) -> str:
        """Ending in lower case, such as ``.csv``, without ``.gz``."""
        return PurePosixPath(self.name.lower().removesuffix(".gz")).suffix

    def read(self) -> bytes:
        """Return the content, unpacked.

        Raises
        ------
        TaxonomyError
            If it cannot be read or unpacked.
        """
        try:
            if self.member is None:
                content = self.path.read_bytes()
            else:
                with zipfile.ZipFile(self.path) as archive:
                    content = archive.read(self.member)
            return gzip.decompress(content) if self.name.lower().endswith(".gz") else content
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise TaxonomyError(f"`{self.name}`: cannot be read ({error})", hint="get the file again") from error


@dataclass(frozen=True)
class Row:
    """A row of a table: `number` as a spreadsheet shows it (the header is row 1), and its cells by column."""

    number: int
    cells: dict[str, str]

    def get(self, *names: str) -> str:
        """Return the first of these columns that is filled, white space folded; "" if none is."""
        for name in names:
            if value := clean(self.cells.get(name, "")):
                return value
        return ""


def files_of(source: str | Path) -> list[File]:
    """Return the files of a folder, of a zip, or the one file.

    Raises
    ------
    TaxonomyError
        If there is nothing there.
    """
    path = Path(source)
    if path.is_dir():
        found = [File(str(p.relative_to(path)), p) for p in sorted(path.rglob("*")) if p.is_file()]
        if not found:
            raise TaxonomyError(f"`{source}`: the folder is empty, expected the files of a taxonomy")
        return found
    if not path.is_file():
        raise TaxonomyError(f"`{source}`: no such file or folder", hint="give the path of what you downloaded")
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                return [File(n, path, n) for n in sorted(archive.namelist()) if not n.endswith("/")]
        except zipfile.BadZipFile as error:
            raise TaxonomyError(f"`{source}`: not a zip file ({error})", hint="get the file again") from error
    return [File(path.name, path)]


def read_text(file: File) -> str:
    """Return a file's text.

    Raises
    ------
    TaxonomyError
        If it is not UTF-8: names the row.
    """
    content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise TaxonomyError(f"`{file.name}`, row {row}: is not UTF-8", hint="save the file as UTF-8") from error


def names_of(file: File) -> list[str]:
    """Return the column names of a table; empty for what is no table."""
    if file.ending not in _TABLES:
        return []
    return next(iter(_cells(file)), (0, []))[1]


def rows(file: File, required: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows of a table: comma, semicolon or tab separated, or the first sheet of a workbook.

    Raises
    ------
    TaxonomyError
        If a required column is missing, or a row has more cells than the header: names file, row and column.
    """
    lines = iter(_cells(file))
    header = next(lines, (0, []))[1]
    for name in required:
        if name not in header:
            found = ", ".join(f"`{h}`" for h in header if h) or "none"
            raise TaxonomyError(f"`{file.name}`, row 1: column `{name}` is missing; the columns are {found}")
    for number, cells in lines:
        if not any(cells):
            continue
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise TaxonomyError(
                f"`{file.name}`, row {number}: has {len(cells)} cells, expected {len(header)}",
                hint="put quotes around a cell that holds the separator",
            )
        yield Row(number, dict(zip(header, cells, strict=False)))


def _cells(file: File) -> Iterator[tuple[int, list[str]]]:
    if file.ending == ".xlsx":
        yield from _sheet(file)
        return
    text = read_text(file)
    first = text.partition("\n")[0]
    separator = max("\t;,", key=first.count) if any(c in first for c in "\t;,") else ","
    # O*NET's tab separated text has quotes that quote nothing.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" and file.ending == ".txt" else csv.QUOTE_MINIMAL
    csv.field_size_limit(_MOST_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, [c.strip() for c in cells]
    except csv.Error as error:
        raise TaxonomyError(f"`{file.name}`, row {number + 1}: is not CSV ({error})") from error


def _sheet(file: File) -> Iterator[tuple[int, list[str]]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(file.read()), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise TaxonomyError(f"`{file.name}`: not an XLSX workbook ({error})", hint="save it again as .xlsx") from error
    try:
        for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            yield number, ["" if c is None else str(c).strip() for c in cells]
    finally:
        book.close()


def clean(text: str) -> str:
    """Fold white space, and take out the bar that separates labels in our tables."""
    return " ".join(text.replace("|", "/").split())


def slug(text: str) -> str:
    """Return a text as part of an id.

    Examples
    --------
    >>> slug("Gérer l'équipe (2)")
    'gerer-l-equipe-2'
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^\w.]+", "-", "".join(c for c in plain if not unicodedata.combining(c))).strip("-.") or "x"


def unique_concepts(found: Iterable[tuple[str, Concept]], left_out: list[str]) -> list[Concept]:
    """Keep what can stand: an id and a label, and each id once; the rest is told in `left_out`.

    Parameters
    ----------
    found : iterable of (str, Concept)
        Where each stands ("`file`, row 3"), and the concept.
    left_out : list of str
        Added to.
    """
    first: dict[str, str] = {}
    kept = []
    for where, concept in found:
        if not concept.id or not concept.label:
            left_out.append(f"{where}, column `{'label' if concept.id else 'id'}`: is empty")
        elif concept.id in first:
            left_out.append(f"{where}, column `id`: `{concept.id}` is already that of {first[concept.id]}")
        else:
            first[concept.id] = where
            kept.append(concept)
    return kept
