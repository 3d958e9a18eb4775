"""Corrections: what people decided about tags, one decision a line of JSONL.

A change of one concept to another is two lines, a rejection and an addition. The keys of a line are the attributes of
`Correction`, always all of them and always in the same order; unknown keys are refused, so that a misspelt one is not lost.
"""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tagger.errors import TaggerError

__all__ = ["DECISIONS", "Correction", "Verdicts", "read_corrections", "same_text", "verdicts", "write_corrections"]

DECISIONS = ("accept", "reject", "add")
_REQUIRED = ("text", "taxonomy", "decision")
_OPTIONAL_TEXT = ("outcome", "credential", "concept", "relation", "reviewer", "comment", "when", "model", "version")


@dataclass(frozen=True, slots=True)
class Correction:
    """One person's decision about one concept for one text.

    Attributes
    ----------
    text : str
        The outcome as it was tagged (`LearningOutcome.text`).
    outcome, credential : str or None
        Their ids in the catalogue that was reviewed.
    taxonomy : str
        Taxonomy id.
    concept : str or None
        Official IRI. None, with ``accept`` only: no concept of the taxonomy holds, and the outcome was rightly left untagged.
    decision : str
        ``accept``: the tag is right. ``reject``: it is wrong. ``add``: it was missing.
    relation : str or None
        As in `Tag.relation`.
    reviewer, comment : str or None
    when : str or None
        ISO 8601.
    source : Mapping
        Where the decision was read: ``file``, ``row`` and so on.
    model : str or None
        ``id@version`` of the model that made the tag; None for an addition.
    version : str or None
        Version of the taxonomy.
    """

    text: str
    taxonomy: str
    decision: str
    concept: str | None = None
    outcome: str | None = None
    credential: str | None = None
    relation: str | None = None
    reviewer: str | None = None
    comment: str | None = None
    when: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    version: str | None = None

    @property
    def holds(self) -> bool:
        """True when the decision says that the concept holds (or, without a concept, that none does).

        A goal that is only mentioned is no tag: with the relation ``mentions`` it does not hold.
        """
        return self.decision != "reject" and self.relation != "mentions"

    def to_dict(self) -> dict[str, Any]:
        """Return the record of the file, ready for ``json.dumps``.

        Examples
        --------
        >>> list(Correction("Treat wastewater", "sdg", "add", "http://metadata.un.org/sdg/6").to_dict())[:6]
        ['text', 'outcome', 'credential', 'taxonomy', 'concept', 'decision']
        """
        return {key: dict(self.source) if key == "source" else getattr(self, key) for key in _KEYS}

    @classmethod
    def from_dict(cls, record: object) -> Correction:
        """Return the correction of a record.

        Raises
        ------
        ValueError
            If the record is not one; the message says what was expected.
        """
        if not isinstance(record, dict):
            raise ValueError("is not a JSON object")
        missing = [k for k in _REQUIRED if k not in record]
        unknown = [k for k in record if k not in _KEYS]
        if missing or unknown:
            found = ", ".join(f"`{k}`" for k in record)
            what = f"lacks {', '.join(f'`{k}`' for k in missing)}" if missing else f"has the unknown key `{unknown[0]}`"
            raise ValueError(f"{what}; expected {', '.join(f'`{k}`' for k in _KEYS)}, found {found}")
        for key in (*_REQUIRED, *_OPTIONAL_TEXT):
            value = record.get(key)
            if not (isinstance(value, str) or (value is None and key not in _REQUIRED)):
                raise ValueError(f"key `{key}`: `{value}` is not text")
        if not record["text"].strip():
            raise ValueError("key `text`: is empty")
        if record["decision"] not in DECISIONS:
            raise ValueError(f"key `decision`: `{record['decision']}`, expected one of {', '.join(DECISIONS)}")
        if not record.get("concept") and record["decision"] != "accept":
            raise ValueError(f"key `concept`: is empty, expected the concept that is meant by `{record['decision']}`")
        source = record.get("source") or {}
        if not isinstance(source, dict):
            raise ValueError(f"key `source`: `{source}` is not a JSON object")
        return cls(
            **{k: v for k, v in record.items() if k != "source"} | {"concept": record.get("concept") or None},
            source=source,
        )


_KEYS = ("text", "outcome", "credential", "taxonomy", "concept", "decision", "relation", "reviewer", "comment", "when", "source", "model", "version")  # fmt: skip
assert set(_KEYS) == {f.name for f in fields(Correction)}


def same_text(text: str) -> str:
    r"""Return what two copies of an outcome have in common: characters composed, white space folded, case aside.

    Examples
    --------
    >>> same_text("Treat  wastewater\n") == same_text("treat wastewater")
    True
    """
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def read_corrections(path: str | Path) -> list[Correction]:
    """Read a file of corrections, in its order; blank lines are left out.

    Raises
    ------
    TaggerError
        If the file is missing, or a line of it is not a correction: names file, line and key.
    """
    found = []
    try:
        with Path(path).open(encoding="utf-8-sig") as lines:
            for n, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        found.append(Correction.from_dict(json.loads(line)))
                    except ValueError as error:
                        raise TaggerError(
                            f"`{path}`, line {n}: {error}", hint="`tagger review import` writes such files"
                        ) from error
    except OSError as error:
        raise TaggerError(
            f"`{path}`: {error.strerror}", hint="give a file that `tagger review import` wrote"
        ) from error
    except UnicodeDecodeError as error:
        raise TaggerError(f"`{path}`: not UTF-8", hint="save it as UTF-8") from error
    return found


def write_corrections(path: str | Path, corrections: Iterable[Correction]) -> int:
    """Write corrections, one a line, and return how many; the file is put in place whole or not at all."""
    target = Path(path)
    n = 0
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.resolve().parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                for correction in corrections:
                    file.write(json.dumps(correction.to_dict(), ensure_ascii=False) + "\n")
                    n += 1
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TaggerError(
            f"`{path}`: cannot write, {error.strerror}", hint="give a file in a folder that exists"
        ) from error
    return n


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What all decisions together say.

    Attributes
    ----------
    by_text : Mapping of str to Mapping of str to bool
        For each text (as `same_text` gives it): concepts that were judged, and whether they hold.
    none : frozenset of str
        Texts of which it was said that no concept holds, and of which none was said to hold.
    undecided : tuple of (str, str)
        Text and concept of which reviewers say opposite things, none more often than the other: they count as not judged.
    """

    by_text: Mapping[str, Mapping[str, bool]]
    none: frozenset[str]
    undecided: tuple[tuple[str, str], ...]


def verdicts(corrections: Sequence[Correction], taxonomy: str) -> Verdicts:
    """Bring the decisions on one taxonomy together.

    Of one reviewer the last decision (in the order of the file) on a text and concept counts; between reviewers, the majority.

    Examples
    --------
    >>> six = "http://metadata.un.org/sdg/6"
    >>> lines = [Correction("Treat wastewater", "sdg", d, six, reviewer=r) for d, r in (("add", "A"), ("reject", "A"))]
    >>> verdicts(lines, "sdg").by_text
    {'treat wastewater': {'http://metadata.un.org/sdg/6': False}}
    """
    votes: dict[tuple[str, str | None], dict[str | None, bool]] = {}
    for c in corrections:
        if c.taxonomy == taxonomy:
            votes.setdefault((same_text(c.text), c.concept), {})[c.reviewer] = c.holds
    by_text: dict[str, dict[str, bool]] = {}
    none: set[str] = set()
    undecided: list[tuple[str, str]] = []
    for (text, concept), by_reviewer in votes.items():
        n_for = sum(by_reviewer.values())
        n_against = len(by_reviewer) - n_for
        if concept is None:
            none.add(text)
        elif n_for == n_against:
            undecided.append((text, concept))
        else:
            by_text.setdefault(text, {})[concept] = n_for > n_against
    held = {text for text, judged in by_text.items() if any(judged.values())}
    return Verdicts(by_text, frozenset(none - held - {text for text, _ in undecided}), tuple(undecided))
