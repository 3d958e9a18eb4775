"""Importers: other people's taxonomies to folders of ours. One module for each kind of source, all in the table `SOURCES`."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import itertools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tagger.errors import TaxonomyError
from tagger.importers import case, esco, onet, skos, table
from tagger.importers.source import Imported, files_of, slug
from tagger.taxonomy import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Concept, Taxonomy, load_taxonomy

__all__ = ["SOURCES", "Imported", "import_taxonomy", "read_source", "write_taxonomy"]

SOURCES: dict[str, ModuleType] = {"esco": esco, "onet": onet, "case": case, "skos": skos, "csv": table}
"""Kinds of source by name, in the order in which they are tried; each has ``detect(files)`` and ``read(files, language=)``."""

_FACTS = ("id", "title", "version", "licence", "attribution", "source", "language")


def read_source(source: str | Path, *, kind: str | None = None, language: str | None = None) -> Imported:
    """Read a taxonomy from a file, a folder or a zip.

    Parameters
    ----------
    source : str or Path
    kind : str or None
        A key of `SOURCES`; None to find out.
    language : str or None
        Of the labels, where the source has several.

    Raises
    ------
    TaxonomyError
        If there is no such source, its kind is not known, or it is not what it should be: names file, row and column.
    """
    if kind is not None and kind not in SOURCES:
        raise TaxonomyError(f"`{kind}`: no kind of source; expected one of {', '.join(SOURCES)}")
    files = files_of(source)
    if kind is None:
        kind = next((name for name, module in SOURCES.items() if module.detect(files)), None)
    if kind is None:
        seen = ", ".join(f.name for f in files[:5]) + (" …" if len(files) > 5 else "")
        raise TaxonomyError(
            f"`{source}`: not recognised as ESCO, O*NET, CASE, SKOS or a table with a column `label` ({seen})",
            hint="name the kind with --kind, or give a table with the columns id, label, description",
        )
    found: Imported = SOURCES[kind].read(files, language=language)
    if not found.concepts:
        told = f"; {found.left_out[0]}" if found.left_out else ""
        raise TaxonomyError(f"`{source}`: no concept in it{told}")
    return found


def write_taxonomy(imported: Imported, folder: str | Path, **facts: str | None) -> Taxonomy:
    """Write ``taxonomy.toml``, ``concepts.csv`` and, where there are groups, ``groups.csv``; return what was written.

    Parameters
    ----------
    imported : Imported
    folder : str or Path
        Made if missing. A taxonomy that is there already is replaced; anything else in it is left alone.
    **facts
        Any of id, title, version, licence, attribution, source, language: over what the source says of itself.

    Raises
    ------
    TaxonomyError
        If the folder holds something that is no taxonomy, or an id or language is no such thing.
    """
    path = Path(folder)
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / "taxonomy.toml").is_file())):
        raise TaxonomyError(f"`{folder}`: exists and is no taxonomy folder", hint="give a new folder, or an empty one")
    said = imported.facts | {k: v for k, v in facts.items() if v}
    said = {"id": slug(path.name), "title": path.name, "version": "unknown", "licence": "unknown"} | said
    said.setdefault("source", "unknown")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", said["id"]):
        raise TaxonomyError(f"`{said['id']}`: not a taxonomy id, expected letters, digits, `-`, `.`, `_`")
    if not re.fullmatch(r"[a-z]{2,3}|und", said.get("language", "en")):
        raise TaxonomyError(f"`{said['language']}`: not a language, expected a tag such as `en`")
    ordered = all(c.level for c in imported.concepts) and _rises([int(c.level or 0) for c in imported.concepts])
    path.mkdir(parents=True, exist_ok=True)
    concepts = _csv(imported.concepts)
    lines = [f"{key} = {json.dumps(said[key], ensure_ascii=False)}" for key in _FACTS if key in said]
    lines += [
        f"retrieved = {datetime.date.today().isoformat()}",
        f"ordered = {str(ordered).lower()}",
        f'sha256 = "{hashlib.sha256(concepts).hexdigest()}"',
    ]
    (path / "concepts.csv").write_bytes(concepts)
    if imported.groups:
        (path / "groups.csv").write_bytes(_csv(imported.groups))
    else:
        (path / "groups.csv").unlink(missing_ok=True)
    (path / "taxonomy.toml").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return load_taxonomy(path)


def import_taxonomy(
    source: str | Path,
    folder: str | Path,
    *,
    kind: str | None = None,
    language: str | None = None,
    say: Callable[[str], Any] = lambda _: None,
    **facts: str | None,
) -> Taxonomy:
    """Read a source and write its folder; `say` is told what was found and what was left out.

    Parameters
    ----------
    source, kind, language
        See `read_source`.
    folder, **facts
        See `write_taxonomy`.
    say : callable
        Takes one line at a time.
    """
    imported = read_source(source, kind=kind, language=language)
    n_groups = f", {len(imported.groups):,} groups above them" if imported.groups else ""
    say(f"read {len(imported.concepts):,} concepts{n_groups}")
    for line in imported.left_out[:10]:
        say(f"left out: {line}")
    if len(imported.left_out) > 10:
        say(f"left out: {len(imported.left_out) - 10:,} more")
    taxonomy = write_taxonomy(imported, folder, language=language and language.lower().partition("-")[0], **facts)
    if taxonomy.version == "unknown":
        say("the source does not tell its version; give it with --version, so that tags can name it")
    return taxonomy


def _rises(ranks: Sequence[int]) -> bool:
    return all(a < b for a, b in itertools.pairwise(ranks))


def _csv(concepts: Sequence[Concept]) -> bytes:
    optional = [c for c in OPTIONAL_COLUMNS if any(getattr(concept, c) for concept in concepts)]
    columns = (*REQUIRED_COLUMNS, *optional)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for concept in concepts:
        cells = (getattr(concept, c) for c in columns)
        writer.writerow(["|".join(c) if isinstance(c, tuple) else c or "" for c in cells])
    return out.getvalue().encode()
