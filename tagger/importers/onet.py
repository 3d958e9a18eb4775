"""O*NET database files (text, XLSX or CSV): skills, knowledge and abilities of the content model, detailed work activities."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tagger.errors import TaxonomyError
from tagger.importers.source import File, Imported, names_of, rows, unique_concepts
from tagger.taxonomy import Concept

__all__ = ["ATTRIBUTION", "PREFIX", "detect", "read"]

PREFIX = "https://www.onetonline.org/find/descriptor/result/"
"""Before an element id: the page of that element."""
DWA_PREFIX = "urn:outcome-tagger:onet:"
ATTRIBUTION = (
    "This includes information from the O*NET Database by the U.S. Department of Labor, Employment and Training "
    "Administration (USDOL/ETA), used under the CC BY 4.0 licence and modified. O*NET is a trademark of USDOL/ETA."
)
# Branches of the content model whose leaves can be learnt, and what they are called. The other branches describe
# people and jobs: interests, work styles, values, context, experience.
_KINDS = (("1.A.", "ability"), ("2.A.", "skill"), ("2.B.", "skill"), ("2.C.", "knowledge"))
_ELEMENT = re.compile(r"\d(\.[A-Za-z0-9]+)*")


def detect(files: Sequence[File]) -> bool:
    """Say whether these are O*NET tables: elements with ids, or activities with theirs."""
    return any(_is_elements(n) or _is_activities(n) for n in map(names_of, files))


def _is_elements(names: Sequence[str]) -> bool:
    return "Element ID" in names and "Element Name" in names


def _is_activities(names: Sequence[str]) -> bool:
    return "DWA ID" in names and "DWA Title" in names and "O*NET-SOC Code" not in names


def _kind(element: str) -> str | None:
    return next((kind for prefix, kind in _KINDS if element.startswith(prefix)), None)


def read(files: Sequence[File], *, language: str | None = None) -> Imported:
    """Read the tables that are there. Leaves of the content model are concepts; what stands above them are groups.

    Raises
    ------
    TaxonomyError
        If the tables hold neither skills, knowledge, abilities nor detailed work activities.
    """
    if language and language.lower().partition("-")[0] != "en":
        raise TaxonomyError(f"`--language {language}`: O*NET is in English")
    names: dict[str, str] = {}
    described: dict[str, str] = {}
    activities: list[tuple[str, Concept]] = []
    intermediate: dict[str, Concept] = {}
    left_out: list[str] = []
    for file in files:
        columns = names_of(file)
        if _is_activities(columns):
            for row in rows(file, ("Element ID", "DWA ID", "DWA Title")):
                over = row.get("IWA ID") or row.get("Element ID")
                if row.get("IWA ID") and row.get("IWA Title"):
                    intermediate.setdefault(over, _activity(over, row.get("IWA Title"), row.get("Element ID")))
                where = f"`{file.name}`, row {row.number}"
                activities.append((where, _activity(row.get("DWA ID"), row.get("DWA Title"), over)))
        elif "IWA ID" in columns and "IWA Title" in columns and "O*NET-SOC Code" not in columns:
            for row in rows(file, ("Element ID", "IWA ID", "IWA Title")):
                intermediate[row.get("IWA ID")] = _activity(
                    row.get("IWA ID"), row.get("IWA Title"), row.get("Element ID")
                )
        if _is_elements(columns):
            for row in rows(file, ("Element ID", "Element Name")):
                element = row.get("Element ID")
                if not _ELEMENT.fullmatch(element):
                    left_out.append(
                        f"`{file.name}`, row {row.number}, column `Element ID`: `{element}` is no element id"
                    )
                    continue
                names.setdefault(element, row.get("Element Name"))
                if row.get("Description") and "O*NET-SOC Code" not in columns:
                    described[element] = row.get("Description")
    parents = {e.rpartition(".")[0] for e in names if "." in e}
    leaves = [e for e in names if _kind(e) and e not in parents]
    concepts = unique_concepts(
        [(f"element {e}", _element(e, names, described, _kind(e))) for e in sorted(leaves)] + activities, left_out
    )
    if not concepts:
        raise TaxonomyError(
            "no skill, knowledge, ability or detailed work activity in these tables",
            hint="`Content Model Reference` and `DWA Reference` of the O*NET database have them",
        )
    groups = _above(concepts, names, intermediate)
    ids = {c.id for c in (*concepts, *groups)}
    facts = {
        "id": "onet" if leaves else "onet-dwa",
        "title": "O*NET content model: skills, knowledge, abilities" + (", work activities" if activities else ""),
        "licence": "CC BY 4.0",
        "attribution": ATTRIBUTION,
        "source": "O*NET database (onetcenter.org)",
        "language": "en",
    }
    if not leaves:
        facts["title"] = "O*NET detailed work activities"
    if version := _version(files):
        facts["version"] = version
    n_other = len(names) - len(leaves) - sum(g.id.startswith(PREFIX) for g in groups)
    if n_other > 0 and leaves:
        left_out.append(f"{n_other} elements of the content model that are no skill, knowledge or ability")
    return Imported(tuple(concepts), tuple(_within(g, ids) for g in groups), facts, tuple(left_out))


def _within(group: Concept, ids: set[str]) -> Concept:
    from dataclasses import replace

    return replace(group, broader=tuple(b for b in group.broader if b in ids))


def _element(element: str, names: dict[str, str], described: dict[str, str], kind: str | None) -> Concept:
    over = element.rpartition(".")[0]
    return Concept(
        PREFIX + element,
        names[element],
        description=described.get(element),
        broader=(PREFIX + over,) if over in names else (),
        type=kind,
        notation=element,
    )


def _activity(code: str, title: str, over: str) -> Concept:
    # Titles are sentences; a label has no full stop.
    above = () if not over else (DWA_PREFIX + over if ".I" in over else PREFIX + over,)
    iri = DWA_PREFIX + code if code else ""
    return Concept(iri, title.rstrip("."), broader=above, type="activity", notation=code or None)


def _above(concepts: Sequence[Concept], names: dict[str, str], intermediate: dict[str, Concept]) -> list[Concept]:
    """Return what stands above the concepts, nearest first, then what stands above that."""
    groups: dict[str, Concept] = {}
    waiting = [b for c in concepts for b in c.broader]
    while waiting:
        iri = waiting.pop()
        code = iri.removeprefix(PREFIX).removeprefix(DWA_PREFIX)
        if iri in groups:
            continue
        if code in intermediate:
            groups[iri] = intermediate[code]
        elif code in names:
            groups[iri] = _element(code, names, {}, None)
        else:  # the reference table is not in the source: a group with its code for a name
            groups[iri] = Concept(iri, code, notation=code)
        waiting += groups[iri].broader
    return sorted(groups.values(), key=lambda g: g.notation or "")


def _version(files: Sequence[File]) -> str:
    for file in files:
        if match := re.search(r"(?:db|onet|o\*net)[ _-]?v?(\d{2}[._]\d)", f"{file.path} {file.name}", re.IGNORECASE):
            return match[1].replace("_", ".")
    return ""
