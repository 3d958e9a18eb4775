from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.errors import ModelError
from tagger.fit import fit_linear
from tagger.heads import LinearHead, RetrievalHead, best
from tagger.model import Model, build_retrieval, shipped_models, verify_model
from tagger.shipped import shipped
from tagger.taxonomy import load_taxonomy

TEXTS = [f"list item {n}" for n in range(30)] + [f"design thing {n}" for n in range(30)]


def small_model() -> Model:
    bloom = load_taxonomy("bloom")
    targets = np.full((60, 6), 0, dtype=np.float32)
    targets[:30, 0] = 1
    targets[30:, 5] = 1
    fit = fit_linear(TEXTS, None, targets, TEXTS, lexical={"min_df": 2})
    return Model("small", "1.0.0", bloom, fit.head, np.full(6, 0.5, dtype=np.float32), None)


def retrieval_model() -> Model:
    bloom = load_taxonomy("bloom")
    vectors = np.eye(6, 8, dtype=np.float32)
    head = build_retrieval(bloom, vectors, np.array([4, 0, 1, 1, 0, 0, 1] + [0] * 10, dtype=np.float32), -2.0)
    return Model("near", "1.0.0", bloom, head, np.full(6, 0.5, dtype=np.float32), "e@1", options={"max_tags": 2})


@pytest.mark.parametrize("make", [small_model, retrieval_model])
def test_what_is_saved_is_what_is_loaded(make: object, tmp_path: Path) -> None:
    model: Model = make()  # type: ignore[operator]
    model.save(tmp_path / "m", card="# card\n", metrics={"n": 1})
    loaded = Model.load(tmp_path / "m")
    assert (loaded.id, loaded.version, loaded.options) == (model.id, model.version, dict(model.options))
    vectors = np.eye(3, 8, dtype=np.float32)
    texts = ["list item 3", "design thing 3", "understand"]
    assert np.allclose(loaded.scores(texts, vectors), model.scores(texts, vectors), atol=0.02)
    assert (tmp_path / "m" / "README.md").read_text() == "# card\n"


def test_a_prior_is_kept_and_counts(tmp_path: Path) -> None:
    from dataclasses import replace

    model = retrieval_model()
    prior = np.array([0, 0, 0, 0, 0, 2.5], dtype=np.float32)
    weighed = replace(model.head, prior=prior, coefficients=np.array([4] + [0] * 15 + [1], dtype=np.float32))
    replace(model, head=weighed).save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert isinstance(loaded.head, RetrievalHead) and loaded.head.prior is not None
    assert loaded.head.prior.tolist() == prior.tolist()
    level = np.full((1, 8), 8**-0.5, dtype=np.float32)  # equally near to all
    assert loaded.top(["x"], level, 1)[0].tolist() == [[5]]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_model().save(tmp_path / name)
    for file in ("arrays.npz", "manifest.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    small_model().save(tmp_path / "m")
    with (tmp_path / "m" / "arrays.npz").open("ab") as file:
        file.write(b"x")
    assert verify_model(tmp_path / "m")
    with pytest.raises(ModelError, match="sha256"):
        Model.load(tmp_path / "m")


def test_a_model_for_another_encoder_is_refused(tmp_path: Path) -> None:
    retrieval_model().save(tmp_path / "m")
    with pytest.raises(ModelError, match="encoder `e@1`, got `other@2`"):
        Model.load(tmp_path / "m", encoder_id="other@2")


def test_a_model_for_another_taxonomy_is_refused(tmp_path: Path) -> None:
    small_model().save(tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["taxonomy"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="taxonomy"):
        Model.load(tmp_path / "m")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    small_model().save(tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(ModelError, match="format is 99"):
        Model.load(tmp_path / "m")


def test_unknown_model_names_what_there_is() -> None:
    with pytest.raises(ModelError, match="bloom"):
        Model.load("blooom")


def test_top_agrees_with_scores() -> None:
    model = small_model()
    index, top = model.top(TEXTS, None, 3)
    scores = model.scores(TEXTS, None)
    assert np.allclose(np.sort(scores, axis=1)[:, ::-1][:, :3], top)
    assert (np.take_along_axis(scores, index, 1) == top).all()


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_loads_and_is_whole(name: str) -> None:
    model = Model.load(name)
    assert verify_model(shipped("models") / name) == []
    assert len(model.thresholds) == len(model.taxonomy.concepts)
    assert isinstance(model.head, LinearHead | RetrievalHead)
    assert (model.thresholds > 0).all() and (model.thresholds <= 1).all()
    card = (shipped("models") / name / "README.md").read_text(encoding="utf-8")
    assert "Limits" in card or "limits" in card
    assert model.manifest["sources"] and model.manifest["metrics"] and model.manifest["recipe"]


def test_a_cut_off_folder_is_named(tmp_path: Path) -> None:
    shutil.copytree(shipped("models") / "bloom", tmp_path / "bloom")
    (tmp_path / "bloom" / "arrays.npz").unlink()
    with pytest.raises(ModelError, match="no such file"):
        Model.load(tmp_path / "bloom")


def test_a_model_for_an_encoder_trained_again_is_refused(tmp_path: Path) -> None:
    retrieval_model().save(tmp_path / "m", encoder_sha256="a" * 64)
    Model.load(tmp_path / "m", encoder_id="e@1", encoder_sha256="a" * 64)
    with pytest.raises(ModelError, match="of sha256 a"):
        Model.load(tmp_path / "m", encoder_id="e@1", encoder_sha256="b" * 64)


@pytest.mark.parametrize("key", ["files", "taxonomy", "options", "head"])
def test_a_manifest_without_a_key_is_refused(key: str, tmp_path: Path) -> None:
    small_model().save(tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest[key]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=f"lacks `{key}`"):
        Model.load(tmp_path / "m")


@given(st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=4), st.integers(1, 9))
def test_best_takes_the_first_of_equals(rows: list[list[int]], k: int) -> None:
    index, values = best(np.array(rows, dtype=np.float32), k)
    for row, i, v in zip(rows, index.tolist(), values.tolist(), strict=True):
        assert i == sorted(range(7), key=lambda n: (-row[n], n))[:k]
        assert v == [row[n] for n in i]


@pytest.mark.parametrize("program", [">=99", "<0.1", ">=0.0.1,<0.1"])
def test_a_model_for_another_program_is_refused(program: str, tmp_path: Path) -> None:
    small_model().save(tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"program": program}))
    with pytest.raises(ModelError, match="made for outcome-tagger"):
        Model.load(tmp_path / "m")
