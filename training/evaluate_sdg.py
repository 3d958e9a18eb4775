"""Measure the SDG model on the sets that others are measured on, and print one table.

    python -m training.evaluate_sdg --data DIR [--json FILE]

Nothing is fitted here, and thresholds are the shipped ones. Each text is scored whole, as one unit; texts that the model was trained
on (`training.texts.sdg_rows`) are left out of the course sets. Intervals are 95%, from 2,000 bootstrap resamples of texts; a
difference to another system is paired over the same texts. The peers' answers on the benchmark are those stored with it.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.tagging import Tagger
from training.texts import core, fingerprint, sdg_rows

__all__ = ["Line", "average_precision", "main", "measure", "one_or_none"]

N_GOALS = 17
N_RESAMPLES = 2000
SEED = 20261121
Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Scores = Callable[[Sequence[str]], Floats]
"""Texts to calibrated probabilities, (n, 17)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: a figure with its interval, the number of texts, and what the best known figure is."""

    test: str
    measure: str
    n: int
    value: float
    low: float
    high: float
    known: str = ""

    def render(self) -> str:
        """Return a row of a Markdown table."""
        return f"| {self.test} | {self.measure} | {self.n:,} | {self.value:.3f} | {self.low:.3f}–{self.high:.3f} | {self.known} |"


def interval(n: int, statistic: Callable[[npt.NDArray[np.int64]], float]) -> tuple[float, float, float]:
    """Return a statistic of the rows 0…n−1 and its 95% bootstrap interval."""
    rng = np.random.default_rng(SEED)
    values = [statistic(rng.integers(0, n, n)) for _ in range(N_RESAMPLES)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return statistic(np.arange(n)), float(low), float(high)


def share(cases: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Return the mean of cases (n,) and its interval."""
    return interval(len(cases), lambda i: float(cases[i].mean()))


def f1(hit: Bools, true: Bools) -> Floats:
    """Return F1 for each column; NaN where nothing is true and nothing is hit."""
    total = hit.sum(0) + true.sum(0)
    return np.where(total > 0, 2 * (hit & true).sum(0) / np.maximum(total, 1), np.nan)


def average_precision(scores: Floats, true: Bools) -> float:
    """Return the mean over goals (that occur) of average precision."""
    found = []
    for goal in range(scores.shape[1]):
        y = true[np.argsort(-scores[:, goal], kind="stable"), goal]
        if y.any():
            found.append(float((np.cumsum(y) / np.arange(1, len(y) + 1))[y].mean()))
    return float(np.mean(found)) if found else float("nan")


def one_or_none(scores: Floats, thresholds: Floats) -> npt.NDArray[np.int64]:
    """Return the most probable goal among those that reach their threshold, 0 where none does."""
    allowed = np.where(scores >= thresholds, scores, -1.0)
    best = allowed.argmax(axis=1)
    return np.where(allowed.max(axis=1) >= 0, best + 1, 0)


def _goals(cell: object) -> list[int]:
    return [int(part) for part in str(cell).split(";") if part.strip().isdigit()]


def _matrix(goals: Sequence[Sequence[int]]) -> Bools:
    y = np.zeros((len(goals), N_GOALS), dtype=bool)
    for i, found in enumerate(goals):
        y[i, [g - 1 for g in found]] = True
    return y


def benchmark(data: Path, scores: Scores, thresholds: Floats) -> list[Line]:
    """Return the lines of the SDG Classification Benchmark: ours, the best peers', and the paired difference."""
    with (data / "sdg" / "sdg_benchmark.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    goal = np.array([int(row["sdg"]) - 1 for row in rows])
    true = np.array([row["label"].lower() == "true" for row in rows])
    p = scores([row["text"] for row in rows])[np.arange(len(rows)), goal]
    hit = p >= thresholds[goal]
    n, test = len(rows), "SDG Classification Benchmark"

    def accuracy(answer: Bools) -> Callable[[npt.NDArray[np.int64]], float]:
        return lambda i: float((answer[i] == true[i]).mean())

    def micro(answer: Bools) -> Callable[[npt.NDArray[np.int64]], float]:
        return lambda i: float(2 * (answer[i] & true[i]).sum() / max((answer[i].sum() + true[i].sum()), 1))

    def false(answer: Bools) -> Callable[[npt.NDArray[np.int64]], float]:
        return lambda i: float((answer[i] & ~true[i]).sum() / max((~true[i]).sum(), 1))

    lines = [
        Line(test, "accuracy", n, *interval(n, accuracy(hit)), known="0.878"),
        Line(test, "F1", n, *interval(n, micro(hit)), known="0.879"),
        Line(test, "false-positive rate", n, *interval(n, false(hit)), known="0.070"),
    ]
    per_goal = [
        2 * (hit & true)[goal == g].sum() / max((hit.sum(where=goal == g) + true.sum(where=goal == g)), 1)
        for g in range(N_GOALS)
    ]
    worst = int(np.argmin(per_goal))
    lines.append(
        Line(
            test, f"lowest F1 of a goal (goal {worst + 1})", int((goal == worst).sum()), per_goal[worst], np.nan, np.nan
        )
    )
    with (data / "sdg" / "sdg_benchmark_peer_predictions.csv").open(encoding="utf-8", newline="") as file:
        stored = {row["id"]: row for row in csv.DictReader(file)}
    peers: dict[str, Bools] = {}
    for name in next(iter(stored.values())):
        if name not in ("id", "sdg", "label"):
            peers[name] = np.array([str(stored[row["id"]][name]).lower() == "true" for row in rows])
    ranked = sorted(peers, key=lambda name: -float((peers[name] == true).mean()))
    for name in ranked:
        lines.append(Line(f"{test}, peer {name}", "accuracy", n, *interval(n, accuracy(peers[name]))))
    best = peers[ranked[0]]
    difference = interval(n, lambda i: accuracy(hit)(i) - accuracy(best)(i))
    lines.append(Line(test, f"accuracy, ours minus {ranked[0]} (paired)", n, *difference))
    return lines


def abstracts(data: Path, scores: Scores, thresholds: Floats) -> list[Line]:
    """Return the lines of the Open University abstracts (development part) and the ZORA texts."""
    with (data / "sdg" / "oro_multilabel_dev.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file)]
    p = scores([f"{row['title']}. {row['abstract'] or ''}".strip() for row in rows])
    y, n, test = _matrix([_goals(row["labels"]) for row in rows]), len(rows), "Open University abstracts"
    hit = p >= thresholds
    lines = [
        Line(test, "macro-F1", n, *interval(n, lambda i: float(np.nanmean(f1(hit[i], y[i])))), known="0.512"),
        Line(
            test,
            "micro-F1",
            n,
            *interval(n, lambda i: float(f1(hit[i].reshape(-1, 1), y[i].reshape(-1, 1))[0])),
            known="0.643",
        ),
        Line(test, "average precision", n, *interval(n, lambda i: average_precision(p[i], y[i]))),
    ]
    with (data / "sdg" / "zora_task1_train.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    p = scores([f"{r['TITLE']}. {r['ABSTRACT'] or ''}".strip() for r in records])
    true = np.array([int(r["SDG"]) for r in records])
    said, n, test = one_or_none(p, thresholds), len(records), "SwissText 2024 (ZORA, one goal or none)"

    def macro(i: npt.NDArray[np.int64]) -> float:
        classes = [c for c in range(18) if (true[i] == c).any()]
        return float(
            np.mean(
                [
                    2 * ((said[i] == c) & (true[i] == c)).sum() / max((said[i] == c).sum() + (true[i] == c).sum(), 1)
                    for c in classes
                ]
            )
        )

    none = np.flatnonzero(true == 0)
    lines.append(Line(test, "macro-F1", n, *interval(n, macro), known="0.56"))
    lines.append(
        Line(test, "no goal → any goal", len(none), *interval(len(none), lambda i: float((said[none[i]] > 0).mean())))
    )
    return lines


def courses(data: Path, scores: Scores, thresholds: Floats, trained: set[str]) -> list[Line]:
    """Return how often courses are tagged: Carnegie Mellon with goal 4, USC "Not Related" and "Focused" with anything."""
    import pyarrow.parquet

    with (data / "sdg" / "cmu_courses_unlabelled.csv").open(encoding="utf-8", newline="") as file:
        texts = [
            f"{' '.join(row['Course Title'].split())}. {' '.join((row['Course Description'] or '').split())}"
            for row in csv.DictReader(file)
        ]
    texts = [text for text in dict.fromkeys(texts) if fingerprint(text) not in trained]
    four = np.asarray(scores(texts)[:, 3] >= thresholds[3])
    lines = [Line("Carnegie Mellon courses", "tagged goal 4", len(texts), *share(four), known="0.12")]
    table = pyarrow.parquet.read_table(data / "sdg" / "usc_courses_dev.parquet").to_pylist()
    for name, known in (("Not Related", "0.06"), ("Sustainability-Focused", "0.06 of Not Related at 0.80")):
        texts = [
            " ".join((row["course_desc"] or "").split())
            for row in table
            if row["Corrected_Sustainability_Classification"] == name
        ]
        texts = [text for text in dict.fromkeys(texts) if text and fingerprint(text) not in trained]
        tagged = (scores(texts) >= thresholds).any(axis=1)
        lines.append(Line(f"USC courses, {name}", "tagged at all", len(texts), *share(np.asarray(tagged)), known=known))
    return lines


def measure(data: Path, scores: Scores, thresholds: Floats, trained: set[str]) -> list[Line]:
    """Return every line of the table."""
    return [
        *benchmark(data, scores, thresholds),
        *abstracts(data, scores, thresholds),
        *courses(data, scores, thresholds, trained),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="sdg")
    parser.add_argument("--encoder")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tagger = Tagger.load([options.model], encoder=options.encoder)
    model = tagger.model_for("sdg")

    def scores(texts: Sequence[str]) -> Floats:
        cores = [core(text) for text in texts]
        return model.scores(cores, tagger.encoder.encode(cores))

    trained = {fingerprint(row.text) for row in sdg_rows(options.data)}
    lines = measure(options.data, scores, model.thresholds, trained)
    print("| test | measure | n | ours | 95% | best known |\n|---|---|---:|---:|---|---|")
    print("\n".join(line.render() for line in lines))
    print("\nLearning outcomes of the gold set: `make evaluate`. Figures of others: as published for the same sets.")
    if options.json:
        table: list[dict[str, Any]] = [{name: getattr(line, name) for name in Line.__slots__} for line in lines]
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
