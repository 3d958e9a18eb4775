"""Norms of one's own: made without labels, kept in a folder, asked in order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tagger.breadth import N_HASHES, BreadthModel, BreadthNorms, load_breadth, save_breadth
from tagger.density import DensityNorm, load_norm
from tagger.errors import ModelError, TaggerError
from tagger.norms import Course, Norms, build_norms, load_norms, save_norms
from tagger.records import Credential
from tagger.spread import fit_count_norm

GENERAL = DensityNorm("the general norm", 3000, (40.0, 1200.0), 1.71, 0.42, 3.1, -1.7)

DIM = 8


def model(encoder: str = "stub@1") -> BreadthModel:
    """Return a model whose separation is the spread of the cosines only."""
    rng = np.random.default_rng(0)
    counts = rng.integers(3, 14, 400)
    measures = {
        name: fit_count_norm([(int(n), float(v)) for n, v in zip(counts, rng.normal(size=400), strict=True)])
        for name in ("separation", "effective_topics", "mean_distance")
    }
    n = 44
    return BreadthModel(
        "breadth", "1", encoder, None, np.zeros(n), np.ones(n), np.zeros(2 * n - 2), np.zeros(DIM), np.eye(DIM)[:, :2], np.ones(N_HASHES), np.ones(2),
        np.linspace(-4, 4, 41), BreadthNorms("general courses", 400, measures),
    )  # fmt: skip


def catalogue(n: int, factor: float = 1.0, seed: int = 0, place: float = 0.0) -> list[Course]:
    rng = np.random.default_rng(seed)
    courses = []
    for _ in range(n):
        hours = float(rng.choice([80.0, 200.0, 400.0]))
        count = max(int(rng.poisson(factor * 5.3 * (hours / 200) ** 0.43)), 1)
        values = {
            name: float(v) + place
            for name, v in zip(("separation", "effective_topics"), rng.normal(size=2), strict=True)
        }
        courses.append(Course(count, round(count * 1.1), hours, values if count > 2 else {}))
    return courses


def test_own_norm_fits_a_catalogue_that_lists_more() -> None:
    prior = Norms((GENERAL,), (), model())
    courses = catalogue(1000, 1.7, place=1.0)
    own = build_norms(courses[:500], prior, title="ours")
    assert own.density[0].title == "ours" and own.density[1] is GENERAL
    assert own.breadth is not None and own.breadth.title == "ours"
    unseen = courses[500:]

    def alarms(norm: DensityNorm) -> float:
        known = [c for c in unseen if c.hours and norm.covers(c.hours)]
        return float(np.mean([norm.percentile(c.n_outcomes, c.hours or 0.0) >= 95 for c in known]))

    assert alarms(own.density[0]) < 0.08 < alarms(GENERAL)
    separation = own.breadth.measures["separation"]
    values = [(c.n_outcomes, c.measures["separation"]) for c in unseen if c.measures]
    assert np.mean([separation.percentile(v, n) >= 95 for n, v in values]) == pytest.approx(0.05, abs=0.05)


def test_part_that_is_overloaded_does_not_make_it_lenient() -> None:
    prior = Norms((GENERAL,))
    clean = catalogue(600)
    spoilt = [replace(c, n_outcomes=3 * c.n_outcomes) if i % 10 == 0 else c for i, c in enumerate(clean)]
    limit = build_norms(clean, prior, title="x").density[0].quantile(0.95, 200)
    assert build_norms(spoilt, prior, title="x").density[0].quantile(0.95, 200) <= limit + 2


def test_a_hundred_courses_are_needed() -> None:
    with pytest.raises(TaggerError, match="99 courses list outcomes and their size, a norm needs at least 100"):
        build_norms(catalogue(99), Norms((GENERAL,)), title="ours")


def test_few_courses_lean_on_the_general_norm() -> None:
    few = build_norms(catalogue(100, 2.0), Norms((GENERAL,)), title="x").density[0]
    many = build_norms(catalogue(2000, 2.0), Norms((GENERAL,)), title="x").density[0]
    assert GENERAL.log_mean < few.log_mean < many.log_mean


def test_the_first_norm_that_covers_a_size_is_asked() -> None:
    own = replace(GENERAL, title="ours", hours=(100.0, 300.0))
    irish = replace(GENERAL, title="Irish modules", hours=(60.0, 500.0))
    norms = Norms((own, GENERAL), ((("ireland", "ie"), irish),))

    def asked(hours: float, place: str | None) -> str | None:
        norm = norms.density_for(Credential("x", jurisdiction=place), hours)
        return None if norm is None else norm.title

    assert asked(200.0, "Ireland") == "ours"
    assert asked(400.0, " ireland ") == "Irish modules"
    assert asked(400.0, "Kenya") == asked(400.0, None) == "the general norm"
    assert asked(5000.0, "Ireland") is None


def test_breadth_is_only_for_the_encoder_that_it_knows() -> None:
    norms = Norms((GENERAL,), (), model("ours@1"))
    assert norms.for_encoder("ours@1", None).breadth_norms() is not None
    assert norms.for_encoder("other@1", None).breadth_norms() is None


def test_saved_norms_load_again(tmp_path: Path) -> None:
    prior = Norms((GENERAL,), (), model())
    own = build_norms(catalogue(300), prior, title="ours")
    save_norms(own, tmp_path / "n")
    assert load_norms(tmp_path / "n", prior) == own
    assert not list((tmp_path / "n").glob("*.pkl"))
    plain = build_norms(catalogue(300), Norms((GENERAL,)), title="ours")
    save_norms(plain, tmp_path / "n")  # over the other: the measures of breadth go with it
    assert load_norms(tmp_path / "n", prior).breadth is None


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("density.json", '"ours"', '"hers"', "checksum"),
        ("breadth.json", '"ours"', '"hers"', "checksum"),
        ("manifest.json", '"norms"', '"linear"', "expected `norms`"),
        ("manifest.json", '"format": 1', '"format": 7', "expected `norms`, format `1`"),
        ("manifest.json", '"version": "1"', '"version": "0"', "made with the model of breadth `breadth@0`"),
        ("manifest.json", "{", "", "cannot be read"),
    ],
)
def test_altered_norms_are_refused(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    prior = Norms((GENERAL,), (), model())
    save_norms(build_norms(catalogue(300), prior, title="ours"), tmp_path)
    text = (tmp_path / file).read_text("utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ModelError, match=message):
        load_norms(tmp_path, prior)


def test_model_of_breadth_loads_again(tmp_path: Path) -> None:
    save_breadth(model(), tmp_path, card="# card\n", sources=[])
    loaded = load_breadth(tmp_path)
    assert loaded.norms == model().norms and loaded.serves("stub@1") and not loaded.serves("other@1")
    (tmp_path / "norms.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match="sha256"):
        load_breadth(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "kind": "linear"}), "utf-8")
    with pytest.raises(ModelError, match="expected `breadth`"):
        load_breadth(tmp_path)


def test_shipped_norms_name_what_they_are() -> None:
    norms = Norms.shipped()
    assert norms.density[-1] == load_norm()
    breadth = norms.breadth_norms()
    assert breadth is not None and "Mid Sweden" in breadth.title and breadth.n_courses > 100
    assert {"separation", "effective_topics", "mean_distance"} <= set(breadth.measures)
