"""Concepts that a later version of a taxonomy no longer has: what took their place, and old records brought up to date.

``retired.csv`` in a taxonomy's folder has a row for each: `id,label,successor,how`. `how` says why the successor is thought to
be one: ``label`` (it has that very label), ``alternative label`` (it has it as an alternative), or ``nearest`` (no label is
equal; it is the nearest by meaning, which is a guess). Both are empty where there is none.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagger.errors import TaxonomyError
from tagger.taxonomy import Taxonomy

__all__ = ["HOW", "Migration", "Successor", "migrate_file", "migrate_record", "retired_concepts"]

HOW = ("label", "alternative label", "nearest")


@dataclass(frozen=True, slots=True)
class Successor:
    """What became of a retired concept.

    Attributes
    ----------
    id, label : str
        Of the retired concept.
    successor : str or None
        Id of the concept of the current version that takes its place; None if none is known.
    how : str or None
        One of `HOW`.
    """

    id: str
    label: str
    successor: str | None
    how: str | None


@dataclass(slots=True)
class Migration:
    """What was changed in a file.

    Attributes
    ----------
    changed : Counter of str
        How often a concept was replaced, by `Successor.how`.
    lost : dict of str to Successor
        Retired concepts that were found and have no successor that is accepted; they stay as they are.
    """

    changed: Counter[str] = field(default_factory=Counter)
    lost: dict[str, Successor] = field(default_factory=dict)


def retired_concepts(taxonomy: Taxonomy) -> dict[str, Successor]:
    """Return the retired concepts of earlier versions by id; empty for a taxonomy that lists none.

    Raises
    ------
    TaxonomyError
        If ``retired.csv`` is not what it should be: names row and column.

    Examples
    --------
    >>> from tagger.taxonomy import load_taxonomy
    >>> retired = retired_concepts(load_taxonomy("esco"))
    >>> any(found.how == "label" or found.how == "alternative label" for found in retired.values())
    True
    """
    path = taxonomy.path / "retired.csv"
    if not path.is_file():
        return {}
    found: dict[str, Successor] = {}
    current = {c.id for c in taxonomy.concepts}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            old = (row.get("id") or "").strip()
            successor, how = (row.get("successor") or "").strip() or None, (row.get("how") or "").strip() or None
            where = f"`{path.name}`, row {number}"
            if not old or not (row.get("label") or "").strip():
                raise TaxonomyError(f"{where}: id or label is empty")
            if successor is not None and successor not in current:
                raise TaxonomyError(f"{where}, column `successor`: `{successor}` is no concept of `{taxonomy.id}`")
            if (successor is None) != (how is None) or (how is not None and how not in HOW):
                raise TaxonomyError(
                    f"{where}, column `how`: `{how}`, expected one of {', '.join(HOW)} with a successor"
                )
            found[old] = Successor(old, row["label"].strip(), successor, how)
    return found


def migrate_record(
    record: Any, taxonomy: Taxonomy, retired: Mapping[str, Successor], done: Migration, *, guesses: bool = False
) -> Any:
    """Return a record with its retired concepts replaced, wherever an object has a ``concept``; count what was done.

    A changed object gets ``migrated``: the old id, the old version where it had one, and how the successor was found; its
    label and version become those of the current concept.

    Parameters
    ----------
    record : JSON value
    taxonomy : Taxonomy
    retired : mapping of str to Successor
    done : Migration
        Added to.
    guesses : bool
        Take successors that are only the nearest by meaning, too.
    """
    if isinstance(record, list):
        return [migrate_record(inner, taxonomy, retired, done, guesses=guesses) for inner in record]
    if not isinstance(record, dict):
        return record
    plain = {k: migrate_record(v, taxonomy, retired, done, guesses=guesses) for k, v in record.items()}
    old = plain.get("concept")
    if not isinstance(old, str) or old not in retired:
        return plain
    found = _accepted(retired[old], done, guesses)
    if found is None:
        return plain
    concept = taxonomy.concepts[taxonomy.index(found)]
    note = {"from": old, "how": retired[old].how, "version": plain.get("version")}
    plain["concept"] = concept.id
    if "label" in plain:
        note["label"], plain["label"] = plain["label"], concept.label
    if "version" in plain:
        plain["version"] = taxonomy.version
    if "decision" in plain:  # a correction knows no further keys, but a source that takes any
        return plain | {"source": dict(plain.get("source") or {}) | {"migrated": note}}
    return plain | {"migrated": note}


def _accepted(found: Successor, done: Migration, guesses: bool) -> str | None:
    if found.successor is None or (found.how == "nearest" and not guesses):
        done.lost[found.id] = found
        return None
    done.changed[str(found.how)] += 1
    return found.successor


def migrate_file(source: str | Path, target: str | Path, taxonomy: Taxonomy, *, guesses: bool = False) -> Migration:
    """Bring a file up to date: tagged records or corrections (JSONL), or a table (CSV, TSV) with ids in its cells.

    In a table a cell's ids are replaced, and a column ``migrated`` is added that says what was.

    Parameters
    ----------
    source, target : str or Path
    taxonomy : Taxonomy
        The current version.
    guesses : bool
        See `migrate_record`.

    Raises
    ------
    TaxonomyError
        If the file cannot be read: names the row.
    """
    retired, done = retired_concepts(taxonomy), Migration()
    path = Path(source)
    if path.resolve() == Path(target).resolve():
        raise TaxonomyError(f"`{target}`: is the file itself", hint="write to another one")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"`{source}`: not UTF-8", hint="save it as UTF-8") from error
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        lines = _json_lines(path, text, taxonomy, retired, done, guesses)
        Path(target).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    elif path.suffix.lower() in (".csv", ".tsv"):
        _table(path, text, Path(target), retired, done, guesses)
    else:
        raise TaxonomyError(f"`{source}`: expected .jsonl, .json, .csv or .tsv")
    return done


def _json_lines(
    path: Path,
    text: str,
    taxonomy: Taxonomy,
    retired: Mapping[str, Successor],
    done: Migration,
    guesses: bool,
) -> Iterator[str]:
    parts = [text] if path.suffix.lower() == ".json" else text.splitlines()
    for number, part in enumerate(parts, start=1):
        if not part.strip():
            continue
        try:
            record = json.loads(part)
        except json.JSONDecodeError as error:
            raise TaxonomyError(f"`{path}`, row {number}: not JSON ({error})") from error
        yield json.dumps(migrate_record(record, taxonomy, retired, done, guesses=guesses), ensure_ascii=False)


def _table(
    path: Path, text: str, target: Path, retired: Mapping[str, Successor], done: Migration, guesses: bool
) -> None:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = list(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        for number, row in enumerate(rows):
            notes = []
            for i, cell in enumerate(row):
                for old in [r for r in retired if r in cell] if "://" in cell else []:
                    if (new := _accepted(retired[old], done, guesses)) is not None:
                        row[i] = row[i].replace(old, new)
                        notes.append(f"{old} ({retired[old].how})")
            writer.writerow([*row, "migrated" if number == 0 else "; ".join(notes)])
