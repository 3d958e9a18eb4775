"""Fit the framework-level model: a distribution over EQF levels for each outcome, combined for a credential.

    python -m training.level --data DIR [--encoder FOLDER] --out models/eqf

Words of a subject tell which school a text is from, and schools differ in the levels that they offer: a model that
learns them looks good on a random split and knows nothing of level. So nothing here is measured on a school or subject
that the model has seen, and a word is a feature only if it occurs in many of them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger import levels
from tagger.encoder import FloatArray, OnnxEncoder
from tagger.heads import LinearHead
from tagger.lexical import Lexical, features
from tagger.model import Model
from tagger.records import Credential, Level, LevelEstimate
from tagger.taxonomy import load_taxonomy
from tagger.text import split_sentences, strip_boilerplate

HERE = Path(__file__).parent / "level"
SEED = 20261121
LEVELS = np.arange(1, 9)
SCQF_TO_EQF = {7: 5, 8: 5, 9: 6, 10: 6, 11: 7, 12: 8}
N_FOLDS = 12
MIN_GROUPS = 20
"""A word is a feature if it occurs in this many schools, subjects and (twentieths of the) own outcomes."""
SOURCE_WEIGHTS = {"edinburgh": 1.0, "miun": 4.0, "own": 4.0}
"""A summary says what a course is about, an outcome what the learner can do: outcomes count for more."""
BALANCE = 0.8
"""Exponent of the class weights: 0 as the levels come, 1 all levels equal."""
EMBEDDING_SCALE = 3.0
RIDGE, RIDGE_ORDINAL = 4.0, 1.0
MIN_COVERAGE, MIN_COVERAGE_OF_LEVEL = 0.25, 0.1
"""Thresholds leave an estimate for at least these shares of credentials, overall and of those read as one level."""
LOW_LEVEL_THRESHOLD = 0.5
"""Threshold of levels 1 to 4, for which there is no catalogue to set it on."""
POWERS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
N_BOOTSTRAP = 2000
_AWARD = re.compile(
    r"\b(?:SCQF|EQF|FHEQ|MSc|MA|MBA|MRes|LLM|MPhil|MEd|PhD|BSc|BA|BEng|MEng|PG ?(?:Cert|Dip)|PGT|PGDE|PGR|UG"
    r"|honours|hons|postgraduate|undergraduate|doctoral|doctorate|masters?(?:[’']s)?|degrees?|programmes?|level"
    r"|(?:first|second|third|fourth|fifth|final|junior|senior|pre-?honours)[- ]years?"
    r"|years? (?:one|two|three|four|five|\d)|students? (?:from|on|in))\b",
    re.IGNORECASE,
)
"""Sentences of course summaries that name an award or a year tell the level outright, as outcomes do not: left out."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Unit:
    """A credential to learn from: its source, school or subject, EQF level and outcomes (or a summary's sentences)."""

    source: str
    group: str
    eqf: int
    texts: tuple[str, ...]


def _core(text: str) -> str:
    text = " ".join(text.split())
    start, end = strip_boilerplate(text)
    return text[start:end] if end > start else text


def own_units() -> list[Unit]:
    """Return our own outcomes, each a credential and a group by itself."""
    with (HERE / "outcomes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Unit("own", f"own {i}", int(row["eqf"]), (_core(row["text"]),)) for i, row in enumerate(rows)]


def catalogue_units(data: Path) -> Iterator[Unit]:
    """Yield the courses of the data folder that have an EQF level and something to read."""
    with gzip.open(data / "catalogues" / "edinburgh_drps_2024_25.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found = [s.text for s in split_sentences(row["summary"] or "")]
            texts = tuple(_core(s) for s in found if 30 < len(s) < 320 and not _AWARD.search(s))
            if texts:
                yield Unit("edinburgh", f"edinburgh {row['school']}", SCQF_TO_EQF[row["scqf_level"]], texts)
    with gzip.open(data / "catalogues" / "miun_sweden.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            texts = tuple(_core(t) for t in row["outcomes_en"] or () if len(t) > 12)
            if texts and row["eqf_level"]:
                # Doctoral courses all stand under one subject in the file; their titles begin with the true one.
                subject = row["title"].split(",")[0].strip() if row["eqf_level"] == 8 else row["subject"]
                yield Unit("miun", f"miun {subject}", row["eqf_level"], texts)


def distinct(units: Sequence[Unit]) -> list[Unit]:
    """Return the units without those that repeat another's texts."""
    seen: dict[tuple[str, str], Unit] = {}
    for unit in units:
        seen.setdefault((unit.source, " ".join(unit.texts).casefold()), unit)
    return list(seen.values())


def group_folds(units: Sequence[Unit], n_folds: int = N_FOLDS, seed: int = SEED) -> Ints:
    """Assign units to folds of about equal size for every source, whole groups together."""
    sizes = Counter((u.source, u.group) for u in units)
    rng = np.random.default_rng(seed)
    fold: dict[str, int] = {}
    for source in sorted({u.source for u in units}):
        load = np.zeros(n_folds)
        groups = sorted(g for s, g in sizes if s == source)
        rng.shuffle(groups)
        for group in sorted(groups, key=lambda g: -sizes[source, g]):
            k = int(load.argmin())
            fold[group] = k
            load[k] += sizes[source, group]
    return np.array([fold[u.group] for u in units], dtype=np.int64)


def shared_words(units: Sequence[Unit], min_groups: int = MIN_GROUPS) -> Lexical:
    """Return the words (and first two words by position) that occur in at least `min_groups` groups."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    df: Counter[str] = Counter()
    for unit in units:
        group = f"own {int(unit.group.split()[1]) % 20}" if unit.source == "own" else unit.group
        for text in unit.texts:
            names = {f.name for f in features(text, 1, 2)}
            df.update(names)
            for name in names:
                groups[name].add(group)
    names_kept = sorted(name for name, found in groups.items() if len(found) >= min_groups)
    n = sum(len(u.texts) for u in units)
    idf = np.array([math.log((1 + n) / (1 + df[name])) + 1 for name in names_kept], dtype=np.float32)
    return Lexical({name: i for i, name in enumerate(names_kept)}, idf, 1, 2)


def text_matrix(texts: Sequence[str], lexical: Lexical, vectors: FloatArray | None) -> FloatArray:
    """Return the features of each text: words, then the scaled vector where there is one; (n_texts, n_features)."""
    x = np.zeros((len(texts), len(lexical.vocabulary)), dtype=np.float32)
    for i, text in enumerate(texts):
        row = lexical.row(text)
        x[i, row.columns] = row.value
    return x if vectors is None else np.hstack([x, EMBEDDING_SCALE * vectors])


def unit_means(x: FloatArray, n_texts: Ints) -> FloatArray:
    """Return the mean features of each unit (n_units, n_features); `x` has a row for each text, unit after unit."""
    total = np.add.reduceat(x, np.cumsum(n_texts) - n_texts, axis=0)
    return np.asarray(total / n_texts[:, None], dtype=np.float32)


def unit_weights(units: Sequence[Unit]) -> Floats:
    """Return the weight of each unit: its source's, times that of its level; mean 1."""
    w = np.array([SOURCE_WEIGHTS[u.source] for u in units])
    y = np.array([u.eqf for u in units])
    total = {level: w[y == level].sum() / w.sum() for level in np.unique(y).tolist()}
    w *= np.array([total[level] ** -BALANCE for level in y.tolist()])
    return np.asarray(w * len(w) / w.sum())


def fit_ordinal(x: FloatArray, y: Ints, weights: Floats) -> tuple[FloatArray, FloatArray]:
    """Fit a softmax over the eight levels whose scores lie near a line in the level.

    The coefficients are a (level - 4.5) / 4 + F: the common direction `a` carries the order of the levels and is
    shrunk less than the free part `F` (an adjacent-categories model, Agresti 2010, with room to bend).

    Returns
    -------
    coefficients : ndarray (n_features, 8)
    intercept : ndarray (8,)
        Minus infinity for a level that no unit has.
    """
    from scipy.optimize import minimize

    d, k = x.shape[1], len(LEVELS)
    line = ((LEVELS - 4.5) / 4).astype(np.float32)
    target = (y[:, None] == LEVELS).astype(np.float32)
    missing = np.where(target.any(axis=0), 0.0, -np.inf).astype(np.float32)
    w = weights.astype(np.float32)[:, None]

    def loss(p: Floats) -> tuple[float, Floats]:
        p32 = p.astype(np.float32)
        a, free, b = p32[:d], p32[d : d + d * k].reshape(d, k), p32[-k:]
        z = x @ (free + a[:, None] * line) + b + missing
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        hit = np.where(target > 0, z, 0).sum(axis=1, keepdims=True)
        value = float((w * (np.log(total) - hit)).sum())
        value += 0.5 * RIDGE_ORDINAL * float(a @ a) + 0.5 * RIDGE * float((free * free).sum())
        difference = w * (e / total - target)
        g = x.T @ difference
        parts = [g @ line + RIDGE_ORDINAL * a, (g + RIDGE * free).ravel(), difference.sum(axis=0)]
        return value, np.concatenate(parts).astype(np.float64)

    p = minimize(loss, np.zeros(d + d * k + k), jac=True, method="L-BFGS-B", options={"maxiter": 80}).x
    coefficients = p[d : d + d * k].reshape(d, k) + p[:d, None] * line
    return coefficients.astype(np.float32), (p[-k:] + missing).astype(np.float32)


def log_softmax(z: npt.NDArray[np.floating]) -> Floats:
    """Return the logarithm of the softmax over the last axis, floored as in the tagger's combination."""
    z = z.astype(np.float64)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(np.log(e / e.sum(axis=-1, keepdims=True) + 1e-6))


def combine(mean_log: Floats, n_outcomes: Ints, shrink: float, power: float) -> Floats:
    """Return level probabilities of credentials (n, 8) from the mean of their outcomes' log probabilities."""
    return np.exp(log_softmax(mean_log * (shrink * n_outcomes**power)[:, None]))


@dataclass(frozen=True, slots=True)
class Unseen:
    """What models that never saw a unit's school or subject say of it.

    Attributes
    ----------
    fold, eqf, n_outcomes : ndarray (n_units,)
    mean_log : ndarray (n_units, 8)
    in_catalogue : ndarray of bool (n_units,)
        False for our own outcomes.
    """

    fold: Ints
    eqf: Ints
    n_outcomes: Ints
    mean_log: Floats
    in_catalogue: npt.NDArray[np.bool_]


def leave_groups_out(units: Sequence[Unit], x: FloatArray, n_folds: int = N_FOLDS) -> Unseen:
    """Predict every unit from the units of other schools and subjects; `x` has a row for each text, in order."""
    n = np.array([len(u.texts) for u in units], dtype=np.int64)
    start = np.cumsum(n) - n
    mean = unit_means(x, n)
    y, w, fold = np.array([u.eqf for u in units]), unit_weights(units), group_folds(units, n_folds)
    owner = np.repeat(fold, n)
    z = np.zeros((len(x), len(LEVELS)), dtype=np.float32)
    for k in range(n_folds):
        coefficients, intercept = fit_ordinal(mean[fold != k], y[fold != k], w[fold != k])
        z[owner == k] = x[owner == k] @ coefficients + intercept
    mean_log = np.add.reduceat(log_softmax(z), start, axis=0) / n[:, None]
    return Unseen(fold, y, n, mean_log, np.array([u.source != "own" for u in units]))


def sharpness(unseen: Unseen, rows: npt.NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Return the (shrink, power) that make the probabilities of `rows` most likely."""
    from scipy.optimize import minimize_scalar

    mean_log, n, y, w = unseen.mean_log[rows], unseen.n_outcomes[rows], unseen.eqf[rows], weights[rows]

    def loss(shrink: float, power: float) -> float:
        p = combine(mean_log, n, shrink, power)
        return float(-(w * np.log(p[np.arange(len(y)), y - 1] + 1e-9)).sum())

    found = []
    for power in POWERS:
        result = minimize_scalar(loss, bounds=(0.05, 5.0), args=(power,), method="bounded")
        found.append((float(result.fun), float(result.x), power))
    _, shrink, power = min(found)
    return shrink, power


def kappa(table: npt.NDArray[Any]) -> float:
    """Return the quadratic weighted kappa (Cohen 1968) of a confusion table; 0 where it is not defined.

    Examples
    --------
    >>> kappa(np.eye(8)), kappa(np.ones((8, 8)))
    (1.0, 0.0)
    """
    cost = (np.arange(len(table))[:, None] - np.arange(len(table))) ** 2
    expected = float((cost * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1.0 - float((cost * table).sum()) * float(table.sum()) / expected if expected else 0.0


def tables(eqf: Ints, predicted: Ints, by: Ints, n: int) -> npt.NDArray[np.int64]:
    """Return `n` confusion tables (true, predicted), one for each value of `by`; (n, 8, 8)."""
    k = len(LEVELS)
    flat = np.bincount((by * k + eqf - 1) * k + predicted - 1, minlength=n * k * k)
    return flat.reshape(n, k, k)


def choose_thresholds(probability: Floats, eqf: Ints) -> FloatArray:
    """Return a threshold for each level: those with the best kappa among those that keep enough (`MIN_COVERAGE`)."""
    predicted, best = probability.argmax(axis=1), probability.max(axis=1)
    options: list[list[tuple[float, npt.NDArray[np.int64]]]] = []
    for k in range(len(LEVELS)):
        rows = predicted == k
        low = (
            [LOW_LEVEL_THRESHOLD]
            if k < 4 or not rows.any()
            else [float(np.quantile(best[rows], q)) for q in (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 1 - MIN_COVERAGE_OF_LEVEL)]
        )
        options.append(
            [
                (t, tables(eqf[m], predicted[m] + 1, np.zeros(int(m.sum()), dtype=np.int64), 1)[0])
                for t in low
                for m in (rows & (best >= t),)
            ]
        )
    enough = MIN_COVERAGE * len(eqf)
    choices = [(c, sum(table for _, table in c)) for c in itertools.product(*options)]
    allowed = [(c, table) for c, table in choices if np.sum(table) >= enough] or choices
    chosen = max(allowed, key=lambda x: kappa(np.asarray(x[1])))[0]
    return np.array([t for t, _ in chosen], dtype=np.float32)


def interval(groups: Sequence[str], eqf: Ints, predicted: Ints, seed: int = SEED) -> tuple[float, float, float]:
    """Return kappa and its 95% interval: schools and subjects are drawn again, then the courses in them."""
    names, by = np.unique(np.asarray(groups), return_inverse=True)
    table = tables(eqf, predicted, by.astype(np.int64), len(names))
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(N_BOOTSTRAP):
        total = table[rng.integers(len(names), size=len(names))].sum(axis=0).ravel()
        n = int(total.sum())
        draws.append(kappa(rng.multinomial(n, total / n).reshape(table.shape[1:])))
    low, high = np.quantile(draws, [0.025, 0.975])
    return round(kappa(table.sum(axis=0)), 3), round(float(low), 3), round(float(high), 3)


def figures(units: Sequence[Unit], eqf: Ints, predicted: Ints, kept: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return kappa with interval, exact and near agreement, and coverage, for the rows that are kept.

    `commonest` is what one gets by always saying the commonest level of these rows (its kappa is 0).
    """
    y, p = eqf[kept], predicted[kept]
    if not len(y):
        return {"n": 0, "coverage": 0.0}
    common = int(np.bincount(y).argmax())
    value, low, high = interval([u.group for u, k in zip(units, kept, strict=True) if k], y, p)
    return {
        "n": int(kept.sum()),
        "coverage": round(float(kept.mean()), 3),
        "qwk": value,
        "interval": [low, high],
        "accuracy": round(float((y == p).mean()), 3),
        "within_one": round(float((abs(y - p) <= 1).mean()), 3),
        "mean_error": round(float(abs(y - p).mean()), 2),
        "commonest": {
            "level": common,
            "accuracy": round(float((y == common).mean()), 3),
            "within_one": round(float((abs(y - common) <= 1).mean()), 3),
        },
        "coverage_by_level": {
            str(k): round(float(kept[eqf == k].mean()), 3) for k in LEVELS.tolist() if (eqf == k).any()
        },
    }


def mismatches(eqf: Ints, probability: Floats, says: npt.NDArray[np.bool_], shift: int = 0) -> int:
    """Count the findings of `tagger.levels.check` when credentials state a level `shift` away from their own.

    A shift that would leave the framework is made in the other direction.
    """
    n = 0
    for y, p, sure in zip(eqf.tolist(), probability, says, strict=True):
        stated = y + shift if 1 <= y + shift <= 8 else y - shift
        distribution = {str(k): round(float(v), 4) for k, v in zip(LEVELS.tolist(), p, strict=True)}
        estimate = LevelEstimate(int(p.argmax()) + 1 if sure else None, distribution, "eqf")
        n += len(levels.check(Credential("x", level=Level("EQF", str(stated), estimate)))[0])
    return n


def mismatch_figures(eqf: Ints, probability: Floats, says: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return false alarms (the stated level is taken to be right), and how often a wrong level is found."""
    alarms = mismatches(eqf, probability, says)
    sure = mismatches(eqf[says], probability[says], says[says])
    found = [mismatches(eqf, probability, says, shift) for shift in (-2, 2)]
    return {
        "n": len(eqf),
        "false_alarms": alarms,
        "false_alarm_rate": round(alarms / len(eqf), 4),
        "false_alarm_rate_where_estimated": round(sure / max(int(says.sum()), 1), 4),
        "false_alarm_rate_by_level": {
            str(k): round(mismatches(eqf[rows], probability[rows], says[rows]) / int(rows.sum()), 4)
            for k in LEVELS.tolist()
            for rows in (eqf == k,)
            if rows.any()
        },
        "found_two_too_low": round(found[0] / len(eqf), 4),
        "found_two_too_high": round(found[1] / len(eqf), 4),
    }


def evaluate(units: Sequence[Unit], unseen: Unseen) -> dict[str, Any]:
    """Measure on schools and subjects left out; sharpness and thresholds too come from the others."""
    n, weights = len(units), unit_weights(units)
    probability, threshold = np.zeros((n, len(LEVELS))), np.zeros(n)
    for k in np.unique(unseen.fold):
        others, here = unseen.fold != k, unseen.fold == k
        p = combine(unseen.mean_log, unseen.n_outcomes, *sharpness(unseen, others, weights))
        chosen = choose_thresholds(p[others & unseen.in_catalogue], unseen.eqf[others & unseen.in_catalogue])
        probability[here], threshold[here] = p[here], chosen[p[here].argmax(axis=1)]
    predicted = probability.argmax(axis=1) + 1
    says = probability.max(axis=1) >= threshold
    source = np.array([u.source for u in units])

    def part(rows: npt.NDArray[np.bool_]) -> dict[str, Any]:
        chosen = [u for u, r in zip(units, rows, strict=True) if r]
        y, p = unseen.eqf[rows], predicted[rows]
        return {
            "all": figures(chosen, y, p, np.ones(len(y), dtype=bool)),
            "with_estimate": figures(chosen, y, p, says[rows]),
            "level_mismatch": mismatch_figures(y, probability[rows], says[rows]),
        }

    result = {"catalogues": part(unseen.in_catalogue)}
    for name in sorted(set(source.tolist())):
        result[name] = part(source == name)
    own = source == "own"
    result["own"]["by_level"] = {
        str(k): {
            "n": int((own & (unseen.eqf == k)).sum()),
            "within_one": round(float((abs(predicted - k) <= 1)[own & (unseen.eqf == k)].mean()), 3),
            "mean_estimate": round(float(predicted[own & (unseen.eqf == k)].mean()), 2),
        }
        for k in LEVELS.tolist()
    }
    return result


def own_in_fives(
    unseen: Unseen, own: npt.NDArray[np.bool_], shrink: float, power: float, thresholds: FloatArray
) -> dict[str, Any]:
    """Measure on made-up credentials of five of our own outcomes of one level, each predicted unseen."""
    rng = np.random.default_rng(SEED)
    drawn = []
    for level in LEVELS:
        rows = rng.permutation(np.flatnonzero(own & (unseen.eqf == level)))
        drawn += [rows[i : i + 5] for i in range(0, len(rows) - 4, 5)]
    mean_log = np.stack([unseen.mean_log[rows].mean(axis=0) for rows in drawn])
    eqf = np.array([unseen.eqf[rows[0]] for rows in drawn], dtype=np.int64)
    p = combine(mean_log, np.full(len(drawn), 5), shrink, power)
    says = p.max(axis=1) >= thresholds[p.argmax(axis=1)]
    units = [Unit("own", f"{i}", int(y), ()) for i, y in enumerate(eqf)]
    predicted = p.argmax(axis=1) + 1
    return {
        "all": figures(units, eqf, predicted, np.ones(len(eqf), dtype=bool)),
        "with_estimate": figures(units, eqf, predicted, says),
        "level_mismatch": mismatch_figures(eqf, p, says),
    }


def build(units: Sequence[Unit], encoder: OnnxEncoder | None) -> tuple[Model, dict[str, Any]]:
    """Fit the model to all units; return it with what was measured on groups left out."""
    texts = [t for u in units for t in u.texts]
    lexical = shared_words(units)
    vectors = None if encoder is None else encoder.encode(texts)
    x = text_matrix(texts, lexical, vectors)
    unseen = leave_groups_out(units, x)
    metrics: dict[str, Any] = {
        "validation": "schools and subjects left out whole; sharpness and thresholds from the others"
    }
    metrics |= evaluate(units, unseen)
    n = np.array([len(u.texts) for u in units])
    mean = unit_means(x, n)
    weights = unit_weights(units)
    coefficients, intercept = fit_ordinal(mean, unseen.eqf, weights)
    shrink, power = sharpness(unseen, np.ones(len(units), dtype=bool), weights)
    probability = combine(unseen.mean_log, unseen.n_outcomes, shrink, power)
    thresholds = choose_thresholds(probability[unseen.in_catalogue], unseen.eqf[unseen.in_catalogue])
    metrics["own_in_fives"] = own_in_fives(unseen, ~unseen.in_catalogue, shrink, power, thresholds)
    d = len(lexical.vocabulary)
    ones = np.ones(len(LEVELS), dtype=np.float32)
    head = LinearHead(
        None if vectors is None else np.ascontiguousarray(coefficients[d:] * EMBEDDING_SCALE),
        lexical,
        np.ascontiguousarray(coefficients[:d]),
        intercept,
        ones,
        0 * ones,
        softmax=True,
    )
    taxonomy = load_taxonomy("eqf")
    assert [c.level for c in taxonomy.concepts] == [str(k) for k in LEVELS]
    options = {"power": power, "shrink": round(shrink, 4)}
    encoder_id = None if encoder is None else encoder.id
    return Model("eqf", "0.3.0", taxonomy, head, thresholds, encoder_id, options=options), metrics


def flat(metrics: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested figures under names joined by underscores, for the card."""
    result: dict[str, Any] = {}
    for key, value in metrics.items():
        result |= flat(value, f"{prefix}{key}_") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the recipe; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.level", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with catalogues/")
    parser.add_argument("--encoder", type=Path, help="encoder folder; `encoder` beside --out if not given")
    parser.add_argument("--out", type=Path, default=Path("models/eqf"))
    options = parser.parse_args(argv)
    units = distinct([*catalogue_units(options.data), *own_units()])
    encoder = OnnxEncoder(options.encoder or options.out.parent / "encoder")
    _, words_alone = build(units, None)
    model, metrics = build(units, encoder)
    metrics["words_alone"] = {
        part: words_alone[part] for part in ("catalogues", "edinburgh", "miun", "own", "own_in_fives")
    }
    n = Counter(u.source for u in units)
    sources = [
        {
            "name": "training/level/outcomes.csv",
            "licence": "CC BY 4.0",
            "use": f"training, {n['own']} outcomes of levels 1 to 8",
        },
        {
            "name": "Mid Sweden University syllabi, learning goals in English (amandakann/kursplansanalys, commit "
            "633473cb089664fd74abe0e9bee940d786edda4c)",
            "licence": "none stated; official documents of a Swedish public authority; research use, no text shipped",
            "use": f"training, {n['miun']} courses of levels 6 to 8",
        },
        {
            "name": "University of Edinburgh course summaries 2024/25 (dogamujde/HacktheBurgh2025, commit "
            "6f3797912515067bc9aa7a4c1e34288c67e97141)",
            "licence": "none stated; research use, no text shipped",
            "use": f"training at low weight, {n['edinburgh']} courses of SCQF 7 to 12",
        },
    ]
    values = flat(metrics) | {
        "encoder": encoder.id,
        "n_words": len(model.head.lexical.vocabulary),  # type: ignore[union-attr]
        **{f"n_{name}": count for name, count in n.items()},
        "shrink": model.options["shrink"],
        "power": model.options["power"],
        "thresholds": ", ".join(f"{k}: {t:.2f}" for k, t in zip(LEVELS.tolist(), model.thresholds, strict=True)),
        "unusual": levels.UNUSUAL_BELOW,
        "readable": levels.READABLE_FROM,
    }
    card = (HERE / "card.md").read_text(encoding="utf-8").format(**values)
    recipe = "python -m training.level --data DIR"
    model.save(
        options.out,
        card=card,
        encoder_sha256=encoder.sha256,
        order=4,
        sources=sources,
        metrics=metrics,
        recipe=recipe,
        seed=SEED,
    )
    print(json.dumps(metrics, indent=1), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
