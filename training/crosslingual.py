"""Weigh the signals by which concepts are found in another language, on French competences with expert links to ESCO.

The words of French are learnt from ESCO's own labels (see `tagger.crosslingual`): what an import of the French download does.
Then a logistic regression over the signals is fitted on the linked competences, once with the map to the encoder's space and
once by spelling alone. What is reported was found on competences left out of the fit.

    python -m training.crosslingual --data DIR [--esco models/esco] --out models/crosslingual
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.crosslingual import SIGNALS, CrosslingualHead, fit_crosslingual
from tagger.encoder import FloatArray
from tagger.fit import folds
from tagger.model import FORMAT, Model
from tagger.taxonomy import Concept, Taxonomy, load_taxonomy

SEED = 20261121
BLANK = {
    kind: {"coefficients": [0.0] * len(SIGNALS), "intercept": 0.0, "threshold": 0.5} for kind in ("mapped", "spelling")
}


def french(data: Path) -> Taxonomy:
    """Return ESCO in French, as far as the labels are at hand."""
    english = {c.id: c for c in load_taxonomy("esco").concepts}
    with gzip.open(data / "skills" / "esco_labels_fr_es.csv.gz", "rt", encoding="utf-8", newline="") as file:
        concepts = [
            Concept(r["conceptUri"], r["preferredLabel"], tuple(a for a in r["altLabels"].split("\n") if a))
            for r in csv.DictReader(file)
            if r["lang"] == "fr" and r["conceptUri"] in english and r["preferredLabel"]
        ]
    return replace(load_taxonomy("esco"), id="esco-fr", language="fr", concepts=tuple(concepts), groups=())


def competences(data: Path, taxonomy: Taxonomy) -> tuple[list[str], list[set[int]]]:
    """Return the competences and the concepts that experts linked them to."""
    position = {c.id: i for i, c in enumerate(taxonomy.concepts)}
    texts, links = [], []
    with (data / "skills" / "eval" / "competent_fr_dev_half.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            found = {position[x["uri"]] for x in row["labels"] if x["uri"] in position}
            if found:
                texts.append(row["text"])
                links.append(found)
    return texts, links


def recall(index: np.ndarray[Any, Any], links: Sequence[set[int]], k: int) -> dict[str, float]:
    """Return the share of texts with a right concept among the first k, and the mean share of right concepts found."""
    found = [set(row[:k].tolist()) & right for row, right in zip(index, links, strict=True)]
    share = [len(f) / len(right) for f, right in zip(found, links, strict=True)]
    return {
        f"hit_at_{k}": round(float(np.mean([bool(f) for f in found])), 3),
        f"recall_at_{k}": round(float(np.mean(share)), 3),
    }


def weigh(
    head: CrosslingualHead, texts: Sequence[str], links: Sequence[set[int]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit the signals of a head; return the weights, and the figures for competences left out (10 folds)."""
    from sklearn.linear_model import LogisticRegression

    index, signals = head.candidates(texts)
    right = np.array([[j in found for j in row] for row, found in zip(index.tolist(), links, strict=True)])
    used = [i for i in range(len(SIGNALS)) if np.ptp(signals[:, :, i]) > 0]
    x, y = signals[:, :, used].reshape(-1, len(used)), right.reshape(-1)
    fold = np.repeat(folds([str(i) for i in range(len(texts))], 10, SEED), index.shape[1])
    p: npt.NDArray[np.floating] = np.zeros(len(y))
    for k in range(10):
        p[fold == k] = LogisticRegression(C=10.0).fit(x[fold != k], y[fold != k]).predict_proba(x[fold == k])[:, 1]
    p = np.asarray(p).reshape(right.shape)
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(index, order, 1)
    n_links = sum(map(len, links))
    best = (0.0, 0.5, 0.0, 0.0)
    for threshold in np.arange(0.1, 0.9, 0.01):
        hit = p >= threshold
        n, n_right = int(hit.sum()), int((hit & right).sum())
        if n_right:
            precision, found = n_right / n, n_right / n_links
            best = max(best, (2 * precision * found / (precision + found), float(threshold), precision, found))
    figures: dict[str, Any] = {"n_texts": len(texts), "n_links": n_links}
    for k in (1, 5, 10):
        figures |= recall(ranked, links, k)
    figures |= {
        name: round(value, 3) for name, value in zip(("f1", "threshold", "precision", "recall"), best, strict=True)
    }
    model = LogisticRegression(C=10.0).fit(x, y)
    coefficients = np.zeros(len(SIGNALS))
    coefficients[used] = model.coef_[0]
    weights = {
        "coefficients": [round(float(c), 4) for c in coefficients],
        "intercept": round(float(model.intercept_[0]), 4),
        "threshold": round(best[1], 3),
    }
    return weights, figures


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--esco", type=Path, default=Path("models/esco"))
    parser.add_argument("--out", type=Path, default=Path("models/crosslingual"))
    options = parser.parse_args()
    taxonomy = french(options.data)
    texts, links = competences(options.data, taxonomy)
    esco = Model.load(options.esco)
    vectors: FloatArray = esco.head.vectors  # type: ignore[union-attr,assignment]
    known = {c.id: vectors[i] for i, c in enumerate(esco.taxonomy.concepts)}
    weights, metrics = {}, {}
    for kind, rows in (("mapped", known), ("spelling", {})):
        ids = {c.id for c in taxonomy.concepts}
        head, _ = fit_crosslingual(taxonomy, {k: v for k, v in rows.items() if k in ids}, weights=BLANK)
        weights[kind], metrics[kind] = weigh(head, texts, links)
        print(kind, metrics[kind], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    manifest = {
        "format": FORMAT,
        "program": ">=0.1,<1",
        "id": "crosslingual",
        "version": "0.1.0",
        "kind": "weights",
        "weights": weights,
        "metrics": {"what": "French competences, 10-fold; concepts are those with a French label", **metrics},
        "sources": [
            {
                "name": "ESCO, French labels",
                "licence": "European Commission reuse (2011/833/EU)",
                "use": "learning the words",
            },
            {"name": "Competent to ESCO crosswalk (VDAB)", "licence": "published on the ESCO portal", "use": "weights"},
        ],
        "recipe": "python -m training.crosslingual",
        "seed": SEED,
        "files": {},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (options.out / "manifest.json").write_text(text, encoding="utf-8", newline="\n")
    card = (Path(__file__).parent / "cards" / "crosslingual.md").read_text(encoding="utf-8")
    values = {f"{kind}_{name}": value for kind, found in metrics.items() for name, value in found.items()}
    (options.out / "README.md").write_text(card.format(**values), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
