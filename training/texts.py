"""Reading the labelled texts that the recipes learn from, and keeping evaluation texts out of them.

Rows of third-party files are never copied into the repository. Labels that we gave to real outcomes are kept by the
fingerprint of the text (`fingerprint`), and joined to the texts where the data folder is at hand.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.text import strip_boilerplate

__all__ = [
    "Labelled",
    "core",
    "course_sentences",
    "descriptions",
    "fingerprint",
    "goal_matrix",
    "is_held_out",
    "judged_skills",
    "normalise",
    "outcomes",
    "own_credentials",
    "own_skill_outcomes",
    "passages",
    "sdg_rows",
    "skill_names",
    "split_sentences",
]

HERE = Path(__file__).parent
N_GOALS = 17
ESCO = "http://data.europa.eu/esco/skill/"


def normalise(text: str) -> str:
    """Lower-case, keep letters and digits, fold the rest to single spaces: what makes two texts the same text."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def fingerprint(text: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the normalised text."""
    return hashlib.sha256(normalise(text).encode()).hexdigest()[:16]


def core(text: str) -> str:
    """Return the part of a text that the tagger reads: without learner boilerplate."""
    start, end = strip_boilerplate(text)
    return text[start:end] or text


def is_held_out(text: str) -> bool:
    """Say whether the encoder must never see this text in training: one in four, by fingerprint.

    Outcomes of our own credentials are kept out, or not, together: ``credentials.jsonl`` says which.
    """
    own = _own_held_out().get(normalise(text))
    return int(fingerprint(text), 16) % 4 == 0 if own is None else own


def own_credentials() -> list[dict[str, Any]]:
    """Return our own credentials (``credentials.jsonl``): ``title``, ``field``, ``held_out``, ``outcomes`` with ``text`` and labels."""
    with (HERE / "sdg" / "credentials.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@lru_cache(maxsize=1)
def _own_held_out() -> dict[str, bool]:
    return {normalise(o["text"]): c["held_out"] for c in own_credentials() for o in c["outcomes"]}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with what is known of its goals.

    Attributes
    ----------
    text : str
    goals : tuple of int
        Goals that it contributes to.
    complete : bool
        True when every goal was judged, so that a goal not named is a negative; False where it is unknown.
    source : str
    mentions : tuple of int
        Goals that are only mentioned: negatives that matter.
    targets : tuple of str
        Targets that it contributes to, main one first; empty where nobody judged them.
    pool : str
        How a real text came to be labelled: ``random``, ``uncertain`` (an earlier model was unsure of it), ``passage`` (a
        longer text: policy, abstract, course description); empty for our own.
    title : str
        Of the credential that the outcome belongs to; empty where it is not known.
    """

    text: str
    goals: tuple[int, ...]
    complete: bool
    source: str
    mentions: tuple[int, ...] = ()
    targets: tuple[str, ...] = ()
    pool: str = ""
    title: str = ""

    @property
    def group(self) -> str:
        """What may not stand on both sides of a split: the credential where it is known, else the text."""
        return fingerprint(self.title or self.text)


def outcomes(data: Path) -> Iterator[tuple[str, str]]:
    """Yield (source, text) for every real outcome of the data folder: Monash objectives, Mid Sweden's English goals."""
    with (data / "levels" / "bloom_clo_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield "monash", " ".join(row["outcome"].split())
    with gzip.open(data / "catalogues" / "miun_sweden.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            for text in json.loads(line)["outcomes_en"] or []:
                yield "miun", " ".join(text.split())


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a course description that are neither very short nor very long."""
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z])|(?<=[a-z]{3}\.)(?=[A-Z])", " ".join(text.split()))
    return [part.strip() for part in parts if 30 < len(part) < 320]


def descriptions(data: Path) -> Iterator[tuple[str, str]]:
    """Yield (source, sentence) for the sentences of course descriptions: Edinburgh summaries, Carnegie Mellon."""
    with gzip.open(data / "catalogues" / "edinburgh_drps_2024_25.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            for sentence in split_sentences(json.loads(line).get("summary") or ""):
                yield "edinburgh", sentence
    with (data / "sdg" / "cmu_courses_unlabelled.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for sentence in split_sentences(row["Course Description"] or "")[:2]:
                yield "cmu", sentence


def passages(data: Path) -> Iterator[tuple[str, str]]:
    """Yield (source, text) for longer texts: policy paragraphs, research abstracts, course descriptions."""
    import pyarrow.parquet

    def flat(text: object) -> str:
        return " ".join(str(text or "").split())

    with (data / "sdg" / "osdg_subset_dev.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield "osdg", flat(row["text"])
    for row in pyarrow.parquet.read_table(data / "sdg" / "aurora_survey.parquet").to_pylist():
        if len(row["abstract"] or "") > 150:
            yield "aurora", f"{flat(row['title'])}. {flat(row['abstract'])}"
    for row in pyarrow.parquet.read_table(data / "sdg" / "usc_courses_dev.parquet").to_pylist():
        if len(row["course_desc"] or "") > 60:
            yield "usc", flat(row["course_desc"])
    with (data / "sdg" / "cmu_courses_unlabelled.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if len(row["Course Description"] or "") > 80:
                yield "cmu-course", f"{flat(row['Course Title'])}. {flat(row['Course Description'])}"
    with gzip.open(data / "catalogues" / "edinburgh_drps_2024_25.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if len(record.get("summary") or "") > 80:
                yield "edinburgh-course", f"{flat(record['title'])}. {flat(record['summary'])}"


def course_sentences(catalogues: Path) -> list[tuple[str, list[str]]]:
    """Return, for each course of the University of Edinburgh, its subject and three to six sentences of its description.

    Sentences that more than two courses share say nothing of either, and are left out.
    """
    path = catalogues / "edinburgh_drps_2024_25.jsonl.gz"
    if not path.is_file():
        raise SystemExit(f"error: `{path.name}`: no such file in the folder of catalogues")
    found: list[tuple[str, list[str]]] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            text = f"{row.get('summary') or ''} {row.get('description') or ''}"
            text = re.sub(r"(?<=[a-z)])\.(?=[A-Z])", ". ", text)
            sentences = [s.strip() for s in re.split(r"(?<=[.;!?])\s+", text)]
            found.append((row["subject"], [s for s in dict.fromkeys(sentences) if 6 <= len(s.split()) <= 40][:6]))
    shared = Counter(s for _, sentences in found for s in sentences)
    own = [(subject, [s for s in sentences if shared[s] <= 2]) for subject, sentences in found]
    return [(subject, sentences) for subject, sentences in own if len(sentences) >= 3]


def _numbers(cell: str | float | None) -> tuple[int, ...]:
    return tuple(int(n) for n in str(cell).split(";") if n.strip().isdigit()) if cell else ()


def _codes(cell: str) -> tuple[str, ...]:
    return tuple(code.strip() for code in cell.split(";") if code.strip())


def sdg_rows(data: Path | None) -> list[Labelled]:
    """Return the training rows for SDG goals, each text once; texts of the benchmark are left out.

    Without a data folder only our own texts (``outcomes.csv``, ``applied.csv``, ``abstracts.csv`` and ``credentials.jsonl`` in
    ``training/sdg``) are there.
    """
    rows: list[Labelled] = []
    for credential in own_credentials():
        for o in credential["outcomes"]:
            goals, mentions, targets = (tuple(o[key]) for key in ("goals", "mentions", "targets"))
            rows.append(
                Labelled(o["text"], goals, True, "own-credential", mentions, targets, title=credential["title"])
            )
    for name, source in (("outcomes.csv", "own"), ("applied.csv", "own-applied")):
        with (HERE / "sdg" / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                goals, mentioned = _numbers(row["goals"]), row["relation"] == "mentions"
                targets = () if mentioned else _codes(row["targets"])
                rows.append(
                    Labelled(row["text"], () if mentioned else goals, True, source, goals if mentioned else (), targets)
                )
    with (HERE / "sdg" / "abstracts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.append(
                Labelled(
                    row["text"], _numbers(row["goals"]), True, "own-abstract", (), _codes(row["targets"]), "passage"
                )
            )
    if data is not None:
        titles = course_titles(data)
        rows += _labelled("labels.csv", [*outcomes(data), *descriptions(data)], titles)
        rows += _labelled("passages.csv", passages(data), titles)
        banned = _benchmark_heads(data)
        rows = [r for r in rows if normalise(r.text)[:100] not in banned]
    seen: set[str] = set()
    kept = []
    for r in rows:
        key = normalise(r.text)
        if key and key not in seen:
            seen.add(key)
            kept.append(r)
    return kept


def course_titles(data: Path) -> dict[str, str]:
    """Return the title of the course that a sentence or a whole description is from, for those of Edinburgh, by normalised text."""
    titles: dict[str, str] = {}
    with gzip.open(data / "catalogues" / "edinburgh_drps_2024_25.jsonl.gz", "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            summary = " ".join((record.get("summary") or "").split())
            for text in (*split_sentences(summary), f"{' '.join(record['title'].split())}. {summary}"):
                titles.setdefault(normalise(text), record["title"])
    return titles


def _labelled(name: str, texts: Iterable[tuple[str, str]], titles: Mapping[str, str]) -> list[Labelled]:
    with (HERE / "sdg" / name).open(encoding="utf-8", newline="") as file:
        labels = {row["fingerprint"]: row for row in csv.DictReader(file)}
    rows, found = [], set()
    for source, text in texts:
        key = fingerprint(text)
        if key in labels and key not in found:
            found.add(key)
            label = labels[key]
            goals, mentions = _numbers(label["goals"]), _numbers(label["mentions"])
            targets = _codes(label["targets"]) if goals else ()
            pool, title = label.get("pool", "passage"), titles.get(normalise(text), "")
            rows.append(Labelled(text, goals, True, source, mentions, targets, pool, title))
    return rows


def _benchmark_heads(data: Path) -> set[str]:
    with (data / "sdg" / "sdg_benchmark.csv").open(encoding="utf-8", newline="") as file:
        return {normalise(row["text"])[:100] for row in csv.DictReader(file)}


def own_skill_outcomes() -> list[tuple[str, tuple[str, ...], bool]]:
    """Return our own texts for ESCO concepts (``training/esco/outcomes.csv``).

    Returns
    -------
    list of (str, tuple of str, bool)
        Text, IRIs of what it claims, main one first, and whether the encoder must never see it.
    """
    with (HERE / "esco" / "outcomes.csv").open(encoding="utf-8", newline="") as file:
        return [
            (
                row["text"],
                tuple(ESCO + name for name in row["concepts"].split()),
                row["held_out"] == "yes" or is_held_out(row["text"]),
            )
            for row in csv.DictReader(file)
        ]


def skill_names(*, for_evaluation: bool) -> list[tuple[str, dict[str, int]]]:
    """Return short names of skills as catalogues list them (``training/esco/names.csv``), half to fit on, half to evaluate on.

    Returns
    -------
    list of (str, dict of str to int)
        The name, and its right (2) and near (1) concepts; any other concept is wrong.
    """
    with (HERE / "esco" / "names.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        (row["text"], {ESCO + c: value for key, value in (("right", 2), ("near", 1)) for c in row[key].split()})
        for row in rows
        if (int(fingerprint(row["text"]), 16) % 2 == 1) == for_evaluation
    ]


def judged_skills(data: Path, *, for_encoder: bool = False) -> list[tuple[str, dict[str, int]]]:
    """Return real and own outcomes with judged ESCO links (``training/esco/labels.csv``).

    Parameters
    ----------
    data : Path
    for_encoder : bool
        Leave out what the encoder must never see beside its links.

    Returns
    -------
    list of (str, dict of str to int)
        The outcome without boilerplate, and for each judged concept (IRI) 2 right, 1 near, 0 wrong.
    """
    with (HERE / "esco" / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["fingerprint"]: row for row in csv.DictReader(file)}
    found = []
    for _, text in [*outcomes(data), *descriptions(data), *((r.source, r.text) for r in sdg_rows(None))]:
        row = labels.pop(fingerprint(text), None)
        if row is not None and not (for_encoder and (row["held_out"] == "yes" or is_held_out(text))):
            judged = {
                ESCO + name: value
                for column, value in (("right", 2), ("near", 1), ("wrong", 0))
                for name in row[column].split()
            }
            found.append((core(text), judged))
    return found


def goal_matrix(rows: Sequence[Labelled]) -> npt.NDArray[np.float32]:
    """Return (n_rows, 17): 1 contributes, 0 does not, NaN not judged."""
    matrix = np.full((len(rows), N_GOALS), np.nan, dtype=np.float32)
    for i, row in enumerate(rows):
        if row.complete:
            matrix[i] = 0
        for goal in row.goals:
            matrix[i, goal - 1] = 1
        for goal in row.mentions:
            matrix[i, goal - 1] = 0
    return matrix
