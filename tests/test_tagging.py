from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tagger.encoder import FloatArray
from tagger.records import Credential, LearningOutcome, Level, Size, TaggedCredential
from tagger.tagging import Tagger


def credential(id_: str, *texts: str, **fields: object) -> Credential:
    outcomes = tuple(LearningOutcome(f"{id_}/{n}", t) for n, t in enumerate(texts, 1))
    return Credential(id_, outcomes=outcomes, **fields)  # type: ignore[arg-type]


CATALOGUE = [
    credential(
        "A",
        "On completion learners will be able to design a rainwater harvesting system for a village",
        "Treat drinking water with low-cost filters",
        "Present results to classmates",
        size=Size(10, "CATS"),
        level=Level("FHEQ", "6"),
    ),
    credential("B", "Nurse patients with chronic obstructive pulmonary disease", "Prove that a matrix is invertible"),
    credential("C"),
    credential("D", "redogöra för och tillämpa vetenskapliga metoder inom arkivvetenskap"),
]

THINGS = (
    "drinking water",
    "wind turbines",
    "chronic wounds",
    "coral reefs",
    "labour law",
    "a cooling circuit",
    "budgets",
)


@pytest.fixture(scope="module")
def tagged(shipped_tagger: Tagger) -> list[TaggedCredential]:
    return list(shipped_tagger.tag(CATALOGUE))


def sdg(tagged: TaggedCredential, n: int) -> set[str]:
    return {t.concept.rsplit("/", 1)[1] for t in tagged.outcomes[n].tags if t.taxonomy == "sdg"}


def test_nothing_is_lost_and_the_order_is_kept(tagged: list[TaggedCredential]) -> None:
    assert [t.credential.id for t in tagged] == ["A", "B", "C", "D"]
    for before, after in zip(CATALOGUE, tagged, strict=True):
        assert [o.outcome for o in after.outcomes] == list(before.outcomes)


def test_plain_cases(tagged: list[TaggedCredential]) -> None:
    assert sdg(tagged[0], 0) == {"6"} and sdg(tagged[0], 1) == {"6"}
    assert sdg(tagged[1], 0) == {"3"}
    assert sdg(tagged[0], 2) == set() and sdg(tagged[1], 1) == set()


def test_every_tag_is_complete(tagged: list[TaggedCredential]) -> None:
    n = 0
    for credential_ in tagged:
        for outcome in credential_.outcomes:
            for tag in outcome.tags:
                n += 1
                assert tag.concept.startswith(("http://", "urn:")) and tag.version and tag.label
                assert "@" in tag.model and 0 < tag.score <= 1
                for evidence in tag.evidence:
                    assert outcome.outcome.text[evidence.start : evidence.end] == evidence.text != ""
                assert tag.evidence
    assert n > 5


def test_evidence_points_at_the_subject_not_at_the_lead_in(tagged: list[TaggedCredential]) -> None:
    [tag] = [t for t in tagged[0].outcomes[0].tags if t.taxonomy == "sdg"]
    assert "rainwater" in tag.evidence[0].text
    assert "completion" not in tag.evidence[0].text


def test_a_target_stands_only_below_a_tagged_goal(tagged: list[TaggedCredential]) -> None:
    assert any(t.taxonomy == "sdg-targets" for c in tagged for t in c.tags)
    for credential_ in tagged:
        for n, outcome in enumerate(credential_.outcomes):
            for tag in outcome.tags:
                if tag.taxonomy == "sdg-targets":
                    assert tag.concept.rsplit("/", 1)[1].split(".")[0] in sdg(credential_, n)


def test_roll_up_names_the_outcomes(tagged: list[TaggedCredential]) -> None:
    [six] = [t for t in tagged[0].tags if t.concept.endswith("sdg/6")]
    assert set(six.outcomes) == {"A/1", "A/2"}
    carried = [t.score for o in tagged[0].outcomes for t in o.tags if t.concept == six.concept]
    assert six.score == max(carried)


def test_no_outcomes_means_no_tags_and_no_estimate(tagged: list[TaggedCredential]) -> None:
    assert tagged[2].tags == () and tagged[2].credential.level.estimated is None
    assert any(n.startswith("size") for n in tagged[2].not_checked)


def test_another_language_is_said_and_not_guessed(tagged: list[TaggedCredential]) -> None:
    assert tagged[3].tags == ()
    assert any("English" in n for n in tagged[3].not_checked)


def test_hours_are_filled_in(tagged: list[TaggedCredential]) -> None:
    assert tagged[0].credential.size.notional_hours == (100, 100)


def test_a_text_is_tagged_the_same_in_any_company(shipped_tagger: Tagger, tagged: list[TaggedCredential]) -> None:
    fresh = Tagger(shipped_tagger.models, shipped_tagger.encoder, batch=1)
    assert list(fresh.tag(reversed(CATALOGUE)))[::-1] == tagged


def test_each_distinct_text_is_encoded_once(shipped_tagger: Tagger) -> None:
    seen: list[str] = []

    class Counting:
        id = shipped_tagger.encoder.id
        dim = shipped_tagger.encoder.dim

        def encode(self, texts: Sequence[str]) -> FloatArray:
            seen.extend(texts)
            return shipped_tagger.encoder.encode(texts)

    tagger = Tagger(shipped_tagger.models, Counting(), batch=2)
    list(tagger.tag([credential(str(n), "Weld a lap joint", "Weld a lap joint") for n in range(5)]))
    assert seen == ["Weld a lap joint"]


def test_suggest_ranks_without_a_threshold(shipped_tagger: Tagger) -> None:
    [found] = shipped_tagger.suggest(["Weld a lap joint in mild steel"], "esco", top=10)
    assert len(found) == 10
    scores = [s for _, s in found]
    assert scores == sorted(scores, reverse=True)
    labels = [shipped_tagger.model_for("esco").taxonomy.concepts[i].label for i, _ in found]
    assert any("weld" in label for label in labels)
    for taxonomy in ("sdg", "sdg-targets", "bloom", "eqf"):
        assert len(shipped_tagger.suggest(["Weld a lap joint"], taxonomy, top=5)[0]) == 5


def test_explain_tells_tags_runners_up_and_thresholds(shipped_tagger: Tagger) -> None:
    text = "Learners will be able to assess barriers to women's careers"
    explained = shipped_tagger.explain(text)
    [goals] = [t for t in explained["taxonomies"] if t["taxonomy"] == "sdg"]
    [tag] = goals["tags"]
    assert tag["concept"].endswith("sdg/5") and tag["score"] >= tag["threshold"]
    span = tag["evidence"][0]
    assert text[span["start"] : span["end"]] == span["text"]
    assert len(goals["runners_up"]) == 3
    assert all(r["score"] < tag["score"] for r in goals["runners_up"])


def test_evidence_carries_the_score(shipped_tagger: Tagger) -> None:
    """Deleting the evidence lowers the score, and by more than deleting as much elsewhere."""
    model = shipped_tagger.model_for("sdg")
    texts = [
        "Explain to new volunteers how vaccination programmes reduce child mortality in rural districts",
        "Compare for the board the circular economy with today's waste management in a chosen firm",
        "Describe in a short report how coral reefs and fisheries recover after protection",
        "Prepare with colleagues a lesson plan for pupils with special educational needs",
    ]
    drops, others = [], []
    for text in texts:
        [tagged] = shipped_tagger.tag([credential("x", text)])
        tag = max((t for t in tagged.tags if t.taxonomy == "sdg"), key=lambda t: t.score)
        [own] = [t for t in tagged.outcomes[0].tags if t.concept == tag.concept]
        span = own.evidence[0]
        without = text[: span.start] + text[span.end :]
        rest = (text[: span.start], text[span.end :])
        elsewhere = text.replace(max(rest, key=len).strip()[: len(span.text)], "")
        i = model.taxonomy.index(tag.concept)
        scores = model.scores([text, without, elsewhere], shipped_tagger.encoder.encode([text, without, elsewhere]))[
            :, i
        ]
        drops.append(scores[0] - scores[1])
        others.append(scores[0] - scores[2])
    assert min(drops) > 0
    assert np.mean(drops) > np.mean(others)


def test_models_run_parents_first_whatever_order_they_are_named_in() -> None:
    tagger = Tagger.load(["sdg-targets", "sdg"])
    assert [m.id for m in tagger.models] == ["sdg", "sdg-targets"]
    [tagged] = tagger.tag([credential("A", "Treat drinking water with low-cost filters")])
    assert {t.taxonomy for t in tagged.tags} == {"sdg", "sdg-targets"}


def test_a_credential_with_many_outcomes_is_read_in_batches(shipped_tagger: Tagger) -> None:
    sizes: list[int] = []

    class Measuring:
        id = shipped_tagger.encoder.id
        dim = shipped_tagger.encoder.dim

        def encode(self, texts: Sequence[str]) -> FloatArray:
            sizes.append(len(texts))
            return shipped_tagger.encoder.encode(texts)

    tagger = Tagger([shipped_tagger.model_for("bloom")], Measuring(), batch=4)
    [tagged] = tagger.tag([credential("A", *(f"Weld joint number {n}" for n in range(10)))])
    assert sizes == [4, 4, 2] and len(tagged.outcomes) == 10


def test_a_stated_language_is_named(shipped_tagger: Tagger) -> None:
    [tagged] = shipped_tagger.tag([credential("A", "Treat drinking water", language="sv")])
    assert tagged.tags == () and any("`sv`" in n for n in tagged.not_checked)


def test_what_is_kept_of_a_text_does_not_keep_its_batch(shipped_tagger: Tagger) -> None:
    tagger = Tagger(shipped_tagger.models, shipped_tagger.encoder)
    list(tagger.tag(CATALOGUE))
    kept = list(tagger._readings.values())
    assert kept and all(r.vector.base is None and r.level is not None and r.level.base is None for r in kept)


def test_scores_do_not_depend_on_the_number_of_texts(shipped_tagger: Tagger) -> None:
    texts = [f"{verb} {thing}" for verb in ("Treat", "Model", "Explain", "Repair") for thing in THINGS]
    vectors, tokens = shipped_tagger._encode(texts)
    for model in shipped_tagger.models:
        index, scores = shipped_tagger._top(model, texts, vectors, 5, tokens)
        for n in range(len(texts)):
            one = slice(n, n + 1)
            one_index, one_score = shipped_tagger._top(model, texts[one], vectors[one], 5, tokens[one])
            assert (one_index[0] == index[n]).all() and (one_score[0] == scores[n]).all(), (model.id, texts[n])


@pytest.mark.parametrize("language", ["en", "en-GB", "eng", "sv/en", "English, some French"])
def test_only_a_language_tag_overrules_the_text(language: str, shipped_tagger: Tagger) -> None:
    [tagged] = shipped_tagger.tag([credential("A", "Treat drinking water", language=language)])
    assert tagged.tags
