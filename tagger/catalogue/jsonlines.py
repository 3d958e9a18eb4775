"""JSON Lines, and JSON documents that hold one list of records."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from itertools import chain, islice

from tagger.catalogue.source import Lines, Source, sniff_encoding
from tagger.catalogue.table import Row, Table, shorten
from tagger.errors import CatalogueError
from tagger.records import Problem

__all__ = ["flatten", "open_json", "open_lines", "own_record"]

_N_SAMPLE = 50
_MAX_DEPTH = 3


def open_lines(source: Source, format: str, wanted: frozenset[str]) -> Table:
    """Open a JSON Lines file: one object a line. A line that is none becomes a row with a problem.

    Raises
    ------
    CatalogueError
        Not one of the first lines is an object.
    """
    lines = Lines(source)
    rows = _line_rows(source, lines)
    table = Table("jsonl", [], iter(()), lines.encoding, is_open_ended=True)
    start = list(islice(rows, _N_SAMPLE))
    readable = [row for row in start if row.cells]
    if not readable:
        first = next((problem for row in start for problem in row.problems), None)
        where = f", line {first.row}: {first.message}" if first else ""
        raise CatalogueError(
            f"`{source.name}`{where}: no line is a JSON object",
            hint="JSON Lines has one object a line; a list of records belongs in a .json file",
        )
    for row in readable:
        table.columns.extend(name for name in row.cells if name not in table.columns)
    table.encoding = lines.encoding
    table.rows = _with_fallback(source, lines, table, chain(start, rows))
    table.close = rows.close
    return table


def _with_fallback(source: Source, lines: Lines, table: Table, rows: Iterator[Row]) -> Iterator[Row]:
    has_told = False
    for row in rows:
        if lines.n_fallback and not has_told:
            has_told = True
            table.encoding = lines.encoding
            table.problems.append(
                Problem(
                    source.name,
                    None,
                    None,
                    None,
                    "is not all UTF-8; what is not was read as Windows-1252",
                    "JSON is UTF-8 by its standard; write it again if letters such as é or ø look wrong",
                )
            )
        yield row


def _line_rows(source: Source, lines: Lines) -> Generator[Row, None, None]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield Row(number, {})
            continue
        yield _parsed(source, number, line)


def _parsed(source: Source, number: int, line: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = f"is not JSON ({error.msg})" if isinstance(error, json.JSONDecodeError) else "is not JSON"
        return Row(
            number, {}, [Problem(source.name, number, None, shorten(line), message, "write one JSON object a line")]
        )
    return _row(source, number, record, may_hold_surrogates="\\ud" in line or "\\uD" in line)


def _row(source: Source, number: int, record: object, *, may_hold_surrogates: bool) -> Row:
    if not isinstance(record, dict):
        problem = Problem(source.name, number, None, shorten(json.dumps(record)), "is not a JSON object", None)
        return Row(number, {}, [problem])
    row = Row(number, record)
    if may_hold_surrogates:
        cleaned, n_lone = _without_surrogates(record)
        if n_lone:
            row.cells = cleaned  # type: ignore[assignment]
            row.problems.append(
                Problem(source.name, number, None, None, "holds half of a surrogate pair, read as U+FFFD")
            )
    if any(type(value) is dict for value in row.cells.values()):
        row.record = own_record(row.cells)
        row.cells = flatten(row.cells)
    if not row.cells:
        row.problems.append(Problem(source.name, number, None, "{}", "is an object without anything in it"))
    return row


def own_record(record: dict[str, object]) -> dict[str, object] | None:
    """Return the record when it is one that this program wrote: its size, level and outcomes are objects."""
    size, level, outcomes = record.get("size"), record.get("level"), record.get("outcomes")
    if (
        isinstance(size, dict)
        and isinstance(level, dict)
        and isinstance(outcomes, list)
        and "stated" in level
        and "credits" in size
        and all(isinstance(outcome, dict) and "id" in outcome and "text" in outcome for outcome in outcomes)
    ):
        return record
    return None


def _without_surrogates(value: object) -> tuple[object, int]:
    if isinstance(value, str):
        cleaned = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in value)
        return cleaned, int(cleaned != value)
    if isinstance(value, list):
        items = [_without_surrogates(item) for item in value]
        return [item for item, _ in items], sum(n for _, n in items)
    if isinstance(value, dict):
        pairs = {_without_surrogates(key)[0]: _without_surrogates(item) for key, item in value.items()}
        return {key: item for key, (item, _) in pairs.items()}, sum(n for _, n in pairs.values())
    return value, 0


def flatten(record: dict[str, object], depth: int = _MAX_DEPTH) -> dict[str, object]:
    """Return a record with nested objects as dotted columns.

    Examples
    --------
    >>> flatten({"id": 1, "size": {"credits": 5, "system": "ECTS"}})
    {'id': 1, 'size.credits': 5, 'size.system': 'ECTS'}
    """
    flat: dict[str, object] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value and depth:
            for name, inner in flatten(value, depth - 1).items():
                flat[f"{key}.{name}"] = inner
        else:
            flat[key] = value
    return flat


def open_json(source: Source, format: str, wanted: frozenset[str]) -> Table:
    """Open a JSON document: a list of records, or an object that holds one such list. The whole of it is in memory.

    A document that turns out to be JSON Lines is read as that.

    Raises
    ------
    CatalogueError
        The document is not JSON, or holds no list of records, or several.
    """
    encoding, n_mark = sniff_encoding(source.head)
    data = b"".join(source.chunks())[n_mark:]
    problems: list[Problem] = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text, encoding = data.decode("cp1252", "replace"), "windows-1252"
        problems.append(
            Problem(source.name, None, None, None, "is not UTF-8; read as Windows-1252", "JSON is UTF-8: save it again")
        )
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        first = text.lstrip().split("\n", 1)[0]
        if source.path is not None and text.lstrip().startswith("{") and _is_one_object(first):
            table = open_lines(source, format, wanted)
            table.problems.append(Problem(source.name, None, None, None, "is JSON Lines, not JSON; read as that"))
            return table
        raise CatalogueError(
            f"`{source.name}`, line {error.lineno}, character {error.colno}: is not JSON ({error.msg})",
            hint="check the file with a JSON validator, or export it again",
        ) from error
    except (ValueError, RecursionError) as error:
        raise CatalogueError(f"`{source.name}` is not JSON that can be read ({error})") from error
    records = _records_in(source, document)
    has_escapes = "\\ud" in text or "\\uD" in text
    del data, text
    rows = [
        _row(source, n, record, may_hold_surrogates=has_escapes) if record is not None else Row(n, {})
        for n, record in enumerate(records, start=1)
    ]
    if not any(row.cells for row in rows):
        raise CatalogueError(f"`{source.name}` holds no record", hint="a catalogue is a list of objects")
    columns = dict.fromkeys(name for row in rows for name in row.cells)
    return Table("json", list(columns), iter(rows), encoding, problems, is_open_ended=True)


def _is_one_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _records_in(source: Source, document: object) -> list[object]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise CatalogueError(f"`{source.name}` holds one JSON value, expected a list of records")
    level: dict[str, object] = document
    prefix: dict[str, object] = {"": document}
    for _ in range(_MAX_DEPTH):
        lists = {
            f"{path}.{key}".lstrip("."): value
            for path, inner in prefix.items()
            if isinstance(inner, dict)
            for key, value in inner.items()
            if isinstance(value, list) and any(isinstance(item, dict) for item in value)
        }
        if len(lists) > 1:
            raise CatalogueError(
                f"`{source.name}` holds several lists of records: {', '.join(f'`{key}`' for key in lists)}",
                hint="leave only the list of courses in the file",
            )
        if lists:
            key, found = lists.popitem()
            if prefix.keys() == {""} and _is_record(level, key):
                return [document]
            assert isinstance(found, list)
            return found
        prefix = {
            f"{path}.{key}".lstrip("."): value
            for path, inner in prefix.items()
            if isinstance(inner, dict)
            for key, value in inner.items()
            if isinstance(value, dict)
        }
    if document and all(not isinstance(value, dict) for value in document.values()) and "title" in document:
        return [document]
    found_keys = ", ".join(f"`{key}`" for key in list(document)[:12])
    what = f"found the keys {found_keys}" if document else "the object is empty"
    raise CatalogueError(
        f"`{source.name}` holds no list of records; {what}",
        hint="a catalogue is a list of objects, one for each course",
    )


def _is_record(document: dict[str, object], key: str) -> bool:
    """One record in the product's own form: its list is its outcomes."""
    return key == "outcomes" and ("title" in document or "id" in document)
