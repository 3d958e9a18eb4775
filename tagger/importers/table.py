"""A plain table (CSV, TSV, XLSX): one concept a row, columns recognised by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tagger.errors import TaxonomyError
from tagger.importers.source import File, Imported, clean, names_of, rows, slug, unique_concepts
from tagger.taxonomy import Concept

__all__ = ["COLUMNS", "detect", "read"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "iri", "uri", "url", "concepturi", "identifier", "canonicalurl"),
    "label": (
        "label",
        "preflabel",
        "preferredlabel",
        "name",
        "title",
        "skill",
        "skillname",
        "competence",
        "competency",
        "rsdname",
        "term",
    ),
    "alt_labels": (
        "altlabels",
        "altlabel",
        "aliases",
        "alias",
        "synonyms",
        "keywords",
        "alternativelabels",
    ),
    "description": ("description", "definition", "text", "skillstatement", "statement", "scopenote"),
    "broader": ("broader", "parent", "broaderuri", "broaderuris", "area", "category", "group", "domain"),
    "type": ("type", "skilltype", "kind"),
    "notation": ("notation", "code", "number", "codingscheme"),
    "level": ("level",),
    "reuse_level": ("reuselevel",),
}
"""Names by which a column is recognised, case and punctuation aside; the first that is there is taken."""


def detect(files: Sequence[File]) -> bool:
    """Say whether this is one table with a column that names its concepts."""
    return len(files) == 1 and "label" in _columns(names_of(files[0]))


def _columns(names: Sequence[str]) -> dict[str, str]:
    folded = {re.sub(r"[^a-z]", "", n.lower()): n for n in reversed(names)}
    found = {}
    for key, known in COLUMNS.items():
        if match := next((folded[k] for k in known if k in folded), None):
            found[key] = match
    return found


def read(files: Sequence[File], *, language: str | None = None) -> Imported:
    """Read the table.

    A concept without an id gets one from its code or label. A broader concept may be given by id, code or label; what is
    none of these in the table becomes a group of that name. Several values in a cell are separated by ``|``, ``;`` or lines.

    Raises
    ------
    TaxonomyError
        If no column names the concepts, or a level is no whole number: names file, row and column.
    """
    [file] = files[:1]
    names = names_of(file)
    column = _columns(names)
    if "label" not in column:
        raise TaxonomyError(
            f"`{file.name}`, row 1: no column for the label of a concept; the columns are {', '.join(names) or 'none'}",
            hint="name one of them `label`",
        )
    base = f"urn:outcome-tagger:{slug(file.stem)}:"
    left_out: list[str] = []
    found = []
    for row in rows(file):

        def cell(key: str, row=row) -> str:  # type: ignore[no-untyped-def]
            return row.cells.get(column[key], "") if key in column else ""

        label = clean(cell("label"))
        iri = cell("id").strip() or (base + slug(cell("notation") or label) if label else "")
        if level := cell("level").strip():
            level = level.removesuffix(".0")
            if not level.isdecimal():
                raise TaxonomyError(
                    f"`{file.name}`, row {row.number}, column `{column['level']}`: `{level}` is not a whole number",
                    hint="levels are ranks, 1 being the lowest; name the column otherwise if it holds something else",
                )
        concept = Concept(
            iri,
            label,
            tuple(a for a in dict.fromkeys(_several(cell("alt_labels"))) if a != label),
            clean(cell("description")) or None,
            tuple(dict.fromkeys(_several(cell("broader")))),
            level or None,
            clean(cell("type")) or None,
            clean(cell("notation")) or None,
            clean(cell("reuse_level")) or None,
        )
        found.append((f"`{file.name}`, row {row.number}", concept))
    concepts = unique_concepts(found, left_out)
    concepts, groups = _link(concepts, base)
    return Imported(
        tuple(concepts),
        tuple(groups),
        {"source": file.name, "language": (language or "en").lower().partition("-")[0]},
        tuple(left_out),
    )


def _several(cell: str) -> list[str]:
    separator = "|" if "|" in cell else ";" if ";" in cell else "\n"
    return [v for part in cell.split(separator) if (v := clean(part))]


def _link(concepts: list[Concept], base: str) -> tuple[list[Concept], list[Concept]]:
    """Turn what stands under broader into ids; make groups of what is no concept."""
    from dataclasses import replace

    names: dict[str, str] = {}
    for key in ("label", "notation", "id"):  # the id counts most
        for c in concepts:
            if value := getattr(c, key):
                names[value.casefold()] = c.id
    groups: dict[str, Concept] = {}
    linked = []
    for concept in concepts:
        over = []
        for name in concept.broader:
            iri = names.get(name.casefold())
            if iri is None:
                iri = name if re.match(r"[a-z]+:", name) else f"{base}group:{slug(name)}"
                groups.setdefault(iri, Concept(iri, name))
            if iri != concept.id:
                over.append(iri)
        linked.append(replace(concept, broader=tuple(dict.fromkeys(over))))
    return linked, list(groups.values())
