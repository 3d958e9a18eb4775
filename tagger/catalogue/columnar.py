"""Parquet, a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tagger.catalogue.jsonlines import flatten, own_record
from tagger.catalogue.source import Source
from tagger.catalogue.table import Row, Table, unique_names
from tagger.errors import CatalogueError

__all__ = ["open_table"]

_N_BATCH = 512


def open_table(source: Source, format: str, wanted: frozenset[str]) -> Table:
    """Open a Parquet file; rows count from 1.

    Raises
    ------
    CatalogueError
        The file is damaged, encrypted, without rows, or standard input.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if source.path is None:
        raise CatalogueError("`-`: Parquet cannot be read from standard input", hint="save it to a file first")
    try:
        file = pq.ParquetFile(source.path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(source, error) from error
    if file.metadata.num_rows == 0:
        file.close()
        raise CatalogueError(f"`{source.name}` has columns but no rows")
    names, _ = unique_names(file.schema_arrow.names)
    rows = _rows(source, file, names, pa.ArrowException)
    table = Table("parquet", names, rows)
    if any(pa.types.is_struct(kind) for kind in file.schema_arrow.types):
        table.columns = [
            name
            for field, column in zip(names, file.schema_arrow, strict=True)
            for name in _flat_names(field, column.type)
        ]
    table.close = file.close
    return table


def _flat_names(name: str, kind: Any, depth: int = 3) -> Iterator[str]:
    import pyarrow as pa

    if pa.types.is_struct(kind) and kind.num_fields and depth:
        for inner in kind:
            yield from _flat_names(f"{name}.{inner.name}", inner.type, depth - 1)
    else:
        yield name


def _rows(source: Source, file: Any, names: list[str], failure: type[Exception]) -> Iterator[Row]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_N_BATCH):
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                number += 1
                cells: dict[str, object] = dict(zip(names, map(_plain, values), strict=True))
                yield Row(number, flatten(cells), record=own_record(cells))
    except (failure, OSError, ValueError) as error:
        raise _unreadable(source, error, after=number) from error


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _unreadable(source: Source, error: Exception, after: int | None = None) -> CatalogueError:
    where = f" after row {after}" if after else ""
    reason = str(error).split("\n", 1)[0][:200]
    return CatalogueError(f"`{source.name}` cannot be read as Parquet{where}: {reason}", hint="write the file again")
