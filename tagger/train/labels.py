"""Labelled examples: a user's own files, and corrections, brought into one form.

A file has a row for each text. Its labels stand in one column (several separated by ``;``, ``|`` or a line break, or a list), or
in a column for each concept with 1, 0, or nothing where it is not known. A concept is named by its IRI, notation or label.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from tagger.catalogue import READERS
from tagger.catalogue.names import found_column, plain_name
from tagger.catalogue.source import Source, format_of
from tagger.catalogue.table import Table, shorten
from tagger.corrections import Correction, same_text, verdicts
from tagger.encoder import FloatArray
from tagger.errors import TaggerError
from tagger.levels import to_eqf
from tagger.taxonomy import Taxonomy
from tagger.text import strip_boilerplate

__all__ = ["Example", "core", "file_sha256", "from_corrections", "judgements", "merge", "read_examples"]

NAMES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "outcome", "learning outcome", "outcome text", "learning outcomes", "outcomes", "sentence", "description"),
    "group": ("group", "course", "course id", "credential", "credential id", "module", "document"),
    "source": ("source", "dataset", "catalogue"),
    "language": ("language", "lang"),
    "framework": ("framework",),
}  # fmt: skip
"""Column names that are understood, best first; see also `LABEL_NAMES`."""
LABEL_NAMES = ("labels", "label", "concepts", "concept", "tags", "tag")
TAXONOMY_NAMES: Mapping[str, tuple[str, ...]] = {
    "sdg": ("sdg", "sdgs", "goals", "goal", "sdg goals"),
    "sdg-targets": ("targets", "target", "sdg targets"),
    "esco": ("skills", "skill", "esco"),
    "bloom": ("bloom", "bloom level", "bloom levels", "levels", "level"),
    "eqf": ("eqf", "eqf level", "level"),
}
_NOTHING = frozenset(("", "-", "–", "none", "no", "n/a", "na", "null", "not applicable", "no goal"))
_YES, _NO = frozenset(("1", "1.0", "true", "yes", "y", "x")), frozenset(("0", "0.0", "false", "no", "n"))
_PREFIX = re.compile(
    r"^(?:sdgs?|un sdg|goal|target|eqf|level|bloom)[\s:#_.-]*(?:goal|level|target)?[\s:#_.-]*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Example:
    """A text and what is known of it.

    Attributes
    ----------
    text : str
        As the tagger reads it: without learner boilerplate.
    judged : Mapping of int to float
        For each concept that was judged (by its position in the taxonomy): 1 it holds, 0 it does not; between them where a
        stated level spans several.
    is_complete : bool
        True when a concept that is not in `judged` does not hold; False when nothing is known of it.
    group : str
        Examples of a group are never on both sides of a split.
    source, language : str or None
    """

    text: str
    judged: Mapping[int, float]
    is_complete: bool
    group: str
    source: str | None = None
    language: str | None = None


def core(text: str) -> str:
    """Return the part of a text that the tagger reads."""
    start, end = strip_boilerplate(text)
    return text[start:end] if end > start else text


def file_sha256(path: str | Path) -> str:
    """Return the sha256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def judgements(examples: Sequence[Example], n_concepts: int) -> FloatArray:
    """Return float32 (n_examples, n_concepts): 1 holds, 0 does not, NaN not known."""
    matrix = np.full((len(examples), n_concepts), np.nan, dtype=np.float32)
    for row, example in zip(matrix, examples, strict=True):
        if example.is_complete:
            row[:] = 0
        for concept, value in example.judged.items():
            row[concept] = value
    return matrix


def merge(labelled: Sequence[Example], corrected: Sequence[Example]) -> list[Example]:
    """Return both; where a text is in both, the corrections overrule what the labels say of the concepts they judge.

    All examples of one text get the group of the first.
    """
    by_text = {same_text(e.text): e for e in corrected}
    found, used = [], set()
    for example in labelled:
        key = same_text(example.text)
        if (correction := by_text.get(key)) is not None:
            used.add(key)
            judged = correction.judged if correction.is_complete else {**example.judged, **correction.judged}
            example = replace(example, judged=judged, is_complete=example.is_complete or correction.is_complete)
        found.append(example)
    found += [e for key, e in by_text.items() if key not in used]
    group: dict[str, str] = {}
    return [replace(e, group=group.setdefault(same_text(e.text), e.group)) for e in found]


def from_corrections(corrections: Sequence[Correction], taxonomy: Taxonomy) -> list[Example]:
    """Return an example for each corrected text; of a concept that nobody judged, nothing is known.

    Raises
    ------
    TaxonomyError
        If a concept is not one of the taxonomy.
    """
    decided = verdicts(corrections, taxonomy.id)
    seen: dict[str, Example] = {}
    for c in corrections:
        key = same_text(c.text)
        if c.taxonomy != taxonomy.id or key in seen:
            continue
        judged = {taxonomy.index(iri): float(holds) for iri, holds in decided.by_text.get(key, {}).items()}
        is_complete = key in decided.none
        if judged or is_complete:
            seen[key] = Example(core(c.text), judged, is_complete, c.credential or key, "corrections")
    return list(seen.values())


def read_examples(
    path: str | Path,
    taxonomy: Taxonomy,
    *,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    is_partial: bool = False,
    sheet: str | None = None,
) -> list[Example]:
    """Read a file of labelled texts (CSV, TSV, XLSX, JSONL, JSON or Parquet).

    Parameters
    ----------
    path : str or Path
    taxonomy : Taxonomy
    mapping : mapping or None
        Column for each of ``text``, ``labels``, ``group``, ``source``, ``language``, ``framework`` that the name does not tell.
    is_partial : bool
        False: a concept that a row does not name does not hold. True: nothing is known of it.
    sheet : str or None
        Sheet of a workbook.

    Raises
    ------
    TaggerError
        If a column is missing (says which were expected and which found), or a label is no concept of the taxonomy (says
        the row).
    """
    table = _open(path, sheet)
    try:
        columns = _Columns.of(str(path), table.columns, taxonomy, mapping or {})
        return list(_rows(path, table, columns, taxonomy, is_partial))
    finally:
        table.close()


@dataclass(frozen=True, slots=True)
class _Columns:
    text: str
    labels: str | None
    wide: Mapping[str, int]
    other: Mapping[str, str]

    @classmethod
    def of(
        cls, name: str, columns: Sequence[str], taxonomy: Taxonomy, mapping: Mapping[str, str | Sequence[str]]
    ) -> _Columns:
        label_names = (*TAXONOMY_NAMES.get(taxonomy.id, ()), plain_name(taxonomy.id), *LABEL_NAMES)
        names = {**NAMES, "labels": label_names}
        chosen: dict[str, str] = {}
        for field, asked in mapping.items():
            if field not in names:
                raise TaggerError(f"`--map {field}=…`: unknown field, expected one of {', '.join(sorted(names))}")
            [asked] = [asked] if isinstance(asked, str) else asked
            column = found_column(asked, columns)
            if column is None:
                raise TaggerError(f"`{name}`: no column `{asked}` for {field}; found {_listed(columns)}")
            chosen[field] = column
        for field, known in names.items():
            free = [c for c in columns if c not in chosen.values()]
            plain = {plain_name(c): c for c in reversed(free)}
            if field not in chosen and (found := next((plain[n] for n in known if n in plain), None)) is not None:
                chosen[field] = found
        wide: dict[str, int] = {}
        if "labels" not in chosen:
            wide = {c: i for c in columns if c not in chosen.values() and (i := concept_index(taxonomy, c)) is not None}
        for field in ("text", "labels"):
            if field not in chosen and not (field == "labels" and len(wide) >= 2):
                also = ", or a column for each concept" if field == "labels" else ""
                raise TaggerError(
                    f"`{name}`: no column for {field}; expected one of {_listed(names[field])}{also}; found "
                    f"{_listed(columns)}",
                    hint=f"name it, as in --map {field}=COLUMN",
                )
        other = {f: c for f, c in chosen.items() if f not in ("text", "labels")}
        return cls(chosen["text"], chosen.get("labels"), wide, other)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names[:30]) + (", …" if len(names) > 30 else "")


def _open(path: str | Path, sheet: str | None) -> Table:
    import importlib

    source = Source.of(path)
    format_, _ = format_of(source)
    module, _, name = READERS[format_].partition(":")
    wanted = frozenset({"text", "labels"})
    options: dict[str, Any] = {} if sheet is None else {"sheet": sheet}
    if options and format_ != "xlsx":
        raise TaggerError(f"`{path}` is {format_.upper()}, which has no sheets", hint="leave --sheet out")
    table = cast(Table, getattr(importlib.import_module(module), name)(source, format_, wanted, **options))
    if table.is_open_ended:  # JSON Lines: which columns there are is known only after the last row
        rows = list(table.rows)
        table.columns = list(dict.fromkeys([*table.columns, *(name for row in rows for name in row.cells)]))
        table.rows = iter(rows)
    return table


def _rows(path: str | Path, table: Table, columns: _Columns, taxonomy: Taxonomy, is_partial: bool) -> Iterator[Example]:
    stem = Path(path).stem
    for row in table.rows:
        if row.problems:
            raise TaggerError(row.problems[0].render(), hint="every row of labels has to be read; correct the file")
        text = " ".join(str(row.cells.get(columns.text) or "").split())
        if not text:
            continue

        def other(field: str, cells: Mapping[str, object] = row.cells) -> str | None:
            value = cells.get(columns.other.get(field, ""))
            return str(value).strip() or None if value is not None else None

        judged: dict[int, float] = {}
        is_complete = not is_partial
        column: str | None = columns.labels
        try:
            if column is not None:
                judged = _judged(taxonomy, row.cells.get(column), other("framework"))
            else:
                for column, i in columns.wide.items():
                    value = str(row.cells.get(column) if row.cells.get(column) is not None else "").strip().lower()
                    if value in _YES or value in _NO:
                        judged[i] = float(value in _YES)
                    elif value:
                        raise ValueError(f"`{shorten(value)}`, expected 1, 0 or nothing")
                is_complete = False
        except ValueError as error:
            raise TaggerError(
                f"`{path}`, row {row.number}, column `{column}`: {error}",
                hint=f"a concept is named by its id, notation or label, as in `{_example(taxonomy)}`",
            ) from None
        if judged or is_complete:
            read = core(text)
            group = other("group") or same_text(read)
            yield Example(read, judged, is_complete, group, other("source") or stem, other("language"))


def _example(taxonomy: Taxonomy) -> str:
    concept = taxonomy.concepts[0]
    return concept.notation or concept.label


def _judged(taxonomy: Taxonomy, cell: object, framework: str | None) -> dict[int, float]:
    if taxonomy.id == "eqf" and cell is not None and str(cell).strip():
        found = to_eqf(
            framework or ("EQF" if re.fullmatch(r"[1-8](?:\.0)?", str(cell).strip()) else None), _number(cell)
        )
        if found is not None:
            return {taxonomy.index(c.id): 1 / len(found[0]) for c in taxonomy.concepts if int(c.level or 0) in found[0]}
    names = [_number(x) for x in cell] if isinstance(cell, list | tuple) else _split(taxonomy, _number(cell))
    judged = {}
    for name in names:
        if name.casefold() in _NOTHING:
            continue
        position = concept_index(taxonomy, name)
        if position is None:
            raise ValueError(f"`{shorten(name)}` is no concept of taxonomy `{taxonomy.id}` {taxonomy.version}")
        judged[position] = 1.0
    if taxonomy.id == "eqf" and len(judged) > 1:
        judged = dict.fromkeys(judged, 1 / len(judged))
    return judged


def _number(cell: object) -> str:
    text = "" if cell is None else str(cell).strip()
    return text.removesuffix(".0") if isinstance(cell, float) else text


def _split(taxonomy: Taxonomy, cell: str) -> list[str]:
    names = [name.strip() for name in re.split(r"[;|\n]", cell)]
    if len(names) == 1 and "," in cell and concept_index(taxonomy, cell) is None:
        names = [name.strip() for name in cell.split(",")]
    return [name for name in names if name]


def concept_index(taxonomy: Taxonomy, name: str) -> int | None:
    """Return the position of the concept with this IRI, notation, label or single alternative label; None if there is none.

    Examples
    --------
    >>> from tagger.taxonomy import load_taxonomy
    >>> [concept_index(load_taxonomy("sdg"), n) for n in ("6", "SDG 6", "Goal 6", "Clean water and sanitation", "18")]
    [5, 5, 5, 5, None]
    >>> concept_index(load_taxonomy("bloom"), "analyze")
    3
    """
    tries = [name, _PREFIX.sub("", name), name.removesuffix(".0"), name.replace("lyz", "lys")]
    for tried in tries:
        if tried and (concept := taxonomy.get(tried)) is not None:
            return taxonomy.index(concept.id)
    same = [i for i, c in enumerate(taxonomy.concepts) if name.casefold() in map(str.casefold, c.alt_labels)]
    return same[0] if len(same) == 1 else None
