"""Whether a new model may take the place of an old one, and what would change if it did."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tagger.errors import ModelError, TaggerError
from tagger.evaluation import Cases, compare, measure, predict
from tagger.heads import LinearHead
from tagger.model import Model, read_manifest, shipped_models
from tagger.records import Credential, Tag
from tagger.shipped import shipped
from tagger.tagging import Tagger
from tagger.train.card import card
from tagger.train.folder import check_target, replaced
from tagger.train.labels import Example, file_sha256

__all__ = [
    "Change",
    "Verdict",
    "assess",
    "counterpart",
    "differences",
    "evaluation_facts",
    "is_shipped",
    "judge",
    "place",
    "record",
]

SHIPPED = "shipped"
MIN_CLASS = 3
"""A class is lost when the old model finds it, there are so many of it, and the new one finds none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says.

    Attributes
    ----------
    passed : bool
    reasons : tuple of str
        Why not; empty when passed.
    comparison : dict
        As `tagger.evaluation.compare` gives it.
    """

    passed: bool
    reasons: tuple[str, ...]
    comparison: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A tag that one of two models gives and the other does not.

    Attributes
    ----------
    credential, outcome, text : str
    tag : Tag
    is_gained : bool
        True when the second model gives it.
    """

    credential: str
    outcome: str
    text: str
    tag: Tag
    is_gained: bool

    def to_dict(self) -> dict[str, Any]:
        """Return a record for JSON."""
        return {
            "credential": self.credential,
            "outcome": self.outcome,
            "text": self.text,
            "taxonomy": self.tag.taxonomy,
            "concept": self.tag.concept,
            "label": self.tag.label,
            "change": "gained" if self.is_gained else "lost",
            "score": self.tag.score,
            "model": self.tag.model,
        }


def is_shipped(name: str | Path) -> bool:
    """Tell whether a model's name or folder means one that came with the program."""
    folder = Path(name)
    if not (folder / "manifest.json").is_file():
        return True  # a name, which is looked up among the shipped ones
    return folder.resolve().parent == shipped("models").resolve()


def counterpart(model: Model, name: str | Path) -> str | Path:
    """Return the name or folder of the model to hold `model` against; ``shipped`` is the shipped one of the same taxonomy.

    Raises
    ------
    ModelError
        If no shipped model serves the taxonomy, or the model asked for serves another.
    """
    if name == SHIPPED:
        for shipped_name in shipped_models():
            if read_manifest(shipped("models") / shipped_name)["taxonomy"]["id"] == model.taxonomy.id:
                return shipped_name
        raise ModelError(
            f"no shipped model is for taxonomy `{model.taxonomy.id}`", hint="name the folder of another model"
        )
    other = Model.load(name)
    if other.taxonomy.id != model.taxonomy.id:
        raise ModelError(
            f"model `{other.id}` is for taxonomy `{other.taxonomy.id}`, `{model.id}` for `{model.taxonomy.id}`",
            hint="compare models of the same taxonomy",
        )
    return name


def assess(
    name: str | Path,
    examples: Sequence[Example],
    *,
    encoder: str | Path | None = None,
    against: str | Path | None = None,
    against_encoder: str | Path | None = None,
) -> tuple[Cases, Cases | None]:
    """Let a model, and another if there is one, judge the same examples.

    Raises
    ------
    TaggerError
        If there are no examples, or the two models know different concepts.
    """
    if not examples:
        raise TaggerError("no labelled text to measure on", hint="see `tagger evaluate --help` for what a file holds")
    model = Model.load(name)
    if against is None:
        return predict(Tagger.load([name], encoder=encoder), model.taxonomy.id, examples), None
    other = Model.load(against)
    if [c.id for c in other.taxonomy.concepts] != [c.id for c in model.taxonomy.concepts]:
        raise ModelError(
            f"`{model.name}` and `{other.name}` know different concepts: taxonomy `{model.taxonomy.id}` "
            f"{model.taxonomy.version} and {other.taxonomy.version}",
            hint="train the older one again for the newer taxonomy",
        )
    new = predict(Tagger.load([name], encoder=encoder), model.taxonomy.id, examples)
    old = predict(Tagger.load([against], encoder=against_encoder), model.taxonomy.id, examples)
    if list(new.concepts) != list(old.concepts):  # of a large taxonomy, each tags concepts that the other does not
        both = sorted({*new.concepts, *old.concepts})
        new = predict(Tagger.load([name], encoder=encoder), model.taxonomy.id, examples, both)
        old = predict(Tagger.load([against], encoder=against_encoder), model.taxonomy.id, examples, both)
    return new, old


def judge(new: Cases, old: Cases, new_model: Model, old_model: Model) -> Verdict:
    """Say whether the new model may take the old one's place.

    It may not when its macro-F1 or micro-F1 is worse beyond noise (the 95% interval of the paired difference lies below
    zero), or when a class is lost: the old model finds it and the new one never does, or cannot.
    """
    compared = compare(new, old)
    reasons = []
    for key, name in (("macro_f1", "macro-F1"), ("micro_f1", "micro-F1")):
        d = compared[key]
        if d["interval"][1] < 0:
            reasons.append(
                f"{name} is worse beyond noise: {d['new']:.3f} against {d['old']:.3f}, difference {d['difference']:+.3f} "
                f"(95% interval {d['interval'][0]:+.3f} to {d['interval'][1]:+.3f}, {compared['n_groups']} groups)"
            )
    true = (new.targets > 0).sum(axis=0)
    for i, label in enumerate(new.labels):
        if label in compared["lost"] and true[i] >= MIN_CLASS:
            reasons.append(f"class `{label}` is lost: none of its {int(true[i])} cases is found, the other finds some")
    reasons += [
        f"class `{old_model.taxonomy.concepts[c].label}` is lost: the new model never learnt it"
        for c in sorted(_unlearnt(new_model) - _unlearnt(old_model))
    ]
    return Verdict(not reasons, tuple(reasons), compared)


def _unlearnt(model: Model) -> set[int]:
    if not isinstance(model.head, LinearHead):
        return set()
    return set(np.flatnonzero(~np.isfinite(model.head.intercept)).tolist())


def record(folder: Path, name: str, facts: dict[str, Any], *, under: str | None = "metrics") -> None:
    """Write facts into a model's manifest, and its card anew.

    Parameters
    ----------
    folder : Path
    name : str
        Key in the manifest.
    facts : dict
    under : str or None
        Key whose value the facts go into; None for the manifest itself.

    Raises
    ------
    ModelError
        If the model is a shipped one.
    """
    if is_shipped(folder):
        raise ModelError(f"`{folder}` is a shipped model; nothing is written into it")
    manifest = read_manifest(folder)
    (manifest if under is None else manifest.setdefault(under, {}))[name] = facts
    model = Model.load(folder)
    _write(folder / "README.md", card(model, manifest))
    _write(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def evaluation_facts(cases: Cases, old: Cases | None, old_name: str | None, data: Path) -> dict[str, Any]:
    """Return the figures of an evaluation, as they stand in the manifest."""
    facts = measure(cases) | {"what": f"On {data.name}.", "data": {"name": data.name, "sha256": file_sha256(data)}}
    if old is not None:
        facts["against"] = {"model": old_name, **compare(cases, old)}
    return facts


def place(new: Path, verdict: Verdict, gate: Path, old: Model, *, to: Path | None, force: bool = False) -> Path:
    """Record the verdict in the new model's manifest, and put a copy of the model in the place of another.

    Parameters
    ----------
    new : Path
    verdict : Verdict
    gate : Path
        File that it was judged on.
    old : Model
    to : Path or None
        Folder to put it; None to leave it where it is.
    force : bool
        Put it in place though it did not pass; the manifest says so.

    Raises
    ------
    ModelError
        If it did not pass and is not forced: nothing is written then.
    """
    if not verdict.passed and not force:
        raise ModelError(
            f"`{new}` may not take the place of `{old.name}`: {'; '.join(verdict.reasons)}",
            hint="train it on more, or use --force, which the manifest records",
        )
    facts = {
        "verdict": "passed" if verdict.passed else "forced",
        "reasons": list(verdict.reasons),
        "over": {"id": old.id, "version": old.version, "sha256": old.manifest["files"]["arrays.npz"]},
        "gate": {"name": gate.name, "sha256": file_sha256(gate), "n": verdict.comparison["n"]},
        "macro_f1": verdict.comparison["macro_f1"],
        "micro_f1": verdict.comparison["micro_f1"],
    }
    if to is None or to.resolve() == new.resolve():
        record(new, "promotion", facts, under=None)
        return new
    check_target(to)
    with replaced(to) as work:
        shutil.copytree(new, work, dirs_exist_ok=True)
        record(work, "promotion", facts, under=None)
    return to


def differences(first: Tagger, second: Tagger, taxonomy: str, credentials: Iterable[Credential]) -> Iterator[Change]:
    """Yield the tags of a catalogue that only one of two taggers gives, in the order of the catalogue."""
    for credential in credentials:
        [a], [b] = first.tag([credential]), second.tag([credential])
        for x, y in zip(a.outcomes, b.outcomes, strict=True):
            before = {t.concept: t for t in x.tags if t.taxonomy == taxonomy}
            after = {t.concept: t for t in y.tags if t.taxonomy == taxonomy}
            for concept in [*before, *(c for c in after if c not in before)]:
                if (concept in before) != (concept in after):
                    tag = before.get(concept) or after[concept]
                    yield Change(credential.id, x.outcome.id, x.outcome.text, tag, concept in after)
