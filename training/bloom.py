"""Build the shipped Bloom classifier: which cognitive levels an outcome assesses, read from its verbs and their objects.

    python -m training.bloom --data DIR --out models/bloom

DIR is the data folder with ``levels/bloom_clo_train.csv`` (objectives of an Australian university; Li et al., EDM 2022).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tagger.fit import best_threshold, fit_linear
from tagger.model import Model
from tagger.taxonomy import load_taxonomy
from training.texts import normalise

LEVELS = ("remember", "understand", "apply", "analyse", "evaluate", "create")
SEED = 20261121
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome and its levels: 1 assessed, 0 not; NaN where coders disagreed."""

    text: str
    levels: tuple[float, ...]


def monash(data: Path) -> list[Judged]:
    """Read the objectives, each text once; a level on which copies of a text disagree is 1 from half of them on."""
    texts: dict[str, str] = {}
    votes: dict[str, list[list[int]]] = {}
    with (data / "levels" / "bloom_clo_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = " ".join(row["outcome"].split())
            key = normalise(text)
            if key:
                texts.setdefault(key, text)
                votes.setdefault(key, []).append([int(row["analyze" if x == "analyse" else x]) for x in LEVELS])
    return [Judged(t, tuple(float(v >= 0.5) for v in np.mean(votes[k], axis=0))) for k, t in texts.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("models/bloom"))
    options = parser.parse_args(arguments)
    rows = monash(options.data)
    texts = [r.text for r in rows]
    targets = np.array([r.levels for r in rows], dtype=np.float32)
    fit = fit_linear(
        texts, None, targets, [normalise(t) for t in texts], lexical={"n_words": 2, "n_first": 3}, solver="svm", seed=SEED
    )
    thresholds = np.array([best_threshold(fit.unseen[:, c], targets[:, c]) for c in range(6)], dtype=np.float32)
    predicted = fit.unseen >= thresholds
    f1 = 2 * (predicted * targets).sum(0) / (predicted.sum(0) + targets.sum(0))
    print(dict(zip(LEVELS, f1.round(3).tolist(), strict=True)), f1.mean())
    taxonomy = load_taxonomy("bloom")
    model = Model("bloom", "0.1.0", taxonomy, fit.head, thresholds, None, options={"max_tags": 4, "at_least_one": True})
    sources = [
        {
            "name": "Course learning objectives of an Australian university, Bloom levels (Li et al., EDM 2022)",
            "origin": "github.com/SteveLEEEEE/EDM2022CLO, commit 597963caad3aec3fd9a9c34049ad766d28de7500",
            "licence": "none stated; rows used for training only and not shipped",
            "use": "training",
        }
    ]
    card = "# Bloom classifier (first version)\n"
    model.save(options.out, card=card, sources=sources, metrics={}, recipe="training/bloom.py", seed=SEED)


if __name__ == "__main__":
    main()
