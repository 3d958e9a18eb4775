"""What a credential's title and other outcomes add to the tags of an outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tagger.cli import app
from tagger.context import SITUATIONS, Context, features, others
from tagger.records import Credential, LearningOutcome, TaggedCredential
from tagger.tagging import Tagger

WEIGHTS = {
    "least": 0.01,
    "title and others": [-1.0, 0.8, 0.7, 0.7],
    "title": [-0.8, 0.8, 0.8],
    "others": [-0.8, 0.8, 0.9],
}
TITLE = "Safe drinking water and sanitation"
VAGUE = "Check the pump and the tanks of the village before the dry season"
CLEAR = "Treat drinking water with filters and chlorine"


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    """A tagger whose goals are read in context, whatever the shipped model says of it."""
    loaded = Tagger.load(["sdg", "sdg-targets"])
    models = [
        replace(m, options={**m.options, "context": WEIGHTS}, thresholds=np.full_like(m.thresholds, 0.02))
        if m.taxonomy.id == "sdg"
        else m
        for m in loaded.models
    ]
    return Tagger(models, loaded.encoder)


def credential(*texts: str, title: str | None = TITLE, id: str = "C") -> Credential:
    return Credential(id, title, tuple(LearningOutcome(f"{id}/{n}", t) for n, t in enumerate(texts)))


def goals(tagged: TaggedCredential) -> list[dict[str, float]]:
    return [{t.label: t.score for t in o.tags if t.taxonomy == "sdg"} for o in tagged.outcomes]


rows = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(st.lists(rows, min_size=1, max_size=5), rows, st.booleans())
def test_probabilities_stay_probabilities_and_more_context_never_means_less(
    own: list[list[float]], title: list[float], is_titled: bool
) -> None:
    p, t = np.array(own), np.array(title) if is_titled else None
    context = Context.of(WEIGHTS)
    placed = context.apply(p, t)
    assert placed.shape == p.shape and (placed >= 0).all() and (placed <= 1).all()
    if t is not None:
        assert (context.apply(p, np.minimum(t + 0.2, 1)) >= placed - 1e-6).all()


def test_what_the_own_words_do_not_say_at_all_is_not_said_by_the_title() -> None:
    own, title = np.array([[0.005, 0.3]]), np.array([0.99, 0.99])
    silent, spoken = Context.of(WEIGHTS).apply(own, title)[0].tolist()
    assert silent <= 0.005 and spoken > 0.5


def test_an_outcome_without_surroundings_is_as_it_was() -> None:
    own = np.array([[0.2, 0.7]], dtype=np.float32)
    assert Context.of(WEIGHTS).apply(own, None).tolist() == own.tolist()
    assert Context({}).apply(np.tile(own, (2, 1)), own[0]).tolist() == [own[0].tolist()] * 2


def test_the_others_are_the_others() -> None:
    assert others(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])).tolist() == [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    assert features(np.full((2, 3), 0.5), None, np.full((2, 3), 0.001)).tolist() == [[[0.0, 0.0]] * 3] * 2
    assert set(SITUATIONS) == {name for name in WEIGHTS if name != "least"}


def test_the_same_words_are_read_by_their_credential(tagger: Tagger) -> None:
    in_water, in_kitchen, alone = tagger.tag(
        [
            credential(VAGUE, CLEAR),
            credential(VAGUE, "Bake a sponge cake", title="Baking for beginners", id="D"),
            credential(VAGUE, title=None, id="E"),
        ]
    )
    score = {
        name: goals(t)[0].get("Clean water and sanitation", 0.0)
        for name, t in (("water", in_water), ("kitchen", in_kitchen), ("alone", alone))
    }
    assert score["water"] > max(score["kitchen"], score["alone"])
    tag = next(t for t in in_water.outcomes[1].tags if t.taxonomy == "sdg")
    assert tag.alone is not None and tag.evidence[0].text in CLEAR
    assert all(t.alone is None for o in alone.outcomes for t in o.tags)


def test_tags_do_not_depend_on_what_is_tagged_beside_them(tagger: Tagger) -> None:
    all_ = [credential(VAGUE, CLEAR), credential(CLEAR, title="Physics", id="D"), credential(VAGUE, id="F")]
    together = [o.tags for t in tagger.tag(all_) for o in t.outcomes]
    fresh = Tagger(tagger.models, tagger.encoder, batch=1)
    apart = [o.tags for c in reversed(all_) for t in fresh.tag([c]) for o in t.outcomes]
    assert sorted(map(repr, together)) == sorted(map(repr, apart))
    again = [o.tags for t in fresh.tag(all_) for o in t.outcomes]
    assert again == together


def test_targets_follow_their_goals_in_context(tagger: Tagger) -> None:
    [tagged] = tagger.tag([credential(VAGUE, CLEAR)])
    for outcome in tagged.outcomes:
        goals_of = {t.concept for t in outcome.tags if t.taxonomy == "sdg"}
        targets = [t for t in outcome.tags if t.taxonomy == "sdg-targets"]
        taxonomy = tagger.model_for("sdg-targets").taxonomy
        assert all(set(taxonomy.get(t.concept).broader) & goals_of for t in targets)
    order = [t.taxonomy for t in tagged.outcomes[1].tags]
    assert order == sorted(order) and "sdg-targets" in order


def test_a_title_in_another_language_says_nothing(tagger: Tagger) -> None:
    swedish = "Vatten och avlopp för alla, en introduktion till det som är viktigt"
    with_, without = tagger.tag([credential(VAGUE, CLEAR, title=swedish), credential(VAGUE, CLEAR, title=None)])
    assert goals(with_) == goals(without)


def test_explain_shows_what_the_title_adds(tagger: Tagger) -> None:
    [alone] = [t for t in tagger.explain(CLEAR)["taxonomies"] if t["taxonomy"] == "sdg"]
    [titled] = [t for t in tagger.explain(CLEAR, title=TITLE)["taxonomies"] if t["taxonomy"] == "sdg"]
    assert alone["tags"][0]["alone"] is None
    assert titled["tags"][0]["alone"] == alone["tags"][0]["score"]
    assert titled["tags"][0]["without_evidence"] < titled["tags"][0]["score"]


def test_the_score_by_the_own_words_is_kept_in_records_and_files(tagger: Tagger, tmp_path: Path) -> None:
    from tagger.catalogue import open_writer

    [tagged] = tagger.tag([credential(VAGUE, CLEAR)])
    assert TaggedCredential.from_dict(tagged.to_dict()) == tagged
    with open_writer(tmp_path / "out.parquet") as writer:
        writer.write(tagged)
    import pyarrow.parquet

    [row] = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    stored = [t["alone"] for o in row["outcomes"] for t in o["tags"]]
    assert stored == [t.alone for o in tagged.outcomes for t in o.tags]


def test_the_command_takes_a_title() -> None:
    done = CliRunner().invoke(app, ["explain", CLEAR, "--title", TITLE, "--model", "sdg"])
    assert done.exit_code == 0 and "by its own words" in done.stdout
