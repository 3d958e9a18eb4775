"""Measure how much a few corrections of one catalogue help there, and what they cost elsewhere.

The catalogue is the University of Southern California's courses (``sdg/usc_courses_dev.parquet``), which differ from all that the
shipped SDG model was trained on: course descriptions, and labels of another kind. Those come from keyword matching, corrected
by hand in few rows, and are silver: the curve shows how fast the model takes on a reviewer's view, not whether that view is right.

A review is simulated: a reviewer goes through courses in a random order, accepts or refuses each goal that the shipped
model gives, adds each that is missing, and says so where a course rightly has none; each of these is one decision. Whole
departments are kept apart for measuring. What is lost elsewhere is measured on the development half of the gold set.

    python -m training.learning_curve --data DIR [--json FILE] [--n 50 200 1000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.corrections import Correction
from tagger.encoder import FloatArray, load_encoder
from tagger.evaluation import Cases, compare, measure
from tagger.heads import LinearHead
from tagger.model import Model
from tagger.train.adapt import adapt
from tagger.train.labels import Example, core, from_corrections, judgements
from tagger.train.trainer import anchor_texts
from training.gold import credentials

__all__ = ["Course", "courses", "simulate"]

SEED = 20261121
N_MEASURED, N_POOL = 1200, 1500
MIN_CHARACTERS = 30


@dataclass(frozen=True, slots=True)
class Course:
    """A course's description, and its goals by position."""

    text: str
    department: str
    goals: frozenset[int]


def courses(path: Path) -> list[Course]:
    """Read the courses, each text once; the title is taken off the description."""
    import pyarrow.parquet as pq

    found: dict[str, Course] = {}
    for row in pq.read_table(path).to_pylist():
        text, title = " ".join((row["course_desc"] or "").split()), " ".join(row["course_title"].split())
        text = text.removeprefix(title).lstrip(" -–")
        goals = frozenset(int(g) - 1 for g in (row["all_SDG_goals"] or "").split(",") if g.strip().isdigit())
        if len(text) >= MIN_CHARACTERS:
            found.setdefault(text, Course(core(text), row["department"], goals))
    return list(found.values())


def split(rows: Sequence[Course]) -> tuple[list[Course], list[Course]]:
    """Return the courses to correct and those to measure on: of half of the departments each."""
    departments = sorted({r.department for r in rows})
    random = np.random.default_rng(SEED)
    apart = {departments[i] for i in random.permutation(len(departments))[: len(departments) // 2]}
    order = [rows[i] for i in random.permutation(len(rows))]
    pool = [r for r in order if r.department not in apart][:N_POOL]
    return pool, [r for r in order if r.department in apart][:N_MEASURED]


def decide(model: Model, probability: FloatArray, thresholds: FloatArray) -> list[frozenset[int]]:
    """Return what would be tagged: by threshold, and at most so many."""
    most = int(model.options.get("max_tags", 3))
    order = np.argsort(-probability, axis=1, kind="stable")[:, :most]
    return [
        frozenset(c for c in top if row[c] >= thresholds[c])
        for row, top in zip(probability, order.tolist(), strict=True)
    ]


def simulate(
    pool: Sequence[Course], tagged: Sequence[frozenset[int]], concepts: Sequence[str], n: int, seed: int
) -> list[Correction]:
    """Return the first `n` decisions of a reviewer who holds what the labels say."""
    lines: list[Correction] = []
    for i in np.random.default_rng(seed).permutation(len(pool)).tolist():
        course = pool[i]
        made = [
            Correction(course.text, "sdg", "accept" if c in course.goals else "reject", concepts[c])
            for c in sorted(tagged[i])
        ]
        made += [Correction(course.text, "sdg", "add", concepts[c]) for c in sorted(course.goals - tagged[i])]
        lines += made or [Correction(course.text, "sdg", "accept")]
        if len(lines) >= n:
            break
    return lines[:n]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path, dest="out")
    parser.add_argument("--n", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--repeats", type=int, default=3, help="different reviewers' orders, averaged")
    options = parser.parse_args(arguments)
    model, encoder = Model.load("sdg"), load_encoder()
    assert isinstance(model.head, LinearHead)
    concepts = [c.id for c in model.taxonomy.concepts]
    names = [c.label for c in model.taxonomy.concepts]
    pool, unseen = split(courses(options.data / "sdg" / "usc_courses_dev.parquet"))
    here = [Example(r.text, dict.fromkeys(r.goals, 1.0), True, r.department) for r in unseen]
    elsewhere = [
        Example(
            core(o["text"]),
            {g["goal"] - 1: 1.0 for g in o["sdg"] if g["relation"] == "contributes"},
            True,
            c["id"],
        )
        for c in credentials("dev")
        for o in c["outcomes"]
    ]
    anchors = anchor_texts(SEED)
    texts = {
        "pool": [r.text for r in pool],
        "here": [e.text for e in here],
        "elsewhere": [e.text for e in elsewhere],
        "anchors": anchors,
    }
    vectors = {name: encoder.encode(found) for name, found in texts.items()}
    row_of = {text: i for i, text in enumerate(texts["pool"])}

    def cases(head: LinearHead, thresholds: FloatArray, name: str, examples: Sequence[Example]) -> Cases:
        p = head.scores(texts[name], vectors[name])
        said = [dict(enumerate(row)) for row in p.tolist()]
        return Cases.of(examples, names, said, decide(model, p, thresholds))

    shipped = {
        "here": cases(model.head, model.thresholds, "here", here),
        "elsewhere": cases(model.head, model.thresholds, "elsewhere", elsewhere),
    }
    tagged = decide(model, model.head.scores(texts["pool"], vectors["pool"]), model.thresholds)
    rows: list[dict[str, Any]] = [{"n": 0, "seconds": 0.0} | {k: _figures(c, c) for k, c in shipped.items()}]
    for n in options.n:
        found: list[dict[str, Any]] = []
        for repeat in range(options.repeats):
            lines = simulate(pool, tagged, concepts, n, SEED + repeat)
            examples = from_corrections(lines, model.taxonomy)
            which: npt.NDArray[np.int64] = np.array([row_of[e.text] for e in examples], dtype=np.int64)
            started = time.process_time()
            fitted = adapt(
                model.head,
                model.thresholds,
                [e.text for e in examples],
                vectors["pool"][which],
                judgements(examples, len(names)),
                [e.group for e in examples],
                anchors=(anchors, vectors["anchors"]),
                lowest_threshold=float(model.thresholds.min()),
                seed=SEED,
            )
            seconds = time.process_time() - started
            new = {
                "here": cases(fitted.head, fitted.thresholds, "here", here),
                "elsewhere": cases(fitted.head, fitted.thresholds, "elsewhere", elsewhere),
            }
            found.append({"seconds": seconds} | {k: _figures(new[k], shipped[k]) for k in new})
        rows.append({"n": n} | _mean(found))
    print(
        f"{len(here):,} unseen courses of {len({e.group for e in here})} departments; {len(elsewhere)} outcomes of the gold set's "
        f"development half. {model.name}, {encoder.id}; mean of {options.repeats} simulated reviews.\n"
    )
    print(_table(rows), end="")
    if options.out is not None:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _figures(new: Cases, old: Cases) -> dict[str, float]:
    figures, against = measure(new), compare(new, old)["macro_f1"]
    low, high = against["interval"]
    return {
        "macro_f1": figures["macro"]["f1"],
        "micro_f1": figures["micro"]["f1"],
        "precision": figures["micro"]["precision"] or 0.0,
        "difference": against["difference"],
        "low": low,
        "high": high,
    }


def _mean(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"seconds": round(float(np.mean([f["seconds"] for f in found])), 1)}
    for name in ("here", "elsewhere"):
        result[name] = {k: round(float(np.mean([f[name][k] for f in found])), 3) for k in found[0][name]}
    return result


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| decisions | unseen courses: macro-F1 | micro-F1 | precision | change of macro-F1 (95%) | gold set, dev: macro-F1 | micro-F1 "
        "| precision | change of macro-F1 (95%) | CPU seconds |",
        "|---:|---:|---:|---:|---|---:|---:|---:|---|---:|",
    ]
    for row in rows:
        cells = [f"{row['n']:,}"]
        for name in ("here", "elsewhere"):
            f = row[name]
            cells += [f"{f[k]:.3f}" for k in ("macro_f1", "micro_f1", "precision")]
            cells.append("–" if not row["n"] else f"{f['difference']:+.3f} ({f['low']:+.3f} to {f['high']:+.3f})")
        lines.append(f"| {' | '.join([*cells, str(row['seconds'])])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
