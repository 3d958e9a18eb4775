"""Build the shipped Bloom classifier: which cognitive levels an outcome assesses, read from its verbs and their objects, and from
its vector.

    python -m training.bloom --data DIR [--encoder models/encoder] --out models/bloom

DIR is the data folder with ``levels/bloom_clo_train.csv`` (objectives of an Australian university; Li et al., EDM 2022).
The encoder is trained on three in four of its texts, so the model is calibrated and measured on the fourth alone: cross-validation by
text, in which vocabulary, calibration and thresholds are made without the scored fold.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.acts import act_features
from tagger.encoder import OnnxEncoder
from tagger.fit import Fit, best_threshold, fit_linear, folds
from tagger.lexical import Lexical
from tagger.lexicon import lexicon
from tagger.model import Model
from tagger.taxonomy import load_taxonomy
from tagger.text import strip_boilerplate
from training.texts import fingerprint, is_held_out, normalise

__all__ = ["LEVELS", "Judged", "cross_validate", "f1_table", "is_measured", "monash", "own", "train", "verb_rows"]

LEVELS = ("remember", "understand", "apply", "analyse", "evaluate", "create")
HERE = Path(__file__).parent
SEED = 20261121
VERSION = "2.1.0"
OWN_WEIGHT = 2.0
MAX_TAGS = 4
EMBEDDING_SCALE = 0.5
"""Of 0.5, 1 and 2, and the words alone: best on texts left out (macro-F1 0.919, 0.913, 0.906, 0.917); other styles gain more from it."""
ACTS: Mapping[str, Any] = {"kind": "acts", "max_features": 100_000, "idf_power": 0.5, "scales": {"x:": 0.5}}
GATE: Mapping[str, Any] = {"n_words": 2, "n_first": 3, "max_features": 100_000}
"""The baseline that the model must beat: TF-IDF of words and word pairs, and the first three words."""
BANDS = ((0.8, 1.01), (0.5, 0.8), (0.0, 0.5))
"""Cosine with the nearest training text, from and to."""
RARE = 8
"""A verb with fewer occurrences as an act than this is also taught by `verb_rows`."""
OBJECTS = (
    "the parts of a pump", "a simple procedure", "the main terms of a contract", "data from a survey", "a machine safely",
    "a short report", "common faults", "the stages of a project", "materials for a task", "the needs of a client",
    "a plan for a small team", "the causes of an accident",
)  # fmt: skip
"""Objects that say as little as they can about the level."""

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

SOURCES = [
    {
        "name": "Course learning objectives of an Australian university (2021) with Bloom levels; cite Li, Rakovic, Poh, "
        "Gasevic and Chen, EDM 2022, doi:10.5281/zenodo.6853191",
        "origin": "github.com/SteveLEEEEE/EDM2022CLO, data/sample_full.csv, "
        "commit 597963caad3aec3fd9a9c34049ad766d28de7500",
        "licence": "none stated; the authors ask for the citation. Rows are used for training and are not shipped",
        "use": "training and cross-validation",
    },
    {
        "name": "Outcomes written by the project (training/bloom/outcomes.csv)",
        "origin": "this project",
        "licence": "CC BY 4.0",
        "use": "one half training, the other half measurement",
    },
]


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome and its levels.

    Attributes
    ----------
    text : str
        Without lead-in, as the tagger reads it.
    levels : tuple of float
        1 assessed, 0 not, in the order of `LEVELS`.
    style : str
        How it is drafted.
    unseen : bool
        Whether the encoder was trained without it.
    """

    text: str
    levels: tuple[float, ...]
    style: str
    unseen: bool = True


Vectors = Mapping[str, FloatArray]
"""Text to sentence vector."""


def monash(data: Path) -> list[Judged]:
    """Read the objectives, each text once; where copies of a text disagree on a level, half of them make it hold."""
    texts: dict[str, str] = {}
    votes: dict[str, list[list[int]]] = {}
    with (data / "levels" / "bloom_clo_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = " ".join(row["outcome"].split())
            key = normalise(text)
            if key:
                texts.setdefault(key, text)
                votes.setdefault(key, []).append([int(row["analyze" if x == "analyse" else x]) for x in LEVELS])
    means = {key: np.mean(found, axis=0) for key, found in votes.items()}
    return [
        Judged(_core(t), tuple(float(v >= 0.5) for v in means[k]), "monash", is_held_out(t)) for k, t in texts.items()
    ]


def own() -> list[Judged]:
    """Read our own outcomes."""
    with (HERE / "bloom" / "outcomes.csv").open(encoding="utf-8", newline="") as file:
        return [
            Judged(_core(r["text"]), tuple(float(x in r["levels"].split(";")) for x in LEVELS), r["style"])
            for r in csv.DictReader(file)
        ]


def is_measured(row: Judged) -> bool:
    """Tell whether one of our own outcomes is kept out of training."""
    return int(fingerprint(row.text)[:8], 16) % 2 == 1


def _core(text: str) -> str:
    start, end = strip_boilerplate(text)
    return text[start:end]


def _targets(rows: Sequence[Judged]) -> FloatArray:
    return np.array([r.levels for r in rows], dtype=np.float32).reshape(-1, len(LEVELS))


def verb_rows(rows: Sequence[Judged], n_each: int = 4) -> list[Judged]:
    """Return short made-up outcomes for the verbs that the lexicon gives one level and that `rows` hardly have."""
    n_rows = Counter(name for r in rows for name in {f[0] for f in act_features(r.text)} if name.startswith("v:"))
    rng = np.random.default_rng(SEED)
    made = []
    for verb, levels in sorted(lexicon("en").levels.items()):
        if len(levels) == 1 and n_rows[f"v:{verb}"] < RARE:
            target = tuple(float(x in levels) for x in LEVELS)
            objects = rng.choice(len(OBJECTS), n_each, replace=False).tolist()
            made += [Judged(f"{verb} {OBJECTS[i]}", target, "verb") for i in objects]
    return made


def train(
    rows: Sequence[Judged],
    lexical: Mapping[str, Any] = ACTS,
    *,
    vectors: Vectors | None = None,
    n_folds: int = 4,
) -> tuple[Fit, FloatArray]:
    """Fit the model, with `verb_rows` where it reads acts.

    Calibration and thresholds (6,), those of the best F1, are found on the university's texts that the encoder did not
    see, each scored by a model that did not see it either.
    """
    if lexical.get("kind") == "acts":
        rows = [*rows, *verb_rows(rows)]
    texts, targets = [r.text for r in rows], _targets(rows)
    real = np.array([r.style == "monash" and r.unseen for r in rows])
    weights = np.array([OWN_WEIGHT if r.style not in ("monash", "verb") else 1.0 for r in rows], dtype=np.float32)
    fit = fit_linear(
        texts,
        None if vectors is None else np.stack([vectors[t] for t in texts]),
        targets,
        [normalise(t) for t in texts],
        weights=np.tile(weights[:, None], (1, len(LEVELS))),
        calibrate_on=real,
        lexical=lexical,
        embedding_scale=EMBEDDING_SCALE,
        regularisation=1.5,
        solver="svm",
        n_folds=n_folds,
        seed=SEED,
    )
    thresholds = [best_threshold(fit.unseen[real, c], targets[real, c]) for c in range(len(LEVELS))]
    return fit, np.array(thresholds, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Unseen:
    """What models said of texts that they did not see.

    Attributes
    ----------
    probability : ndarray of float32 (n_texts, 6)
    predicted : ndarray of bool (n_texts, 6)
    nearest : ndarray of float32 (n_texts,)
        Cosine (TF-IDF of words) with the nearest text that the model was trained on.
    """

    probability: FloatArray
    predicted: BoolArray
    nearest: FloatArray


def cross_validate(
    rows: Sequence[Judged],
    extra: Sequence[Judged] = (),
    lexical: Mapping[str, Any] = ACTS,
    *,
    vectors: Vectors | None = None,
    n_folds: int = 4,
) -> Unseen:
    """Score each unseen text by a model made without its fold; all others and `extra` train every model and are not scored."""
    judged = [r for r in rows if r.unseen]
    always = [*(r for r in rows if not r.unseen), *extra]
    fold = folds([normalise(r.text) for r in judged], n_folds, SEED + 1)
    probability = np.zeros((len(judged), len(LEVELS)), dtype=np.float32)
    predicted = np.zeros(probability.shape, dtype=bool)
    nearest = np.zeros(len(judged), dtype=np.float32)
    for k in range(n_folds):
        scored = np.flatnonzero(fold == k)
        seen = [judged[i] for i in np.flatnonzero(fold != k).tolist()]
        fit, thresholds = train([*seen, *always], lexical, vectors=vectors, n_folds=3)
        texts = [judged[i].text for i in scored.tolist()]
        probability[scored] = fit.head.scores(texts, _rows(vectors, texts))
        predicted[scored] = probability[scored] >= thresholds
        nearest[scored] = _nearest(texts, [r.text for r in [*seen, *always]])
    return Unseen(probability, predicted, nearest)


def _rows(vectors: Vectors | None, texts: Sequence[str]) -> FloatArray | None:
    return None if vectors is None else np.stack([vectors[t] for t in texts])


def _nearest(texts: Sequence[str], others: Sequence[str]) -> FloatArray:
    from scipy import sparse

    lexical = Lexical.fit(others, n_words=1, n_first=0, max_features=100_000)

    def matrix(lines: Sequence[str]) -> Any:
        found = [lexical.row(t) for t in lines]
        ends = np.cumsum([0, *(len(r.columns) for r in found)])
        data = np.concatenate([r.value for r in found]), np.concatenate([r.columns for r in found]), ends
        return sparse.csr_matrix(data, shape=(len(lines), len(lexical.vocabulary)))

    a, b = matrix(texts), matrix(others).T.tocsc()
    best = [(a[i : i + 500] @ b).max(axis=1).toarray().ravel() for i in range(0, len(texts), 500)]
    return np.concatenate(best).astype(np.float32)


def f1_table(predicted: BoolArray, targets: FloatArray, *, n_boot: int = 1000) -> dict[str, dict[str, Any]]:
    """Return precision, recall, F1 and n for each level and their macro mean, with 95% bootstrap intervals over texts."""
    hits, said, true = (x.astype(np.float64) for x in (predicted * targets, predicted, targets))
    rng = np.random.default_rng(SEED)
    counts = rng.multinomial(len(targets), np.full(len(targets), 1 / len(targets)), size=n_boot).astype(np.float64)
    f1 = 2 * (counts @ hits) / np.maximum(counts @ said + counts @ true, 1)
    table: dict[str, dict[str, Any]] = {}
    for c, level in enumerate(LEVELS):
        tp, n_said, n_true = hits[:, c].sum(), said[:, c].sum(), true[:, c].sum()
        table[level] = {
            "n": int(n_true),
            "precision": round(float(tp / max(n_said, 1)), 4),
            "recall": round(float(tp / max(n_true, 1)), 4),
            "f1": round(float(2 * tp / max(n_said + n_true, 1)), 4),
            "interval": [round(float(v), 4) for v in np.percentile(f1[:, c], (2.5, 97.5))],
        }
    table["macro"] = {
        "n": len(targets),
        **{k: round(float(np.mean([table[x][k] for x in LEVELS])), 4) for k in ("precision", "recall", "f1")},
        "interval": [round(float(v), 4) for v in np.percentile(f1.mean(axis=1), (2.5, 97.5))],
    }
    return table


def _calibration_error(probability: FloatArray, targets: FloatArray) -> float:
    """Return the expected calibration error over ten bins of equal width, all levels together."""
    p, y = probability.ravel(), targets.ravel()
    bins = np.minimum((p * 10).astype(int), 9)
    return float(sum(abs(p[bins == b].sum() - y[bins == b].sum()) for b in range(10)) / len(p))


def _style_table(rows: Sequence[Judged], predicted: BoolArray) -> dict[str, dict[str, Any]]:
    right = (predicted == (_targets(rows) == 1)).all(axis=1)
    styles = sorted({r.style for r in rows})
    chosen = {style: np.array([r.style == style for r in rows]) for style in styles}
    return {s: {"n": int(m.sum()), "exact": round(float(right[m].mean()), 4)} for s, m in chosen.items()}


def measure(rows: Sequence[Judged], train_own: Sequence[Judged], vectors: Vectors) -> dict[str, Any]:
    """Return the figures of the cross-validation for the manifest and the card."""
    targets = _targets([r for r in rows if r.unseen])
    unseen, gate = cross_validate(rows, train_own, vectors=vectors), cross_validate(rows, lexical=GATE)
    words = f1_table(cross_validate(rows, train_own).predicted, targets, n_boot=2)
    bands = {}
    for low, high in BANDS:
        chosen = (unseen.nearest >= low) & (unseen.nearest < high)
        macro = f1_table(unseen.predicted[chosen], targets[chosen])["macro"]
        bands[f"{low:g}-{min(high, 1):g}"] = {k: macro[k] for k in ("n", "f1", "interval")}
    return {
        "unseen_texts": f1_table(unseen.predicted, targets),
        "without_vectors": {k: v["f1"] for k, v in words.items()},
        "tfidf_gate": {k: v["f1"] for k, v in f1_table(gate.predicted, targets, n_boot=2).items()},
        "exact": round(float((unseen.predicted == (targets == 1)).all(axis=1).mean()), 4),
        "without_level": round(float((~unseen.predicted.any(axis=1)).mean()), 4),
        "calibration_error": round(_calibration_error(unseen.probability, targets), 4),
        "by_similarity": bands,
    }


def _card(metrics: Mapping[str, Any], thresholds: FloatArray) -> str:
    def row(level: str, figures: Mapping[str, Any], gate: float) -> str:
        low, high = figures["interval"]
        return (
            f"| {level} | {figures['n']} | {figures['precision']:.3f} | {figures['recall']:.3f} | "
            f"{figures['f1']:.3f} ({low:.3f} to {high:.3f}) | {gate:.3f} |"
        )

    gate = metrics["tfidf_gate"]
    levels = "\n".join(row(level, f, gate[level]) for level, f in metrics["unseen_texts"].items())
    bands = "\n".join(
        f"| {band} | {f['n']} | {f['f1']:.3f} ({f['interval'][0]:.3f} to {f['interval'][1]:.3f}) |"
        for band, f in metrics["by_similarity"].items()
    )
    styles = "\n".join(f"| {style} | {f['n']} | {f['exact']:.2f} |" for style, f in metrics["own"]["styles"].items())
    template = (HERE / "cards" / "bloom.md").read_text(encoding="utf-8")
    return template.format(
        levels=levels,
        bands=bands,
        styles=styles,
        metrics=metrics,
        own=metrics["own"],
        thresholds=", ".join(f"{x} {t:.2f}" for x, t in zip(LEVELS, thresholds, strict=True)),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, default=Path("models/encoder"))
    parser.add_argument("--out", type=Path, default=Path("models/bloom"))
    options = parser.parse_args(arguments)
    rows, mine = monash(options.data), own()
    known = {normalise(r.text) for r in rows}
    mine = [r for r in mine if normalise(r.text) not in known]
    train_own, measured = [r for r in mine if not is_measured(r)], [r for r in mine if is_measured(r)]
    encoder = OnnxEncoder(options.encoder)
    everything = list(dict.fromkeys(r.text for r in [*rows, *mine, *verb_rows([*rows, *mine]), *verb_rows(rows)]))
    everything += [r.text for r in verb_rows([], n_each=len(OBJECTS))]
    vectors = dict(zip(everything, encoder.encode(everything), strict=True))
    metrics = measure(rows, train_own, vectors)
    fit, thresholds = train([*rows, *train_own], vectors=vectors)
    without, without_thresholds = train(rows, vectors=vectors)
    texts, targets = [r.text for r in measured], _targets(measured)
    predicted = fit.head.scores(texts, _rows(vectors, texts)) >= thresholds
    before = without.head.scores(texts, _rows(vectors, texts)) >= without_thresholds
    metrics["own"] = {
        **f1_table(predicted, targets)["macro"],
        "exact": round(float((predicted == (targets == 1)).all(axis=1).mean()), 4),
        "exact_trained_without_own": round(float((before == (targets == 1)).all(axis=1).mean()), 4),
        "styles": _style_table(measured, predicted),
    }
    settings = {"max_tags": MAX_TAGS}
    model = Model("bloom", VERSION, load_taxonomy("bloom"), fit.head, thresholds, encoder.id, options=settings)
    model.save(
        options.out,
        card=_card(metrics, thresholds),
        encoder_sha256=encoder.sha256,
        sources=SOURCES,
        metrics=metrics,
        order=3,
        recipe="python -m training.bloom --data DIR",
        seed=SEED,
    )
    for level, figures in metrics["unseen_texts"].items():
        print(level, figures)
    print({k: v for k, v in metrics.items() if k != "unseen_texts"})


if __name__ == "__main__":
    main()
