from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tagger.encoder import OnnxEncoder, load_encoder
from tagger.errors import ModelError
from tagger.shipped import shipped

TEXTS = [
    "Design a rainwater harvesting system",
    "Explain fractions",
    "Assess chronic wounds and select dressings " * 20,
    "Weld a lap joint",
    "",
]


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(shipped("models") / "encoder")


def test_rows_are_unit_vectors(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dim) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: OnnxEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([t]) for t in TEXTS])
    assert (together == alone).all()
    assert (OnnxEncoder(shipped("models") / "encoder", n_threads=1).encode(TEXTS) == together).all()


def test_the_sentence_vector_is_the_mean_of_the_tokens(encoder: OnnxEncoder) -> None:
    vectors, tokens = encoder.encode_tokens(TEXTS)
    for vector, token in zip(vectors, tokens, strict=True):
        mean = token.vectors.mean(axis=0)
        assert np.allclose(mean / np.linalg.norm(mean), vector, atol=1e-5)
        assert len(token.spans) == len(token.vectors)


def test_like_is_near_like(encoder: OnnxEncoder) -> None:
    a, b, c = encoder.encode(["treat wounds", "wound care", "tune a database query"])
    assert a @ b > 0.5 > a @ c


def test_nothing_in_nothing_out(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_an_altered_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(shipped("models") / "encoder", folder)
    with (folder / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ModelError, match="sha256"):
        OnnxEncoder(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"kind": "encoder", "id": "e", "version": "1", "dim": 3, "max_tokens": 4, "files": {"model.onnx": "x"}}
        )
    )
    with pytest.raises(ModelError, match=r"model\.onnx.*no such file"):
        OnnxEncoder(tmp_path)


@pytest.mark.parametrize("name", ["no-such-folder", "sentence-transformers:no/such/model"])
def test_unknown_encoder(name: str) -> None:
    with pytest.raises(ModelError):
        load_encoder(name)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("{", "not JSON"),
        ("[]", "kind is"),
        ('{"kind": "linear"}', "kind is `linear`"),
        ('{"kind": "encoder"}', "lacks `id`"),
    ],
)
def test_a_folder_that_is_no_encoder_is_refused(manifest: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match=said):
        OnnxEncoder(tmp_path)


def test_the_number_of_threads_is_heeded_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    folder = shipped("models") / "encoder"
    assert OnnxEncoder(folder, n_threads=3)._n_threads == 3
    assert OnnxEncoder(folder)._n_threads == 1
