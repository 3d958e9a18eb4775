"""Build the skills model: concept vectors for ESCO v1.2.0, a re-ranker, and a cut-off calibrated on judged links.

A concept's vector is the mean of the vectors of its preferred label, of label and alternative labels, and of label and
description; the descriptions are read from the wheels and stay in memory. The signals of `tagger.heads.RetrievalHead` are
weighed by a small network fitted on the judged links in ``training/esco/labels.csv``, the development half of the gold set, our
own outcomes and names of skills (``training/esco``), and job advertisements (`JOB_ADS`); every reported figure is for outcomes that were left out of the fit (grouped cross-validation).

    python -m training.esco --wheels DIR --data DIR [--encoder models/encoder] --out models/esco
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray, OnnxEncoder
from tagger.fit import folds
from tagger.heads import SIGNALS, Network, RetrievalHead, sigmoid
from tagger.model import Model, build_retrieval
from tagger.taxonomy import Taxonomy, load_taxonomy
from training import gold
from training.build_esco import read_esco_sources
from training.evaluate_skills import job_ads
from training.measures import expected_calibration_error
from training.texts import (
    ESCO,
    core,
    fingerprint,
    judged_skills,
    outcomes,
    own_credentials,
    own_skill_outcomes,
    skill_names,
)

HERE = Path(__file__).parent
SEED = 20261121
MIN_PRECISION = 0.4
HIGH = 0.8
"""High confidence: tags from there on are at least so precise."""
SILENCE = 0.2
"""Weight of a candidate that nobody judged, as a wrong one."""
JOB_ADS = ("tech_validation", "house_validation", "skillskape_dev")
"""Sentences of job advertisements with all of their concepts. Without them the re-ranker, which else knows course texts only, loses on job
advertisements (R-precision at 5 on TECH 0.53 instead of 0.58) what it gains on outcomes."""
N_HIDDEN, N_STARTS = 12, 2
PRIOR_WEIGHT = 4
"""A concept's prior is drawn towards the share of right candidates as by so many judgements."""
PENALTY = 1.0


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


def judged_gold(taxonomy: Taxonomy) -> list[tuple[str, dict[str, int]]]:
    """Return the development half of the gold set, as `training.texts.judged_skills` does; the test half is never read here."""
    pool = {record["id"]: record["candidates"] for record in gold.read("skill_pool.jsonl")}
    found = []
    for credential in gold.credentials("dev"):
        for outcome in credential["outcomes"]:
            judgements = dict.fromkeys((ESCO + name for name in pool[outcome["id"]]), 0)
            for skill in outcome["skills"]:
                judgements[skill["concept"]] = 2 if skill["judgement"] == "right" else 1
            found.append((core(outcome["text"]), judgements))
    return found


@dataclass(frozen=True, slots=True)
class Links:
    """Candidates with their signals and what is known of them.

    Attributes
    ----------
    text : ndarray of int64 (n,)
        Position of the text in `texts`.
    concept : ndarray of int64 (n,)
    signals : ndarray of float32 (n, len(SIGNALS))
    value : ndarray of int64 (n,)
        2 right, 1 near, 0 wrong.
    weight : ndarray of float32 (n,)
    n_right : int
        Right links that are known, among the candidates or not: the denominator of recall.
    n_real : int
        The first so many texts have judged links: real outcomes, those of own credentials, gold development half.
    """

    text: npt.NDArray[np.int64]
    concept: npt.NDArray[np.int64]
    signals: FloatArray
    value: npt.NDArray[np.int64]
    weight: FloatArray
    n_right: int
    n_real: int = 0


def links(
    head: RetrievalHead,
    taxonomy: Taxonomy,
    encoder: OnnxEncoder,
    texts: Sequence[str],
    judgements: Sequence[dict[str, int]],
    silence: float,
) -> Links:
    """Find the candidates of each text and join the judgements; candidates nobody judged count as wrong with weight `silence`."""
    rows, concepts, signals, values, weights = [], [], [], [], []
    for start in range(0, len(texts), 256):
        part = list(texts[start : start + 256])
        vectors, tokens = encoder.encode_tokens(part)
        index, found = head.candidates(part, vectors, tokens=tokens)
        for n in range(len(part)):
            known = {taxonomy.index(iri): value for iri, value in judgements[start + n].items()}
            for j, signal in zip(index[n].tolist(), found[n], strict=True):
                if j in known or silence > 0:
                    rows.append(start + n)
                    concepts.append(j)
                    signals.append(signal)
                    values.append(known.get(j, 0))
                    weights.append(1.0 if j in known else silence)
    n_right = sum(value == 2 for found_ in judgements for value in found_.values())
    return Links(
        np.array(rows),
        np.array(concepts),
        np.array(signals, dtype=np.float32),
        np.array(values),
        np.array(weights, dtype=np.float32),
        n_right,
    )


@dataclass(frozen=True, slots=True)
class Scorer:
    """A fitted re-ranker, in the form that `RetrievalHead` takes."""

    coefficients: FloatArray
    intercept: float
    network: Network | None

    def probability(self, signals: FloatArray) -> FloatArray:
        """Return (n,) of (n, len(SIGNALS))."""
        z = signals @ self.coefficients + self.intercept
        if self.network is not None:
            z = z + self.network.score(signals[None])[0]
        return sigmoid(z)


def fit_scorer(
    signals: FloatArray, right: npt.NDArray[np.bool_], weight: FloatArray, n_hidden: int = N_HIDDEN
) -> Scorer:
    """Fit the re-ranker: a small network over the standardised signals, the mean of several starts, then calibrated (Platt).

    A logistic regression is the special case of no hidden units.
    """
    from scipy.optimize import minimize

    mean, scale = signals.mean(0).astype(np.float64), signals.std(0).astype(np.float64) + 1e-6
    x, y, w = (signals - mean) / scale, right.astype(np.float64), weight.astype(np.float64)
    n_signals = x.shape[1]
    hiddens, biases, outputs, linear, intercept = [], [], [], np.zeros(n_signals), 0.0
    for seed in range(N_STARTS if n_hidden else 1):
        rng = np.random.default_rng(SEED + seed)
        start = np.concatenate(
            [
                rng.normal(0, 0.3, n_signals * n_hidden),
                np.zeros(n_hidden),
                rng.normal(0, 0.3, n_hidden),
                np.zeros(n_signals + 1),
            ]
        )

        def loss(p: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            a = p[: n_signals * n_hidden].reshape(n_signals, n_hidden)
            b, o = p[n_signals * n_hidden :][:n_hidden], p[n_signals * n_hidden + n_hidden :][:n_hidden]
            line, c = p[-n_signals - 1 : -1], p[-1]
            inner = np.tanh(x @ a + b)
            z = inner @ o + x @ line + c
            residual = w * (0.5 * (1 + np.tanh(z / 2)) - y)
            back = residual[:, None] * o * (1 - inner**2)
            value = float((w * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * PENALTY * (p[:-1] ** 2).sum())
            gradient = np.concatenate(
                [(x.T @ back).ravel(), back.sum(0), inner.T @ residual, x.T @ residual, [residual.sum()]]
            )
            gradient[:-1] += PENALTY * p[:-1]
            return value, gradient

        p = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150}).x
        a = p[: n_signals * n_hidden].reshape(n_signals, n_hidden)
        b, o = p[n_signals * n_hidden :][:n_hidden], p[n_signals * n_hidden + n_hidden :][:n_hidden]
        n_starts = N_STARTS if n_hidden else 1
        hiddens.append(a / scale[:, None])
        biases.append(b - (mean / scale) @ a)
        outputs.append(o / n_starts)
        linear += p[-n_signals - 1 : -1] / scale / n_starts
        intercept += float(p[-1] - (mean / scale) @ p[-n_signals - 1 : -1]) / n_starts
    network = None
    if n_hidden:
        parts = (np.concatenate(hiddens, axis=1), np.concatenate(biases), np.concatenate(outputs))
        network = Network(*(np.asarray(part, dtype=np.float32) for part in parts))
    return Scorer(np.asarray(linear, dtype=np.float32), intercept, network)


def unseen_probabilities(found: Links, groups: Sequence[str], n_hidden: int = N_HIDDEN, n_folds: int = 5) -> FloatArray:
    """Return, for each candidate, the probability when its text was left out of the fit."""
    fold = folds([groups[t] for t in found.text], n_folds, SEED)
    p = np.zeros(len(found.value), dtype=np.float32)
    for k in range(n_folds):
        train = fold != k
        scorer = fit_scorer(found.signals[train], found.value[train] == 2, found.weight[train], n_hidden)
        p[~train] = scorer.probability(found.signals[~train])
    return p


def training_links(
    head: RetrievalHead, taxonomy: Taxonomy, encoder: OnnxEncoder, data: Path
) -> tuple[Links, list[str]]:
    """Return the candidates that the re-ranker learns from, judged real outcomes first, and the group of each text.

    Only texts are taken that the encoder never saw beside their links: near a text that it was trained on, it is too sure. Of names of skills
    and job advertisements every right concept was looked for, so that their other candidates are wrong for certain.
    """
    seen = {text for text, _ in judged_skills(data, for_encoder=True)}
    real = [(text, judged) for text, judged in judged_skills(data) if text not in seen]
    real += judged_gold(taxonomy)
    own = [(text, dict.fromkeys(concepts, 2)) for text, concepts, held_out in own_skill_outcomes() if held_out]
    first = links(head, taxonomy, encoder, [t for t, _ in real], [j for _, j in real], SILENCE)
    second = links(head, taxonomy, encoder, [t for t, _ in own], [j for _, j in own], SILENCE)
    names = skill_names(for_evaluation=False)
    known = frozenset(c.id for c in taxonomy.concepts)
    names += [(c.text, dict.fromkeys(c.right, 2)) for name in JOB_ADS for c in job_ads(data, name, known)]
    third = links(head, taxonomy, encoder, [t for t, _ in names], [j for _, j in names], 1.0)
    together = Links(
        np.concatenate([first.text, second.text + len(real), third.text + len(real) + len(own)]),
        np.concatenate([first.concept, second.concept, third.concept]),
        np.concatenate([first.signals, second.signals, third.signals]),
        np.concatenate([first.value, second.value, third.value]),
        np.concatenate([first.weight, second.weight, third.weight]),
        first.n_right,
        len(real),
    )
    credential_of = {
        core(o["text"]): c["title"] for c in [*own_credentials(), *gold.credentials("dev")] for o in c["outcomes"]
    }
    return together, [fingerprint(credential_of.get(text, text)) for text, _ in [*real, *own, *names]]


def priors(found: Links, n_concepts: int, chosen: npt.NDArray[np.bool_]) -> FloatArray:
    """Return `tagger.heads.RetrievalHead.prior`, (n_concepts,), from the judged candidates of real outcomes among those chosen."""
    these = chosen & (found.weight == 1) & (found.text < found.n_real)
    right = (found.value[these] == 2).astype(np.float64)
    rate = right.mean()
    n_right = np.bincount(found.concept[these], right, minlength=n_concepts)
    n = np.bincount(found.concept[these], minlength=n_concepts)
    share = (n_right + PRIOR_WEIGHT * rate) / (n + PRIOR_WEIGHT)
    return np.asarray(np.log(share / (1 - share)) - np.log(rate / (1 - rate)), dtype=np.float32)


def with_priors(found: Links, n_concepts: int, groups: Sequence[str], n_folds: int = 5) -> Links:
    """Return the links with the priors among their signals: each candidate's from the judgements of other folds' texts."""
    fold = folds([groups[t] for t in found.text], n_folds, SEED)
    signals = found.signals.copy()
    for k in range(n_folds):
        signals[fold == k, -1] = priors(found, n_concepts, fold != k)[found.concept[fold == k]]
    return replace(found, signals=signals)


def confidence(
    p: FloatArray, value: npt.NDArray[np.int64], text: npt.NDArray[np.int64], threshold: float
) -> dict[str, Any]:
    """Return the lowest probability from which tags are `HIGH` precise, and the share of tagged texts that have such a tag."""
    high = 1.0
    for candidate in np.arange(0.95, threshold, -0.01):
        hit = p >= candidate
        if hit.sum() >= 20 and (value[hit] == 2).mean() >= HIGH:
            high = float(candidate)
        elif hit.sum() >= 20:
            break
    sure, tagged = set(text[p >= high].tolist()), set(text[p >= threshold].tolist())
    return {
        "high_confidence": round(high, 2),
        "n_high": int((p >= high).sum()),
        "high_coverage": round(len(sure) / max(len(tagged), 1), 3),
    }


def choose_threshold(p: FloatArray, value: npt.NDArray[np.int64], n_right: int) -> float:
    """Return the threshold with the best F1 among those at least `MIN_PRECISION` precise."""
    best = (-1.0, 0.5)
    for threshold in np.arange(0.2, 0.9, 0.01):
        figures = decisions(p, value, n_right, float(threshold))
        if figures["n_links"] < 20:
            break
        score = figures["f1"] if figures["precision"] >= MIN_PRECISION else 0.1 * figures["f1"]
        best = max(best, (score, float(threshold)))
    return best[1]


def decisions(p: FloatArray, value: npt.NDArray[np.int64], n_right: int, threshold: float) -> dict[str, Any]:
    """Return what a threshold achieves on judged candidates."""
    hit = p >= threshold
    n, right = int(hit.sum()), int((hit & (value == 2)).sum())
    return {
        "n_links": n,
        "precision": round(right / max(n, 1), 3),
        "recall": round(right / max(n_right, 1), 3),
        "f1": round(2 * right / max(n + n_right, 1), 3),
        "right_or_near": round(float((hit & (value > 0)).sum() / max(n, 1)), 3),
    }


def hubness(taxonomy: Taxonomy, vectors: FloatArray, data: Path, encoder: OnnxEncoder) -> FloatArray:
    """Return each concept's mean cosine with 3,000 real outcomes."""
    texts = sorted({core(text) for _, text in outcomes(data)}, key=fingerprint)[:3000]
    return np.asarray((encoder.encode(texts) @ vectors.T).mean(axis=0), dtype=np.float32)


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
    hubs = hubness(taxonomy, vectors, options.data, encoder)
    blank = np.zeros(len(SIGNALS), dtype=np.float32)
    head = build_retrieval(taxonomy, vectors, blank, 0.0, hubness=hubs)
    found, groups = training_links(head, taxonomy, encoder, options.data)
    found = with_priors(found, len(taxonomy), groups)
    real = found.text < found.n_real
    p = unseen_probabilities(found, groups)
    judged = real & (found.weight == 1)
    threshold = choose_threshold(p[judged], found.value[judged], found.n_right)
    metrics = {
        "what": "judged links of outcomes that the encoder never saw beside them (real ones, own credentials, gold development half), 5-fold by credential; candidates nobody judged are left out",
        "n_outcomes": found.n_real,
        "n_own": len(groups) - found.n_real,
        "n_right_links": found.n_right,
        "threshold": round(threshold, 3),
        "calibration_error": round(expected_calibration_error(p[judged], found.value[judged] == 2), 3),
        **decisions(p[judged], found.value[judged], found.n_right, threshold),
        **confidence(p[judged], found.value[judged], found.text[judged], threshold),
    }
    print(metrics)
    scorer = fit_scorer(found.signals, found.value == 2, found.weight)
    fitted = build_retrieval(
        taxonomy,
        vectors,
        scorer.coefficients,
        scorer.intercept,
        network=scorer.network,
        hubness=hubs,
        prior=priors(found, len(taxonomy), np.ones(len(found.text), dtype=bool)),
    )
    thresholds = np.full(len(taxonomy.concepts), threshold, dtype=np.float32)
    settings = {"max_tags": 5, "high_confidence": metrics["high_confidence"]}
    model = Model("esco", "0.3.0", taxonomy, fitted, thresholds, encoder.id, options=settings)
    own = "CC BY 4.0"
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
            {"name": "training/esco/labels.csv", "licence": own, "use": "re-ranking, calibration"},
            {"name": "training/esco/outcomes.csv", "licence": own, "use": "re-ranking"},
            {"name": "training/esco/names.csv, first half", "licence": own, "use": "re-ranking, calibration"},
            {"name": "SkillSkape development sentences (MIT)", "licence": "MIT; not shipped", "use": "re-ranking"},
            {
                "name": "TECH and HOUSE validation sentences (Decorte et al.)",
                "licence": "CC BY 4.0; not shipped",
                "use": "re-ranking",
            },
            {"name": "training/gold, development half", "licence": own, "use": "re-ranking, calibration"},
        ],
        metrics=metrics,
        recipe="python -m training.esco",
        seed=SEED,
    )


if __name__ == "__main__":
    main()
