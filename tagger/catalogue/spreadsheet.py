"""XLSX, read row by row straight from its XML: nothing is executed, expanded or fetched.

Cell types and the serial numbers of dates follow ECMA-376 part 1, sections 18.3.1 (worksheets) and 18.8.30 (formats).
"""

from __future__ import annotations

import datetime
import posixpath
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from tagger.catalogue.delimited import repeated_problem
from tagger.catalogue.names import find_header, score_header
from tagger.catalogue.source import Source
from tagger.catalogue.table import Row, Table, shorten, unique_names
from tagger.errors import CatalogueError
from tagger.records import Problem

__all__ = ["MAX_BYTES", "MAX_RATIO", "open_table"]

MAX_BYTES = 1 << 30
MAX_RATIO = 200
_RATIO_COUNTS_FROM = 1 << 26
_MAX_SHARED = 1 << 28
_MAX_TREE = 1 << 24
_MAX_ROWS, _MAX_COLUMNS = 1_048_576, 16_384
_N_HEADER_ROWS = 30
_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_FAILURES = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, IndexError, NotImplementedError)


@dataclass(slots=True)
class _Missing:
    """A formula without a stored value."""

    formula: str


@dataclass(slots=True)
class _Sheet:
    name: str
    part: str
    is_hidden: bool


@dataclass(slots=True)
class _Book:
    archive: zipfile.ZipFile
    sheets: list[_Sheet]
    strings: list[str]
    date_styles: frozenset[int]
    is_1904: bool


def open_table(source: Source, format: str, wanted: frozenset[str], *, sheet: str | None = None) -> Table:
    """Open the first sheet that has a header which can be recognised, or else the first that holds anything.

    With `sheet`, open that one instead, by its name.

    The header may stand below title rows. A cell that is merged over several rows counts for each of them.

    Raises
    ------
    CatalogueError
        The file is not XLSX, damaged, encrypted, unreasonably large when unpacked, holds no row, or has no
        such sheet.
    """
    if source.path is None:
        raise CatalogueError("`-`: XLSX cannot be read from standard input", hint="save it to a file first")
    try:
        archive = zipfile.ZipFile(source.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CatalogueError(
            f"`{source.name}` cannot be read as XLSX: {error}", hint="copy or export it again; it may be cut short"
        ) from error
    try:
        _check_archive(source, archive)
        book = _open_book(source, archive)
        return _choose(source, book, wanted, sheet)
    except CatalogueError:
        archive.close()
        raise
    except (*_FAILURES, SyntaxError, TypeError, AttributeError, RuntimeError) as error:
        archive.close()
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> CatalogueError:
    return CatalogueError(
        f"`{source.name}` cannot be read as XLSX: {type(error).__name__} {shorten(error)}".rstrip(),
        hint="open it in a spreadsheet program and save it again",
    )


def _check_archive(source: Source, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if any(entry.flag_bits & 1 for entry in entries):
        raise CatalogueError(f"`{source.name}` is password-protected", hint="save it without a password")
    if "xl/workbook.xml" not in names and "_rels/.rels" not in names:
        kind = "an OpenDocument file" if "content.xml" in names else "a ZIP archive"
        raise CatalogueError(f"`{source.name}` is {kind}, expected XLSX", hint="save the catalogue as .xlsx or CSV")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES or len(entries) > 10_000:
        raise CatalogueError(
            f"`{source.name}` unpacks to {total:,} bytes in {len(entries)} parts, expected at most {MAX_BYTES:,}",
            hint="is it a damaged or hostile file? export the sheet as CSV",
        )
    for entry in entries:
        if entry.file_size > _RATIO_COUNTS_FROM and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise CatalogueError(
                f"`{source.name}`, part `{entry.filename}`: unpacks to {entry.file_size:,} bytes, more than "
                f"{MAX_RATIO} times its packed size",
                hint="is it a damaged or hostile file? export the sheet as CSV",
            )


def _open_book(source: Source, archive: zipfile.ZipFile) -> _Book:
    workbook_part = "xl/workbook.xml"
    for relation in _tree(source, archive, "_rels/.rels"):
        if relation.get("Type", "").endswith("/officeDocument"):
            workbook_part = relation.get("Target", workbook_part).lstrip("/")
    folder = posixpath.dirname(workbook_part)
    relations: dict[str, str] = {}
    strings_part = styles_part = ""
    part = f"{folder}/_rels/{posixpath.basename(workbook_part)}.rels".lstrip("/")
    for relation in _tree(source, archive, part):
        kind, target = relation.get("Type", ""), relation.get("Target", "")
        target = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        if relation.get("TargetMode") == "External":
            continue
        if kind.endswith("/worksheet"):
            relations[relation.get("Id", "")] = target
        elif kind.endswith("/sharedStrings"):
            strings_part = target
        elif kind.endswith("/styles"):
            styles_part = target
    workbook = _tree(source, archive, workbook_part)
    sheets = []
    is_1904 = False
    for element in workbook.iter():
        tag = _local(element.tag)
        if tag == "sheet":
            key = next((value for name, value in element.attrib.items() if _local(name) == "id" and "}" in name), "")
            if relations.get(key) in archive.NameToInfo:
                sheets.append(
                    _Sheet(element.get("name", ""), relations[key], element.get("state", "visible") != "visible")
                )
        elif tag == "workbookPr":
            is_1904 = element.get("date1904") in ("1", "true")
    if not sheets:
        raise CatalogueError(f"`{source.name}` has no worksheet", hint="save the catalogue as .xlsx or CSV")
    strings = _shared_strings(source, archive, strings_part) if strings_part in archive.NameToInfo else []
    dates = _date_styles(source, archive, styles_part) if styles_part in archive.NameToInfo else frozenset()
    return _Book(archive, sheets, strings, dates, is_1904)


def _tree(source: Source, archive: zipfile.ZipFile, part: str) -> Any:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if archive.getinfo(part).file_size > _MAX_TREE:
        raise CatalogueError(f"`{source.name}`, part `{part}`: is larger than {_MAX_TREE:,} bytes")
    try:
        return fromstring(archive.read(part), forbid_dtd=True)
    except DefusedXmlException as error:
        raise _hostile(source, part) from error


def _hostile(source: Source, part: str) -> CatalogueError:
    return CatalogueError(
        f"`{source.name}`, part `{part}`: declares a document type or entities, which no spreadsheet program writes",
        hint="do not open this file; ask where it comes from",
    )


def _elements(source: Source, stream: IO[bytes], part: str, wanted: str) -> Iterator[Any]:
    """Yield the elements of one kind as they close, freeing each when the next is asked for."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    parents: list[Any] = []
    try:
        for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(element)
                continue
            parents.pop()
            if _local(element.tag) == wanted:
                yield element
                element.clear()
                if parents:
                    parents[-1].clear()
    except DefusedXmlException as error:
        raise _hostile(source, part) from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _shared_strings(source: Source, archive: zipfile.ZipFile, part: str) -> list[str]:
    if archive.getinfo(part).file_size > _MAX_SHARED:
        raise CatalogueError(
            f"`{source.name}`, part `{part}`: holds more than {_MAX_SHARED:,} bytes of text", hint="export it as CSV"
        )
    with archive.open(part) as stream:
        return [_text(element) for element in _elements(source, stream, part, "si")]


def _text(element: Any) -> str:
    """Return the text of a string item; phonetic guides are no part of it."""
    parts = []
    for child in element:
        tag = _local(child.tag)
        if tag == "t":
            parts.append(child.text or "")
        elif tag == "r":
            parts.extend(run.text or "" for run in child if _local(run.tag) == "t")
    text = "".join(parts)
    return re.sub(r"_x([0-9A-Fa-f]{4})_", _unescaped, text) if "_x" in text else text


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return "\ufffd" if "\ud800" <= character <= "\udfff" else character


def _date_styles(source: Source, archive: zipfile.ZipFile, part: str) -> frozenset[int]:
    tree = _tree(source, archive, part)
    dates = set(_BUILT_IN_DATES)
    styles: set[int] = set()
    for element in tree:
        tag = _local(element.tag)
        if tag == "numFmts":
            for number_format in element:
                code = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.', "", number_format.get("formatCode", ""))
                if re.search(r"[dmyhs]", code, re.IGNORECASE) and "general" not in code.lower():
                    dates.add(int(number_format.get("numFmtId", "0")))
        elif tag == "cellXfs":
            for place, style in enumerate(element):
                if int(style.get("numFmtId", "0")) in dates:
                    styles.add(place)
    return frozenset(styles)


def _named(source: Source, book: _Book, name: str) -> _Sheet:
    """Return the sheet of that name; upper case and blanks around it do not matter."""
    for sheet in book.sheets:
        if sheet.name == name:
            return sheet
    same = [sheet for sheet in book.sheets if sheet.name.strip().casefold() == name.strip().casefold()]
    if len(same) == 1:
        return same[0]
    raise CatalogueError(
        f"`{source.name}` has no sheet `{name}`, expected one of "
        + ", ".join(f"`{sheet.name}`" for sheet in book.sheets[:30]),
        hint="give the name as it stands on the sheet's tab",
    )


def _unread(source: Source, book: _Book, read: _Sheet) -> Iterator[Problem]:
    """Say of each other sheet that has anything in it that it is not read."""
    for sheet in book.sheets:
        if sheet is read or not (n := _count_rows(book, sheet)):
            continue
        kind = "hidden sheet" if sheet.is_hidden else "sheet"
        yield Problem(
            source.name,
            None,
            None,
            None,
            f"{kind} `{shorten(sheet.name)}` is not read: it has {n:,} row{'s' if n > 1 else ''}, any header included",
            f'only `{shorten(read.name)}` is; to read this one, say --sheet "{shorten(sheet.name)}", in Python sheet=',
        )


_PART = re.compile(rb"<(?:\w{1,20}:)?(row|v|is)(?=[\s>])")


def _count_rows(book: _Book, sheet: _Sheet) -> int:
    """Count the rows of a sheet in which a cell has a value, without reading what it is."""
    n, is_new, tail = 0, False, b""
    with book.archive.open(sheet.part) as stream:
        while True:
            chunk = stream.read(1 << 18)
            window = tail + chunk
            # What starts in the last bytes may go on in the next piece, and is left to it.
            end = len(window) - 32 if chunk else len(window)
            for match in _PART.finditer(window):
                if match.start() >= end:
                    break
                if match[1] == b"row":
                    is_new = True
                elif is_new:
                    n, is_new = n + 1, False
            if not chunk:
                return n
            tail = window[max(end, 0) :]


def _choose(source: Source, book: _Book, wanted: frozenset[str], name: str | None = None) -> Table:
    starts: list[tuple[float, _Sheet, list[tuple[int, list[object]]]]] = []
    for sheet in book.sheets if name is None else [_named(source, book, name)]:
        with closing(_cells(source, book, sheet)) as stored:
            start = [(number, cells) for number, cells in islice(stored, _N_HEADER_ROWS) if any(map(_has, cells))]
        if start:
            best = max(score_header([_as_name(c) for c in cells], wanted) for _, cells in start)
            starts.append((best, sheet, start))
            if best >= 1.0 and not sheet.is_hidden:
                break
    if not starts:
        raise CatalogueError(
            f"`{source.name}`{f', sheet `{name}`,' if name is not None else ''} holds no text",
            hint="a catalogue has a header and a row for each course",
        )
    recognised = [entry for entry in starts if entry[0] >= 1.0]
    _, sheet, start = next((e for e in recognised if not e[1].is_hidden), (recognised or starts)[0])
    place = find_header([[_as_name(c) for c in cells] for _, cells in start], wanted)
    header_row, header = start[place]
    while header and not _has(header[-1]):
        header.pop()
    names, repeated = unique_names([_as_name(cell) for cell in header])
    table = Table("xlsx", names, iter(()))
    table.problems.extend(_unread(source, book, sheet))
    if place:
        above = " ".join(str(cell) for _, cells in start[:place] for cell in cells if _has(cell))
        table.problems.append(
            Problem(
                source.name, None, None, shorten(above), f"stands above the header (row {header_row}) and is not read"
            )
        )
    if repeated:
        table.problems.append(repeated_problem(source.name, repeated))
    merged = [area for area in _merged(book, sheet) if area[1] > header_row]
    if merged:
        table.problems.append(
            Problem(
                source.name,
                None,
                None,
                f"{len(merged)} merged cell{'s' if len(merged) > 1 else ''}",
                "over several rows; the value counts for each row",
            )
        )
    rows = _rows(source, book, sheet, table, header_row, merged)
    table.rows = rows

    def close() -> None:
        rows.close()
        book.archive.close()

    table.close = close
    return table


def _has(cell: object) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _as_name(cell: object) -> str:
    if cell is None or isinstance(cell, _Missing):
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _rows(
    source: Source, book: _Book, sheet: _Sheet, table: Table, header_row: int, merged: list[tuple[int, int, int]]
) -> Generator[Row, None, None]:
    names = table.columns
    opens = {(first, column): last for column, first, last in merged}
    covering: dict[int, tuple[int, object]] = {}
    previous = header_row
    try:
        for number, cells in _cells(source, book, sheet):
            if number <= header_row:
                continue
            table.n_skipped_rows += max(0, number - previous - 1)
            previous = max(previous, number)
            if opens:
                _fill(cells, number, opens, covering)
            row = Row(number, {})
            for place, cell in enumerate(cells):
                if cell is None:
                    continue
                name = names[place] if place < len(names) else f"column {place + 1}"
                if isinstance(cell, _Missing):
                    row.problems.append(
                        Problem(
                            source.name,
                            number,
                            name,
                            shorten(cell.formula),
                            "is a formula without a stored value",
                            "open the file in a spreadsheet program and save it, so that values are stored",
                        )
                    )
                    continue
                row.cells[name] = cell
            if len(cells) > len(names) and any(_has(cell) for cell in cells[len(names) :]):
                row.problems.append(
                    Problem(
                        source.name, number, None, f"{len(cells)} cells", f"where the header has {len(names)}", None
                    )
                )
            yield row
    except CatalogueError:
        raise
    except (*_FAILURES, SyntaxError, TypeError, RuntimeError) as error:
        raise _damaged(source, error) from error


def _fill(
    cells: list[object], number: int, opens: dict[tuple[int, int], int], covering: dict[int, tuple[int, object]]
) -> None:
    for column, (last, value) in list(covering.items()):
        if number > last:
            del covering[column]
            continue
        cells.extend([None] * (column + 1 - len(cells)))
        if cells[column] is None:
            cells[column] = value
    for column, value in enumerate(cells):
        last_row = opens.get((number, column))
        if last_row is not None and value is not None:
            covering[column] = (last_row, value)


def _cells(source: Source, book: _Book, sheet: _Sheet) -> Generator[tuple[int, list[object]], None, None]:
    """Yield row number and cells of each stored row."""
    number = 0
    with book.archive.open(sheet.part) as stream:
        for element in _elements(source, stream, sheet.part, "row"):
            number = int(element.get("r") or number + 1)
            if not 0 < number <= _MAX_ROWS:
                raise ValueError(f"row number {number}")
            cells: list[object] = []
            for child in element:
                if _local(child.tag) != "c":
                    continue
                column = _column(child.get("r")) if child.get("r") else len(cells)
                value = _value(book, child)
                if value is None:
                    continue
                if column >= len(cells):
                    cells.extend([None] * (column + 1 - len(cells)))
                cells[column] = value
            yield number, cells


def _merged(book: _Book, sheet: _Sheet) -> list[tuple[int, int, int]]:
    """Return column, first and last row of the areas merged over several rows."""
    areas = []
    with book.archive.open(sheet.part) as stream:
        tail = b""
        found: set[bytes] = set()
        while chunk := stream.read(1 << 18):
            window = tail + chunk
            found.update(
                re.findall(rb"<(?:\w+:)?mergeCell\s+ref=[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})[\"']", window)
            )
            tail = window[-64:]
    for reference in found:
        start, _, end = reference.decode("ascii").partition(":")
        first, last = int(start.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")), int(end.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        if last > first:
            areas.append((_column(start), first, last))
    return sorted(areas)


def _column(reference: str | None) -> int:
    """Return the place of a column, counting from 0: ``C7`` gives 2."""
    n = 0
    for character in reference or "":
        if not "A" <= character <= "Z":
            break
        n = n * 26 + ord(character) - 64
        if n > _MAX_COLUMNS:
            raise ValueError(f"cell {shorten(reference)}")
    if n == 0:
        raise ValueError(f"cell {shorten(reference)}")
    return n - 1


def _value(book: _Book, cell: Any) -> object:
    kind = cell.get("t", "n")
    text: str | None = None
    formula: str | None = None
    for child in cell:
        tag = _local(child.tag)
        if tag == "v":
            text = child.text
        elif tag == "f":
            formula = "=" + (child.text or "")
        elif tag == "is" and kind == "inlineStr":
            return _text(child) or None
    if text is None or text == "":
        # An empty text is what a formula such as =IF(A1;"";"") stores.
        return _Missing(formula) if formula is not None and kind != "str" else None
    if kind == "s":
        return book.strings[int(text)] or None
    if kind == "b":
        return text.strip() in ("1", "true")
    if kind in ("str", "e", "d"):
        return re.sub(r"_x([0-9A-Fa-f]{4})_", _unescaped, text) if "_x" in text else text
    number = float(text)
    if cell.get("s") and int(cell.get("s")) in book.date_styles:
        return _date(number, is_1904=book.is_1904)
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _date(serial: float, *, is_1904: bool) -> object:
    epoch = datetime.datetime(1904, 1, 1) if is_1904 else datetime.datetime(1899, 12, 30)
    try:
        moment = epoch + datetime.timedelta(seconds=round(serial * 86_400, 3))
    except (OverflowError, ValueError):
        return serial
    if serial < 1:
        return moment.time()
    return moment.date() if moment.time() == datetime.time() else moment
