"""Fit the shipped density norm: how many learning outcomes courses of a given size list.

    python -m training.density --catalogues FOLDER --out models/density [--check]

FOLDER holds ``miun_sweden.jsonl.gz``: syllabi of Mid Sweden University with `credits` (hp, equal to ECTS), `subject`
and `outcomes_sv`. Only numbers go into the norm, no text. The choice of model is made by pinball loss under
cross-validation that leaves whole subjects out; ``--check`` prints that table and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.counting import count_outcomes
from tagger.density import DensityNorm, calibrate, fit_norm, save_norm
from tagger.records import LearningOutcome
from tagger.taxonomy import size_rules
from tagger.text import split_outcomes

HOURS_PER_CREDIT = 40 * 40 / 60
"""Swedish full-time study: 60 hp in 40 weeks of 40 hours (Higher Education Ordinance 1993:100, chapter 6 section 2)."""
TITLE = "Mid Sweden University syllabi"
SOURCE = {
    "name": "Mid Sweden University course syllabi, learning goals in Swedish",
    "origin": "https://github.com/amandakann/kursplansanalys, MIUN-code/data/kursplaner_miun.xlsx, "
    "commit 633473cb089664fd74abe0e9bee940d786edda4c",
    "licence": "none stated in the repository; official documents of a Swedish public authority. Only counts were "
    "used: no text of the source is in this folder",
}
IRISH = {
    "name": "Module descriptors of an Irish institution",
    "origin": "https://github.com/jackjduggan/funcprog-assignment, data/Module_Descriptors.csv, "
    "commit 09aaea4b1c6cf72fa7bf451f2b9e904d4971ad3f",
    "licence": "BSD-3-Clause (the repository's). Only counts were used",
}
MIN_REFERENCE = 30
QS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
N_FOLDS = 8
BANDS = (0.0, 3.0, 5.0, 7.5, 15.0, 30.0, 45.0)  # credits

Floats = NDArray[np.float64]
Predict = Callable[[float], Sequence[float]]
"""From notional hours to the count's quantiles at `QS`."""


class Course(NamedTuple):
    """One course: number of distinct goals, notional hours, subject."""

    n_outcomes: int
    hours: float
    subject: str


def read_courses(folder: Path, field: str = "outcomes_sv") -> list[Course]:
    """Read the courses that have goals and credits; goals equal but for case and punctuation count once."""
    path = folder / "miun_sweden.jsonl.gz"
    if not path.is_file():
        raise SystemExit(f"error: `{path.name}`: no such file in the folder given by --catalogues")
    courses = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            goals = {" ".join(re.findall(r"\w+", goal.casefold())) for goal in row.get(field) or ()} - {""}
            if goals and row.get("credits"):
                courses.append(Course(len(goals), row["credits"] * HOURS_PER_CREDIT, row["subject"]))
    return courses


def folds(courses: Sequence[Course], n_folds: int = N_FOLDS, seed: int = 1) -> NDArray[np.intp]:
    """Return a fold for each course, whole subjects together."""
    subjects = sorted({c.subject for c in courses})
    order = np.random.default_rng(seed).permutation(len(subjects))
    fold = {subject: int(order[i]) % n_folds for i, subject in enumerate(subjects)}
    return np.array([fold[c.subject] for c in courses])


# --- candidates: each is fitted to courses and predicts quantiles


def flat_rule(train: Sequence[Course]) -> Predict:
    """Outcomes per hour: what a flat rule would do."""
    ratios = np.quantile([c.n_outcomes / c.hours for c in train], QS)
    return lambda hours: list(ratios * hours)


def log_linear(train: Sequence[Course]) -> Predict:
    """Quantile regression of log count on log hours, one line a quantile (Koenker and Bassett 1978), as a linear
    program.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, eye, hstack

    y = np.log([c.n_outcomes for c in train])
    x = np.column_stack([np.ones(len(y)), np.log([c.hours / 200 for c in train])])
    equal, bounds = (
        hstack([csr_matrix(x), eye(len(y)), -eye(len(y))]).tocsr(),
        [(None, None)] * 2 + [(0, None)] * 2 * len(y),
    )
    lines = []
    for q in QS:
        cost = np.concatenate([[0, 0], np.full(len(y), q), np.full(len(y), 1 - q)])
        lines.append(linprog(cost, A_eq=equal, b_eq=y, bounds=bounds, method="highs").x[:2])
    return lambda hours: [float(np.exp(a + b * np.log(hours / 200))) for a, b in lines]


def count_model(censor_above: float, *, is_calibrated: bool) -> Callable[[Sequence[Course]], Predict]:
    """Return the truncated negative binomial of `tagger.density`."""

    def fit(train: Sequence[Course]) -> Predict:
        norm = _fit(train, censor_above, is_calibrated=is_calibrated)
        return lambda hours: [norm.quantile(q, float(np.clip(hours, *norm.hours))) for q in QS]

    return fit


def _fit(train: Sequence[Course], censor_above: float, *, is_calibrated: bool) -> DensityNorm:
    pairs = [(c.n_outcomes, c.hours) for c in train]
    norm = fit_norm(pairs, title=TITLE, censor_above=censor_above)
    return calibrate(norm, pairs) if is_calibrated else norm


CANDIDATES: dict[str, Callable[[Sequence[Course]], Predict]] = {
    "outcomes per hour": flat_rule,
    "log-linear quantile regression": log_linear,
    "negative binomial": count_model(1.0, is_calibrated=False),
    "negative binomial, censored at 0.75": count_model(0.75, is_calibrated=False),
    "negative binomial, censored at 0.75, calibrated": count_model(0.75, is_calibrated=True),
    "negative binomial, calibrated": count_model(1.0, is_calibrated=True),
}
SHIPPED = "negative binomial, calibrated"


def cross_validate(
    courses: Sequence[Course], fit: Callable[[Sequence[Course]], Predict], *, n_folds: int = N_FOLDS
) -> dict[str, object]:
    """Predict each course's quantiles from the other subjects.

    Returns
    -------
    dict
        `pinball`: mean over `QS`; `pinball_95`, `pinball_99`; `above_95`, `above_99`: share of courses with more
        outcomes than the quantile (nominal 0.05 and 0.01; counts are whole, so less is right); `above_95_by_credits`:
        the first of them by size band.
    """
    fold = folds(courses, n_folds)
    predicted = np.empty((len(courses), len(QS)))
    for k in range(n_folds):
        predict = fit([c for c, f in zip(courses, fold, strict=True) if f != k])
        known: dict[float, Sequence[float]] = {}
        for i in np.flatnonzero(fold == k):
            hours = courses[int(i)].hours
            if hours not in known:
                known[hours] = predict(hours)
            predicted[i] = known[hours]
    n = np.array([c.n_outcomes for c in courses], dtype=float)[:, None]
    q = np.array(QS)
    loss = np.where(n >= predicted, q * (n - predicted), (1 - q) * (predicted - n)).mean(axis=0)
    above = n > predicted
    credits = np.array([c.hours / HOURS_PER_CREDIT for c in courses])
    bands = {}
    for low, high in itertools.pairwise(BANDS):
        inside = (credits > low + 1e-9) & (credits <= high + 1e-9)
        if inside.any():
            bands[f"{low:g}-{high:g}"] = round(float(above[inside, -2].mean()), 4)
    return {
        "pinball": round(float(loss.mean()), 4),
        "pinball_95": round(float(loss[-2]), 4),
        "pinball_99": round(float(loss[-1]), 4),
        "above_95": round(float(above[:, -2].mean()), 4),
        "above_99": round(float(above[:, -1].mean()), 4),
        "above_95_by_credits": bands,
    }


def acts_per_outcome(folder: Path) -> float:
    """Return how many assessed acts an outcome names, by the English goal lists of the same university."""
    n_acts, n_outcomes = 0, 0
    with gzip.open(folder / "miun_sweden.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            goals = [g for g in json.loads(line).get("outcomes_en") or () if g.strip()]
            outcomes = [LearningOutcome(f"{i}", goal) for i, goal in enumerate(goals)]
            n_acts += count_outcomes(outcomes).n
            n_outcomes += count_outcomes(outcomes, acts=False).n
    return round(n_acts / n_outcomes, 3) if n_outcomes else 1.0


def irish_reference(folder: Path, general: DensityNorm) -> list[tuple[tuple[str, ...], DensityNorm]]:
    """Return the reference for Ireland, drawn towards the general norm by the few modules there are; none without the file."""
    path = folder / "ie_module_descriptors_48.csv"
    rule = size_rules()["ie"]
    if not path.is_file() or rule.hours_per_credit is None:
        return []
    pairs = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            outcomes = [
                LearningOutcome(str(i), s.text) for i, s in enumerate(split_outcomes(row["Learning_Outcomes"] or ""))
            ]
            if outcomes and row["Credits"]:
                pairs.append((count_outcomes(outcomes, acts=False).n, float(row["Credits"]) * rule.hours_per_credit[1]))
    if len(pairs) < MIN_REFERENCE:
        return []
    norm = fit_norm(pairs, title="modules of an Irish institution", prior=general, at_least=MIN_REFERENCE)
    norm = replace(norm, calibration=general.calibration, acts_per_outcome=general.acts_per_outcome)
    return [((rule.jurisdiction, *rule.names), norm)]


def build(courses: Sequence[Course], folder: Path) -> DensityNorm:
    """Return the norm that ships: fitted to all courses, calibrated on them, with the acts of the English lists."""
    return replace(_fit(courses, 1.0, is_calibrated=True), acts_per_outcome=acts_per_outcome(folder))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the recipe; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.density", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--catalogues", type=Path, required=True, help="folder with miun_sweden.jsonl.gz")
    parser.add_argument("--out", type=Path, default=Path("models/density"))
    parser.add_argument("--check", action="store_true", help="compare the candidates, write nothing")
    arguments = parser.parse_args(argv)
    every = read_courses(arguments.catalogues)
    norm = build(every, arguments.catalogues)
    courses = [c for c in every if norm.covers(c.hours)]
    if arguments.check:
        for name, fit in CANDIDATES.items():
            print(json.dumps({"model": name, **cross_validate(courses, fit)}))
        return 0
    metrics = cross_validate(courses, CANDIDATES[SHIPPED])
    manifest = {
        "id": "density",
        "version": "1.1.0",
        "title": f"Outcome counts by notional hours, {TITLE}",
        "program": ">=0.1,<2",
        "sources": [{**SOURCE, "n_courses": len(courses)}],
        "metrics": {"validation": f"{N_FOLDS}-fold, whole subjects left out", **metrics},
    }
    references = irish_reference(arguments.catalogues, norm)
    if references:
        manifest["sources"].append({**IRISH, "n_courses": references[0][1].n_courses})  # type: ignore[attr-defined]
    save_norm(norm, arguments.out, manifest, references)
    print(f"{norm.n_courses} courses, growth {norm.growth}, {json.dumps(metrics)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
