"""Build the skills model: concept vectors for ESCO v1.2.0, and a cut-off calibrated on judged links.

A concept's vector is the mean of the vectors of its preferred label, of label and alternative labels, and of label and
description; the descriptions are read from the wheels and stay in memory. The signals of `tagger.heads.RetrievalHead` are
weighted by a logistic regression on the judged links in ``training/esco/labels.csv`` and the development half of the gold set; every reported figure is for outcomes
that were left out of the fit (grouped cross-validation).

    python -m training.esco --wheels DIR --data DIR [--encoder models/encoder] --out models/esco
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray, OnnxEncoder
from tagger.fit import folds
from tagger.heads import SIGNALS, RetrievalHead
from tagger.model import Model, build_retrieval
from tagger.taxonomy import Taxonomy, load_taxonomy
from training.build_esco import read_esco_sources
from training.texts import core, descriptions, fingerprint, outcomes, sdg_rows

HERE = Path(__file__).parent
SEED = 20261121
MIN_PRECISION = 0.5
IRI = "http://data.europa.eu/esco/skill/"


def concept_vectors(taxonomy: Taxonomy, wheels: Path, encoder: OnnxEncoder) -> FloatArray:
    """Return unit rows (n_concepts, dim) in the taxonomy's order."""
    described = {row.id: row.description for row in read_esco_sources(wheels)}
    concepts = taxonomy.concepts
    total = encoder.encode([c.label for c in concepts])
    total = total + encoder.encode(
        [f"{c.label}: {', '.join(c.alt_labels[:6])}" if c.alt_labels else c.label for c in concepts]
    )
    total = total + encoder.encode([f"{c.label}. {described.get(c.id) or ''}".strip() for c in concepts])
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), dtype=np.float32)


def judged(data: Path, taxonomy: Taxonomy) -> tuple[list[str], list[dict[int, int]], list[str]]:
    """Return the judged outcomes: texts, for each the judgements (concept index to 2 right, 1 near, 0 wrong), and sources."""
    with (HERE / "esco" / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["fingerprint"]: row for row in csv.DictReader(file)}
    pool = [*outcomes(data), *descriptions(data), *((r.source, r.text) for r in sdg_rows(None))]
    texts, judgements, sources = [], [], []
    for source, text in pool:
        row = labels.pop(fingerprint(text), None)
        if row is None:
            continue
        found: dict[int, int] = {}
        for column, value in (("right", 2), ("near", 1), ("wrong", 0)):
            for name in row[column].split():
                found[taxonomy.index(IRI + name)] = value
        texts.append(core(text))
        judgements.append(found)
        sources.append(source)
    return texts, judgements, sources


def judged_gold(taxonomy: Taxonomy) -> tuple[list[str], list[dict[int, int]], list[str]]:
    """Return the same for the development half of the gold set; the test half is never read here."""
    gold = HERE / "gold"
    with (gold / "skill_pool.jsonl").open(encoding="utf-8") as lines:
        pool = {record["id"]: record["candidates"] for record in map(json.loads, lines)}
    texts, judgements, sources = [], [], []
    with (gold / "credentials.jsonl").open(encoding="utf-8") as lines:
        for credential in map(json.loads, lines):
            if credential["split"] != "dev":
                continue
            for outcome in credential["outcomes"]:
                found = {taxonomy.index(IRI + name): 0 for name in pool[outcome["id"]]}
                for skill in outcome["skills"]:
                    found[taxonomy.index(skill["concept"])] = 2 if skill["judgement"] == "right" else 1
                texts.append(core(outcome["text"]))
                judgements.append(found)
                sources.append("gold, development half")
    return texts, judgements, sources


def calibrate(
    head: RetrievalHead,
    texts: Sequence[str],
    vectors: FloatArray,
    judgements: Sequence[dict[int, int]],
    n_folds: int = 10,
) -> tuple[FloatArray, float, list[tuple[int, float, int]], int]:
    """Fit the weights of the signals.

    Returns
    -------
    coefficients, intercept
        Fitted on everything.
    unseen : list of (outcome, probability, judgement)
        For every judged candidate, the probability when its outcome was left out.
    n_right : int
        Right links that were judged, whether or not they are among the candidates: the denominator of recall.
    """
    from sklearn.linear_model import LogisticRegression

    index, signals = head.candidates(texts, vectors)
    rows, x, y = [], [], []
    for i, found in enumerate(judgements):
        for j, signal in zip(index[i].tolist(), signals[i], strict=True):
            if j in found:
                rows.append(i)
                x.append(signal)
                y.append(found[j])
    matrix, right = np.array(x), np.array(y) == 2
    fold = folds([str(r) for r in rows], n_folds, SEED)
    p = np.zeros(len(y))
    for k in range(n_folds):
        model = LogisticRegression(C=10.0).fit(matrix[fold != k], right[fold != k])
        p[fold == k] = model.predict_proba(matrix[fold == k])[:, 1]
    model = LogisticRegression(C=10.0).fit(matrix, right)
    n_right = sum(v == 2 for found in judgements for v in found.values())
    unseen = list(zip(rows, p.tolist(), y, strict=True))
    return model.coef_[0].astype(np.float32), float(model.intercept_[0]), unseen, n_right


def choose_threshold(unseen: Sequence[tuple[int, float, int]], n_right: int) -> tuple[float, dict[str, Any]]:
    """Return the threshold with the best F1 among those at least `MIN_PRECISION` precise, and what it achieves."""
    best: tuple[float, float, dict[str, Any]] = (-1.0, 0.5, {})
    p = np.array([x[1] for x in unseen])
    y = np.array([x[2] for x in unseen])
    for threshold in np.arange(0.2, 0.9, 0.01):
        hit = p >= threshold
        n, right = int(hit.sum()), int((hit & (y == 2)).sum())
        if n < 20:
            break
        precision, recall = right / n, right / n_right
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        score = f1 if precision >= MIN_PRECISION else f1 * 0.1
        if score > best[0]:
            figures = {
                "n_links": n,
                "precision": round(precision, 3),
                "recall": round(recall, 3),
                "f1": round(f1, 3),
                "right_or_near": round(float((hit & (y > 0)).sum() / n), 3),
            }
            best = (score, float(threshold), figures)
    return best[1], best[2]


def expected_calibration_error(p: npt.NDArray[np.floating], y: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error over equally wide bins (Naeini et al. 2015)."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[which == b].mean() - y[which == b].mean()) * (which == b).mean() for b in set(which)))


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, default=Path("models/encoder"))
    parser.add_argument("--out", type=Path, default=Path("models/esco"))
    options = parser.parse_args()
    taxonomy, encoder = load_taxonomy("esco"), OnnxEncoder(options.encoder)
    vectors = concept_vectors(taxonomy, options.wheels, encoder)
    blank = np.zeros(len(SIGNALS), dtype=np.float32)
    head = build_retrieval(taxonomy, vectors, blank, 0.0)
    texts, judgements, sources = judged(options.data, taxonomy)
    gold_texts, gold_judgements, gold_sources = judged_gold(taxonomy)
    texts, judgements, sources = texts + gold_texts, judgements + gold_judgements, sources + gold_sources
    coefficients, intercept, unseen, n_right = calibrate(head, texts, encoder.encode(texts), judgements)
    threshold, figures = choose_threshold(unseen, n_right)
    p, y = np.array([x[1] for x in unseen]), np.array([x[2] == 2 for x in unseen])
    metrics = {
        "what": "judged links, 10-fold by outcome; candidates nobody judged are left out",
        "n_outcomes": len(texts),
        "n_right_links": n_right,
        "threshold": round(threshold, 3),
        "calibration_error": round(expected_calibration_error(p, y), 3),
        **figures,
    }
    print(metrics, Counter(sources))
    model = Model(
        "esco",
        "0.1.0",
        taxonomy,
        build_retrieval(taxonomy, vectors, coefficients, intercept),
        np.full(len(taxonomy.concepts), threshold, dtype=np.float32),
        encoder.id,
        options={"max_tags": 5},
    )
    model.save(
        options.out,
        card=(HERE / "cards" / "esco.md").read_text(encoding="utf-8").format(**metrics, encoder=encoder.id),
        encoder_sha256=encoder.sha256,
        order=2,
        sources=[
            {
                "name": "ESCO v1.2.0",
                "licence": "European Commission reuse (2011/833/EU)",
                "use": "labels and descriptions, as vectors",
            },
            {"name": "training/esco/labels.csv", "licence": "CC BY 4.0", "use": "calibration"},
            {"name": "training/gold, development half", "licence": "CC BY 4.0", "use": "calibration"},
        ],
        metrics=metrics,
        recipe="python -m training.esco",
        seed=SEED,
    )


if __name__ == "__main__":
    main()
