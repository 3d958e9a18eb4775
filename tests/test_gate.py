from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tagger.errors import ModelError
from tagger.gate import assess, counterpart, differences, is_shipped, judge, place, record
from tagger.model import Model, verify_model
from tagger.records import Credential, LearningOutcome
from tagger.shipped import shipped
from tagger.tagging import Tagger
from tagger.train.labels import Example, read_examples

VERBS = {
    "Remember": ("List", "Name", "Recall", "Recite", "State"),
    "Apply": ("Operate", "Use", "Apply", "Demonstrate", "Calculate"),
    "Evaluate": ("Judge", "Appraise", "Evaluate", "Critique", "Justify"),
    "Create": ("Design", "Create", "Compose", "Devise", "Develop"),
}


def gate_file(path: Path) -> Path:
    lines = [f"{v} the {n},{level}" for level, vs in VERBS.items() for v in vs for n in ("pumps", "reports", "budgets")]
    path.write_text("text,bloom\n" + "\n".join(lines) + "\n")
    return path


def bloom_model(folder: Path, **changes: object) -> Path:
    """A copy of the shipped model, changed."""
    model = replace(Model.load("bloom"), id=folder.name, **changes)  # type: ignore[arg-type]
    model.save(folder, sources=[], metrics={}, recipe="", seed=0)
    return folder


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gate_file(tmp_path_factory.mktemp("gate") / "gate.csv")


@pytest.fixture(scope="module")
def examples(gate: Path) -> list[Example]:
    return read_examples(gate, Model.load("bloom").taxonomy)


def verdict_on(new: Path, examples: list[Example], old: str | Path = "bloom") -> object:
    cases, others = assess(new, examples, against=old)
    assert others is not None
    return judge(cases, others, Model.load(new), Model.load(old))


def test_an_equal_model_passes_and_is_put_in_place(tmp_path: Path, gate: Path, examples: list[Example]) -> None:
    new = bloom_model(tmp_path / "new", version="2.0.0")
    verdict = verdict_on(new, examples)
    assert verdict.passed and verdict.reasons == ()  # type: ignore[attr-defined]
    place(new, verdict, gate, Model.load("bloom"), to=tmp_path / "live")  # type: ignore[arg-type]
    live = Model.load(tmp_path / "live")
    assert live.name == "new@2.0.0" and live.manifest["promotion"]["verdict"] == "passed"
    assert live.manifest["promotion"]["gate"]["name"] == "gate.csv" and verify_model(tmp_path / "live") == []
    assert "promotion" not in Model.load(new).manifest


def test_a_worse_model_is_refused_and_says_why(tmp_path: Path, gate: Path, examples: list[Example]) -> None:
    thresholds = Model.load("bloom").thresholds.copy()
    thresholds[:] = 0.9999999
    new = bloom_model(tmp_path / "new", thresholds=thresholds)
    old = bloom_model(tmp_path / "live")
    before = (old / "manifest.json").read_bytes()
    verdict = verdict_on(new, examples, old)
    with pytest.raises(ModelError, match=r"macro-F1 is worse beyond noise: 0\.\d+ against"):
        place(new, verdict, gate, Model.load(old), to=old)  # type: ignore[arg-type]
    assert (old / "manifest.json").read_bytes() == before and "promotion" not in Model.load(new).manifest


def test_a_lost_class_is_refused_though_the_rest_is_equal(tmp_path: Path, examples: list[Example]) -> None:
    thresholds = Model.load("bloom").thresholds.copy()
    thresholds[5] = 1.0
    verdict = verdict_on(bloom_model(tmp_path / "new", thresholds=thresholds), examples)
    assert not verdict.passed  # type: ignore[attr-defined]
    assert any("class `Create` is lost: none of its 15 cases" in r for r in verdict.reasons)  # type: ignore[attr-defined]


def test_a_class_that_cannot_be_tagged_any_more_is_lost(tmp_path: Path, examples: list[Example]) -> None:
    head = Model.load("bloom").head
    intercept = head.intercept.copy()  # type: ignore[union-attr]
    intercept[1] = -np.inf
    new = bloom_model(tmp_path / "new", head=replace(head, intercept=intercept))  # type: ignore[type-var]
    verdict = verdict_on(new, examples)
    assert any("`Understand` is lost: the new model never learnt it" in r for r in verdict.reasons)  # type: ignore[attr-defined]


def test_force_is_recorded(tmp_path: Path, gate: Path, examples: list[Example]) -> None:
    new = bloom_model(tmp_path / "new", thresholds=np.ones(6, dtype=np.float32))
    verdict = verdict_on(new, examples)
    place(new, verdict, gate, Model.load("bloom"), to=None, force=True)  # type: ignore[arg-type]
    promotion = Model.load(new).manifest["promotion"]
    assert promotion["verdict"] == "forced" and promotion["reasons"]
    assert "forced on gate.csv" in (new / "README.md").read_text()


def test_a_model_of_another_taxonomy_is_no_counterpart(tmp_path: Path) -> None:
    assert counterpart(Model.load("bloom"), "shipped") == "bloom"
    with pytest.raises(ModelError, match="is for taxonomy `sdg`, `bloom` for `bloom`"):
        counterpart(Model.load("bloom"), "sdg")


def test_nothing_is_written_into_a_shipped_model(tmp_path: Path) -> None:
    assert is_shipped("bloom") and is_shipped(shipped("models") / "bloom")
    with pytest.raises(ModelError, match="shipped"):
        record(shipped("models") / "bloom", "evaluation", {})
    shutil.copytree(shipped("models") / "bloom", tmp_path / "mine")
    assert not is_shipped(tmp_path / "mine")
    record(tmp_path / "mine", "evaluation", {"x": 1})
    assert json.loads((tmp_path / "mine" / "manifest.json").read_text())["metrics"]["evaluation"] == {"x": 1}


def test_differences_are_the_tags_that_only_one_gives(tmp_path: Path) -> None:
    thresholds = Model.load("bloom").thresholds.copy()
    thresholds[5] = 1.0
    new = bloom_model(tmp_path / "new", thresholds=thresholds)
    texts = ("Design a bridge", "List the parts of a pump")
    catalogue = [Credential("A", outcomes=tuple(LearningOutcome(f"A/{i}", t) for i, t in enumerate(texts, 1)))]
    [change] = differences(Tagger.load(["bloom"]), Tagger.load([new]), "bloom", catalogue)
    assert (change.outcome, change.tag.label, change.is_gained) == ("A/1", "Create", False)
    [back] = differences(Tagger.load([new]), Tagger.load(["bloom"]), "bloom", catalogue)
    assert back.is_gained and back.to_dict()["change"] == "gained"
