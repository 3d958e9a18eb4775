"""What a credential's title and other outcomes add to the tags of an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tagger.cli import app
from tagger.context import SITUATIONS, Context, features, others, thresholds_in_context
from tagger.errors import ModelError
from tagger.records import Credential, LearningOutcome, TaggedCredential
from tagger.tagging import Tagger

WEIGHTS = {
    "least": 0.01,
    "full": 0.1,
    "needed": 0.0,
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
    assert silent <= 0.0051 and spoken > 0.5


def test_what_context_alone_lifts_has_to_be_lifted_further(tagger: Tagger) -> None:
    own, thresholds = np.array([[0.3, 0.5]]), np.array([0.4, 0.4])
    assert thresholds_in_context(own, thresholds, 0.6).tolist() == [[0.6, 0.4]]
    assert thresholds_in_context(own, thresholds, 0.2).tolist() == [[0.4, 0.4]]

    def tagged(needed: float) -> list[dict[str, float]]:
        models = [
            replace(m, options={**m.options, "context": {**WEIGHTS, "needed": needed}}, thresholds=np.full(17, 0.5))
            if m.taxonomy.id == "sdg"
            else m
            for m in tagger.models
        ]
        [found] = Tagger(models, tagger.encoder).tag([credential("Check the pump and the tanks", CLEAR)])
        return goals(found)

    lifted, strict = tagged(0.0), tagged(1.0)
    assert (
        strict[1] == {k: v for k, v in lifted[1].items() if k in strict[1]}
        and "Clean water and sanitation" in strict[1]
    )
    assert set(strict[0]) <= set(lifted[0])


def test_an_outcome_without_surroundings_is_as_it_was() -> None:
    own = np.array([[0.2, 0.7]], dtype=np.float32)
    assert Context.of(WEIGHTS).apply(own, None).tolist() == own.tolist()
    assert Context({}).apply(np.tile(own, (2, 1)), own[0]).tolist() == [own[0].tolist()] * 2


def test_the_others_are_the_others() -> None:
    assert others(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])).tolist() == [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    assert features(np.full((2, 3), 0.5), None, np.full((2, 3), 0.001)).tolist() == [[[0.0, 0.0]] * 3] * 2
    assert set(SITUATIONS) == {name for name in WEIGHTS if name not in ("least", "full", "needed")}


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


def test_only_what_was_weighed_is_told(tagger: Tagger) -> None:
    def alone(c: Credential) -> set[bool]:
        [tagged] = tagger.tag([c])
        return {t.alone is None for o in tagged.outcomes for t in o.tags if t.taxonomy == "sdg"}

    swedish = "Vatten och avlopp för alla, en introduktion till det som är viktigt"
    assert alone(credential(CLEAR)) == {False} and alone(credential(CLEAR, VAGUE, title=None)) == {False}
    for c in (credential(CLEAR, title=swedish), credential(CLEAR, title="  "), credential(CLEAR, CLEAR, title=None)):
        assert alone(c) == {True}


def test_an_outcome_that_stands_twice_is_not_its_own_surroundings(tagger: Tagger) -> None:
    once, twice = tagger.tag([credential(VAGUE, CLEAR), credential(VAGUE, CLEAR, VAGUE, id="D")])
    assert goals(twice) == [*goals(once), goals(once)[0]]


def test_an_encoder_without_tokens_reads_each_text_once(tagger: Tagger) -> None:
    read: list[str] = []

    class Plain:
        id, dim = tagger.encoder.id, tagger.encoder.dim

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            read.extend(texts)
            return tagger.encoder.encode(texts)

    [tagged] = Tagger(tagger.models, Plain()).tag([credential(VAGUE, CLEAR)])
    assert goals(tagged)[1] and sorted(read) == sorted([VAGUE, CLEAR, TITLE])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"title": [0.1, 1.0, 0.5]}, "least"),
        ({**WEIGHTS, "title": [0.1, 1.0]}, "2 weights, expected 3"),
        ({**WEIGHTS, "others": ["a", "b", "c"]}, "does not hold"),
    ],
)
def test_weights_that_do_not_fit_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Context.of(options)


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


def test_fitted_weights_follow_what_surroundings_tell() -> None:
    from training.surroundings import Case, fit_context

    rng = np.random.default_rng(3)
    n = 400
    right = (rng.random((n, 17)) < 0.3).astype(np.float32)
    blurred = np.clip(np.where(right == 1, 0.4, 0.2) + rng.normal(0, 0.1, (n, 17)), 0.01, 0.99)
    telling, noise = np.where(right == 1, 0.8, 0.05), rng.random((n, 17))

    def weights(title: np.ndarray) -> tuple[float, ...]:
        found = [Case(i, blurred[i].astype(np.float32), title[i].astype(np.float32), None) for i in range(n)]
        found += [Case(i, blurred[i].astype(np.float32), title[i].astype(np.float32), noise[i]) for i in range(n)]
        context, options, n_cases = fit_context(found, right)
        assert n_cases == {"title and others": n, "title": 2 * n, "others": n}
        assert Context.of(options) == context
        return tuple(context.weights["title"])

    assert weights(telling)[2] > 0.5
    assert abs(weights(noise)[2]) < 0.2


def test_own_credentials_are_whole_and_kept_apart_from_evaluation() -> None:
    from tagger.taxonomy import load_taxonomy
    from training.texts import is_held_out, normalise, own_credentials, sdg_rows

    found = own_credentials()
    texts = [normalise(o["text"]) for c in found for o in c["outcomes"]]
    assert len(texts) == len(set(texts)) and len({c["title"] for c in found}) == len(found)
    targets = {c.notation for c in load_taxonomy("sdg-targets").concepts}
    for outcome in (o for c in found for o in c["outcomes"]):
        assert set(outcome["targets"]) <= targets and len(outcome["goals"]) <= 3
        assert {int(t.split(".")[0]) for t in outcome["targets"]} <= set(outcome["goals"])
        assert not set(outcome["goals"]) & set(outcome["mentions"])
    for c in found[:40]:
        assert {is_held_out(o["text"]) for o in c["outcomes"]} == {c["held_out"]}
    rows = [r for r in sdg_rows(None) if r.source == "own-credential"]
    assert len({r.group for r in rows}) == len(found)
