"""CSV and its relatives: any delimiter, any line end, cells with line breaks, ragged rows."""

from __future__ import annotations

import contextlib
import csv
import re
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from itertools import islice

from tagger.catalogue.names import find_header
from tagger.catalogue.source import Lines, Source
from tagger.catalogue.table import Row, Table, shorten, unique_names
from tagger.errors import CatalogueError
from tagger.records import Problem

__all__ = ["open_table", "records", "sniff_delimiter"]

_DELIMITERS = (",", ";", "\t", "|")
_NO_DELIMITER = "\x1f"
_MAX_CELL = 1 << 24
_N_HEADER_ROWS = 20
_MAX_RESTARTS = 64


def open_table(source: Source, format: str, wanted: frozenset[str]) -> Table:
    """Open a CSV or TSV file.

    Parameters
    ----------
    source : Source
    format : str
        ``csv`` or ``tsv``; the delimiter is taken from the content either way.
    wanted : frozenset of str
        Column names that the user has named; they help to find the header.

    Raises
    ------
    CatalogueError
        There is no header, or no row below it.
    """
    lines = Lines(source)
    rows = _numbered(lines)
    start = list(islice(rows, _N_HEADER_ROWS))
    if not any(any(cell.strip(" \t,;|") for cell in cells) for cells, _ in start):
        raise CatalogueError(
            f"`{source.name}` holds no text", hint="a catalogue has a header and a row for each course"
        )
    place = find_header([cells for cells, _ in start], wanted)
    header = start[place][0]
    following = start[place + 1 :]
    while len(header) > 1 and not header[-1].strip() and not any(len(cells) >= len(header) for cells, _ in following):
        header = header[:-1]
    names, repeated = unique_names(header)
    table = Table(format, names, iter(()), lines.encoding)
    if place:
        table.problems.append(
            Problem(
                source.name,
                None,
                None,
                shorten(" ".join(" ".join(cells) for cells, _ in start[:place])),
                f"stands above the header (row {place + 1}) and is not read",
            )
        )
    if repeated:
        table.problems.append(repeated_problem(source.name, repeated))
    table.rows = _rows(source, lines, table, following, rows, place + 2)
    table.close = rows.close
    return table


def repeated_problem(name: str, repeated: list[str]) -> Problem:
    """Say that columns share a name."""
    return Problem(
        name,
        None,
        repeated[0],
        None,
        "stands more than once in the header",
        f"the later ones are called `{repeated[0]} (2)` and so on",
    )


def _rows(
    source: Source,
    lines: Lines,
    table: Table,
    following: list[tuple[list[str], list[str]]],
    rest: Iterator[tuple[list[str], list[str]]],
    number: int,
) -> Iterator[Row]:
    names, n_columns = table.columns, len(table.columns)
    has_told = False
    for rows in (following, rest):
        for cells, remarks in rows:
            if lines.n_fallback and not has_told:
                has_told = True
                table.encoding = lines.encoding
                table.problems.append(
                    Problem(
                        source.name,
                        None,
                        None,
                        None,
                        "is not all UTF-8; what is not was read as Windows-1252"
                        if lines.encoding == "windows-1252"
                        else f"holds bytes that are not valid {lines.encoding.upper()}",
                        "save it as UTF-8 if letters such as é or ø look wrong",
                    )
                )
            row = Row(number, dict(zip(names, cells, strict=False)))
            number += 1
            if len(cells) != n_columns and any(cells):
                if len(cells) > n_columns:
                    for place, cell in enumerate(cells[n_columns:], start=n_columns + 1):
                        if cell.strip():
                            row.cells[f"column {place}"] = cell
                    is_ragged = any(cell.strip() for cell in cells[n_columns:])
                else:
                    is_ragged = True
                if is_ragged:
                    row.problems.append(
                        Problem(
                            source.name,
                            row.number,
                            None,
                            f"{len(cells)} cells",
                            f"where the header has {n_columns}",
                            "put a cell that holds the delimiter into double quotes",
                        )
                    )
            for remark in remarks:
                row.problems.append(Problem(source.name, row.number, None, None, remark))
            yield row


def _numbered(lines: Lines) -> Generator[tuple[list[str], list[str]], None, None]:
    stream = iter(lines)
    sample: list[str] = []
    n_characters = 0
    for line in stream:
        sample.append(line)
        n_characters += len(line)
        if n_characters > 1 << 17 or len(sample) > 400:
            break
    is_whole = n_characters <= 1 << 17 and len(sample) <= 400
    delimiter = None
    if sample and (match := re.fullmatch(r'"?sep=(.)"?[\r\n]*', sample[0])):
        delimiter = match[1]
        del sample[0]
    if delimiter is None:
        delimiter = sniff_delimiter(sample, is_whole=is_whole)
    yield from records(_chain(sample, stream), delimiter)


def _chain(sample: list[str], stream: Iterator[str]) -> Iterator[str]:
    yield from sample
    sample.clear()
    yield from stream


def records(lines: Iterable[str], delimiter: str = ",") -> Iterator[tuple[list[str], list[str]]]:
    r"""Yield the cells of each record, and remarks on how it had to be read.

    A quote that is opened and never closed does not swallow the rest of the file: its line is read as it stands and
    reading goes on with the next.

    Examples
    --------
    >>> [cells for cells, _ in records(['a,"b\n', 'c"\n', 'd,e\n'])]
    [['a', 'b\nc'], ['d', 'e']]
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    feed = _Feed(lines)
    for _ in range(_MAX_RESTARTS):
        reader = csv.reader(feed, delimiter=delimiter)
        while True:
            feed.taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                is_open = True
            else:
                # The csv reader asks for another line only inside quotes.
                is_open = feed.is_spent
            taken = feed.taken
            if is_open:
                feed.give_back(taken[1:])
                yield (
                    _plain(taken[0], delimiter),
                    ["a quote is opened and never closed; the line was read as it stands"],
                )
                break
            remarks = []
            if any("\0" in line for line in taken):
                cells = [cell.replace("\0", " ") for cell in cells]
                remarks.append("holds NUL characters, read as spaces")
            if len(taken) > 1 and not _is_strict(taken, delimiter):
                remarks.append("a quote inside a cell is not doubled; check where the cell ends")
            yield cells, remarks
    for line in feed:
        yield _plain(line, delimiter), ["is one of many with unbalanced quotes; the line was read as it stands"]


def _plain(line: str, delimiter: str) -> list[str]:
    return line.rstrip("\r\n").replace("\0", " ").split(delimiter)


class _Feed:
    """Lines that can be given back, remembering those that the current record has taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._returned: deque[str] = deque()
        self.taken: list[str] = []
        self.is_spent = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._returned:
            line = self._returned.popleft()
        else:
            try:
                line = next(self._lines)
            except StopIteration:
                self.is_spent = True
                raise
        self.taken.append(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))
        self.is_spent = False


def _is_strict(lines: list[str], delimiter: str) -> bool:
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def sniff_delimiter(lines: list[str], *, is_whole: bool = True) -> str:
    r"""Return the delimiter under which the rows agree best with the header; U+001F where there is one column only.

    Parameters
    ----------
    lines : list of str
        The first lines of the file.
    is_whole : bool
        False where the last record may be cut.

    Examples
    --------
    >>> sniff_delimiter(["id;title, and more;credits\n", "1;Soil, water, air;5\n"])
    ';'
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    best, best_score = _NO_DELIMITER, 0.0
    for delimiter in _DELIMITERS:
        rows: list[list[str]] = []
        with contextlib.suppress(csv.Error):  # what was read before it counts
            rows.extend(islice(csv.reader(lines, delimiter=delimiter), 60))
        if not is_whole and len(rows) < 60:
            rows = rows[:-1]
        widths = [len(row) for row in rows if any(row)]
        if not widths:
            continue
        width, n_rows = Counter(widths).most_common(1)[0]
        header = widths[0]
        if header < 2 and (width < 3 or n_rows < 0.8 * len(widths)):
            # One column of text: its commas are commas.
            continue
        score = n_rows / len(widths) + (0.5 if header == width else 0.0) + 0.02 * min(width, 20)
        if width < 2:
            score = 0.3
        if score > best_score:
            best, best_score = delimiter, score
    return best
