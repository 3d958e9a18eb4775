"""The CSV download of the ESCO portal, in any language and version: concepts, types, reuse levels, groups above."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from tagger.errors import TaxonomyError
from tagger.importers.source import File, Imported, Row, clean, names_of, rows, unique_concepts
from tagger.taxonomy import Concept

__all__ = ["detect", "read"]

_TYPES = {"skill/competence": "skill", "knowledge": "knowledge"}
_SKILLS = re.compile(r"skills_([a-z]{2,3})", re.IGNORECASE)
ATTRIBUTION = "This service uses the ESCO classification of the European Commission."


def detect(files: Sequence[File]) -> bool:
    """Say whether this is an ESCO download: a file of skills with the portal's columns."""
    return bool(_skill_files(files))


def _skill_files(files: Sequence[File]) -> dict[str, File]:
    found: dict[str, File] = {}
    for file in files:
        match = _SKILLS.fullmatch(file.stem)
        if match or file.stem == "skills":
            columns = names_of(file)
            if "conceptUri" in columns and "preferredLabel" in columns:
                found[match[1].lower() if match else "und"] = file
    if not found and len(files) == 1 and {"conceptUri", "preferredLabel", "skillType"} <= set(names_of(files[0])):
        found[_language_in(files[0].stem)] = files[0]
    return found


def _language_in(stem: str) -> str:
    match = re.search(r"[_-]([a-z]{2})$", stem)
    return match[1] if match else "und"


def read(files: Sequence[File], *, language: str | None = None) -> Imported:
    """Read the download.

    Parameters
    ----------
    files : sequence of File
    language : str or None
        Which of several languages; None where there is one.

    Raises
    ------
    TaxonomyError
        If the language is not there, or several are and none is named.
    """
    tables = _skill_files(files)
    if not tables:
        raise TaxonomyError(
            "no file with the columns `conceptUri`, `preferredLabel` and a name such as `skills_en.csv`",
            hint="give the folder or the zip of the classification's CSV download",
        )
    tag = language.lower().partition("-")[0] if language else next(iter(tables))
    if len(tables) > 1 and not language:
        raise TaxonomyError(
            f"the download is in {len(tables)} languages: {', '.join(tables)}", hint="choose one with --language"
        )
    if tag not in tables and set(tables) == {"und"}:
        tables = {tag: tables["und"]}
    if tag not in tables:
        raise TaxonomyError(f"no skills in `{language}`; the download is in {', '.join(tables)}")
    file, left_out = tables[tag], list[str]()
    groups = _groups(files, tag, left_out)
    above = _broader(files)
    found = []
    n_old = 0
    for row in rows(file, ("conceptUri", "preferredLabel")):
        if row.get("status").lower() in ("obsolete", "deprecated"):
            n_old += 1
            continue
        found.append((f"`{file.name}`, row {row.number}", _concept(row, above)))
    if n_old:
        left_out.append(f"`{file.name}`: {n_old} concepts whose status is obsolete")
    concepts = unique_concepts(found, left_out)
    ids = {c.id for c in (*concepts, *groups)}
    facts = {
        "id": "esco" if tag == "en" else f"esco-{tag}",
        "title": f"ESCO skills, competences and knowledge ({tag})",
        "version": _version(file),
        "licence": "Free reuse with attribution (Commission Decision 2011/833/EU)",
        "attribution": ATTRIBUTION,
        "source": "CSV download of the ESCO portal",
        "language": tag,
    }
    if not facts["version"]:
        del facts["version"]
    return Imported(
        tuple(_within(c, ids) for c in concepts), tuple(_within(g, ids) for g in groups), facts, tuple(left_out)
    )


def _within(concept: Concept, ids: set[str]) -> Concept:
    from dataclasses import replace

    known = tuple(b for b in concept.broader if b in ids and b != concept.id)
    return concept if known == concept.broader else replace(concept, broader=known)


def _concept(row: Row, above: dict[str, list[str]]) -> Concept:
    label = row.get("preferredLabel")
    # Labels stand one a line; hidden labels are for search and are none that people use.
    alts = [clean(a) for a in row.cells.get("altLabels", "").splitlines()]
    over = above.get(row.get("conceptUri")) or [b for b in re.split(r"[\s|,;]+", row.get("broaderUris")) if b]
    return Concept(
        row.get("conceptUri"),
        label,
        tuple(dict.fromkeys(a for a in alts if a and a != label)),
        row.get("description", "definition") or None,
        tuple(dict.fromkeys(over)),
        type=_TYPES.get(row.get("skillType")),
        reuse_level=row.get("reuseLevel") or None,
    )


def _broader(files: Sequence[File]) -> dict[str, list[str]]:
    above: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if "broaderrelationsskillpillar" in file.stem:
            for row in rows(file, ("conceptUri", "broaderUri")):
                above[row.get("conceptUri")].append(row.get("broaderUri"))
    return above


def _groups(files: Sequence[File], tag: str, left_out: list[str]) -> list[Concept]:
    above = _broader(files)
    for file in files:
        if file.stem in (f"skillgroups_{tag}", "skillgroups"):
            found = (
                (
                    f"`{file.name}`, row {row.number}",
                    Concept(
                        row.get("conceptUri"),
                        row.get("preferredLabel"),
                        description=row.get("description") or None,
                        broader=tuple(dict.fromkeys(above.get(row.get("conceptUri"), ()))),
                        notation=row.get("code") or None,
                    ),
                )
                for row in rows(file, ("conceptUri", "preferredLabel"))
            )
            return unique_concepts(found, left_out)
    return _hierarchy(files, tag)


def _hierarchy(files: Sequence[File], tag: str) -> list[Concept]:
    """Read the groups from ``skillsHierarchy_xx.csv``, where they stand four levels to a row."""
    groups: dict[str, Concept] = {}
    for file in files:
        if file.stem in (f"skillshierarchy_{tag}", "skillshierarchy"):
            for row in rows(file, ("Level 0 URI",)):
                over: str | None = None
                for level in range(4):
                    iri, label = row.get(f"Level {level} URI"), row.get(f"Level {level} preferred term")
                    if not iri or not label:
                        break
                    code = row.get(f"Level {level} code") or None
                    groups.setdefault(iri, Concept(iri, label, broader=(over,) if over else (), notation=code))
                    over = iri
    return list(groups.values())


def _version(file: File) -> str:
    """Return the version that the name of the zip or of a folder gives; "" if none."""
    match = re.search(r"v?(\d+\.\d+(?:\.\d+)?)", " ".join(file.path.parts[-3:]) + " " + file.name)
    return match[1] if match else ""
