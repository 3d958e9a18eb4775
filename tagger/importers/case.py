"""CASE 1.0 and 1.1: a CFPackage in JSON, with its document, items and associations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tagger.errors import TaxonomyError
from tagger.importers.source import File, Imported, clean, read_text, unique_concepts
from tagger.taxonomy import Concept

__all__ = ["detect", "read"]


def detect(files: Sequence[File]) -> bool:
    """Say whether this is one JSON file with a ``CFDocument``."""
    return len(files) == 1 and files[0].ending == ".json" and '"CFDocument"' in read_text(files[0])


def read(files: Sequence[File], *, language: str | None = None) -> Imported:
    """Read a package. Items that have others below them are groups; the rest are concepts.

    Raises
    ------
    TaxonomyError
        If it is not a CFPackage: names the key or the number of the item.
    """
    file = files[0]
    try:
        package = json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise TaxonomyError(f"`{file.name}`: not JSON ({error})", hint="get the package again") from error
    document = _table(file, package, "CFDocument")
    items = _list(file, package, "CFItems")
    ids: dict[str, str] = {}
    for n, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise TaxonomyError(f"`{file.name}`, `CFItems` {n}: is not an object")
        identifier = _text(item, "identifier")
        ids[identifier] = _text(item, "uri") or (f"urn:uuid:{identifier}" if identifier else "")
    above: dict[str, list[str]] = {}
    for n, link in enumerate(_list(file, package, "CFAssociations", optional=True), start=1):
        if not isinstance(link, dict):
            raise TaxonomyError(f"`{file.name}`, `CFAssociations` {n}: is not an object")
        if link.get("associationType") == "isChildOf":
            child, parent = _end(link, "originNode"), _end(link, "destinationNode")
            if child in ids and parent in ids:  # else: a child of the document itself, or of another framework
                above.setdefault(child, []).append(parent)
    parents = {p for over in above.values() for p in over}
    left_out: list[str] = []
    found = []
    for n, item in enumerate(items, start=1):
        identifier = _text(item, "identifier")
        found.append((f"`{file.name}`, `CFItems` {n}", _concept(item, ids, above.get(identifier, ()))))
    concepts = unique_concepts(found, left_out)
    group_ids = {ids[p] for p in parents}
    facts = {
        "title": _text(document, "title"),
        "version": _text(document, "version") or _text(document, "lastChangeDateTime")[:10],
        "licence": _licence(document),
        "attribution": _text(document, "creator") or _text(document, "publisher"),
        "source": _text(document, "officialSourceURL") or _text(document, "uri"),
        "language": (language or _text(document, "language") or "en").lower().partition("-")[0],
    }
    return Imported(
        tuple(c for c in concepts if c.id not in group_ids),
        tuple(c for c in concepts if c.id in group_ids),
        {k: v for k, v in facts.items() if v},
        tuple(left_out),
    )


def _concept(item: Mapping[str, Any], ids: Mapping[str, str], over: Sequence[str]) -> Concept:
    full, short = _text(item, "fullStatement"), _text(item, "abbreviatedStatement")
    keywords = item.get("conceptKeywords") or []
    alts = [clean(k) for k in keywords if isinstance(k, str)] if isinstance(keywords, list) else []
    label = short or full
    described = " ".join(t for t in (full if short and full != short else "", _text(item, "notes")) if t)
    return Concept(
        ids[_text(item, "identifier")],
        label,
        tuple(dict.fromkeys(a for a in alts if a and a != label)),
        described or None,
        tuple(dict.fromkeys(ids[p] for p in over)),
        type=_text(item, "CFItemType") or None,
        notation=_text(item, "humanCodingScheme") or None,
    )


def _end(link: Mapping[str, Any], name: str) -> str:
    """Return the identifier at one end: CASE 1.0 and 1.1 write an object; older exports a bare URI or identifier."""
    end = link.get(f"{name}URI") or link.get(f"{name}Identifier") or ""
    if isinstance(end, dict):
        return str(end.get("identifier") or "").strip() or str(end.get("uri", "")).rpartition("/")[2]
    return str(end).rpartition("/")[2]


def _licence(document: Mapping[str, Any]) -> str:
    licence = document.get("licenseURI")
    return clean(str(licence.get("title") or licence.get("uri") or "")) if isinstance(licence, dict) else ""


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return clean(value) if isinstance(value, str) else ""


def _table(file: File, package: Any, key: str) -> dict[str, Any]:
    value = package.get(key) if isinstance(package, dict) else None
    if not isinstance(value, dict):
        raise TaxonomyError(f"`{file.name}`: no object `{key}`, expected a CASE CFPackage")
    return value


def _list(file: File, package: Mapping[str, Any], key: str, *, optional: bool = False) -> list[Any]:
    value = package.get(key, [] if optional else None)
    if not isinstance(value, list):
        raise TaxonomyError(f"`{file.name}`: no list `{key}`, expected a CASE CFPackage")
    return value
