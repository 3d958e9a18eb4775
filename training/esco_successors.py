"""Say what took the place of ESCO's retired concepts: columns `successor` and `how` of ``taxonomies/esco/retired.csv``.

A concept of the current version whose label, or else one of whose alternative labels, is the retired label (case aside), if
there is just one such; else the nearest by meaning, if it is near enough, which is marked as the guess that it is.

    python -m training.esco_successors [--esco models/esco] [--encoder models/encoder]
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tagger.encoder import load_encoder
from tagger.model import Model
from tagger.taxonomy import Concept, load_taxonomy

MIN_COSINE = 0.8


Names = dict[str, dict[str, list[str]]]


def names_of(concepts: Iterable[Concept]) -> Names:
    """Return the ids by label and by alternative label, in lower case."""
    names: dict[str, dict[str, list[str]]] = {"label": defaultdict(list), "alternative label": defaultdict(list)}
    for concept in concepts:
        names["label"][concept.label.casefold()].append(concept.id)
        for alternative in set(map(str.casefold, concept.alt_labels)):
            names["alternative label"][alternative].append(concept.id)
    return names


def by_label(label: str, names: Names) -> tuple[str, str] | None:
    """Return the id of the only concept with this label, or else this alternative label, and which of the two."""
    for how, known in names.items():
        found = known.get(label.casefold(), [])
        if found:
            return (found[0], how) if len(found) == 1 else None
    return None


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esco", type=Path, default=Path("models/esco"))
    parser.add_argument("--encoder", type=Path, default=Path("models/encoder"))
    options = parser.parse_args()
    taxonomy = load_taxonomy("esco")
    path = taxonomy.path / "retired.csv"
    with path.open(encoding="utf-8", newline="") as file:
        retired = [(r["id"], r["label"]) for r in csv.DictReader(file)]
    encoder = load_encoder(options.encoder)
    vectors = Model.load(options.esco, encoder_id=encoder.id).head.vectors  # type: ignore[union-attr]
    cosine = encoder.encode([label for _, label in retired]) @ vectors.T  # type: ignore[union-attr]
    rows, counts, names = [], Counter[str](), names_of(taxonomy.concepts)
    for (iri, label), near in zip(retired, cosine, strict=True):
        best = int(np.argmax(near))
        guess = (taxonomy.concepts[best].id, "nearest") if near[best] >= MIN_COSINE else ("", "")
        successor, how = by_label(label, names) or guess
        rows.append((iri, label, successor, how))
        counts[how or "none"] += 1
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "label", "successor", "how"))
        writer.writerows(rows)
    print(dict(counts))


if __name__ == "__main__":
    main()
