"""Any taxonomy is tagged with at once: shipped code lists, imported folders, other languages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tagger.crosslingual import SIGNALS, CrosslingualHead, fit_crosslingual
from tagger.encoder import load_encoder
from tagger.errors import ModelError
from tagger.importers import import_taxonomy
from tagger.language import guess_language, primary_tag
from tagger.model import Model
from tagger.records import Credential, LearningOutcome
from tagger.tagging import Tagger
from tagger.taxonomy import Taxonomy
from tagger.zero_shot import model_for_taxonomy

WEIGHTS = {
    "mapped": {"coefficients": [8.0, 2.0, 2.0, 4.0, 1.0, 0.0], "intercept": -5.0, "threshold": 0.5},
    "spelling": {"coefficients": [0.0, 0.0, 0.0, 12.0, 1.0, 0.0], "intercept": -5.0, "threshold": 0.5},
}
ROWS = (
    "Sail a boat,sailing|helm a yacht,Handle sails and rudder\nBake bread,baking loaves,Make dough and bake it\n"
    "Weld steel,,Join metal parts by heat\nKeep accounts,bookkeeping,Record income and spending\n"
)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder()


def mine(folder: Path, name: str = "mine", rows: str = ROWS, **facts: str) -> Taxonomy:
    source = folder / f"{name}.csv"
    source.write_text("label,alt_labels,description\n" + rows, encoding="utf-8")
    return import_taxonomy(source, folder / name, version="1", **facts)


def outcome(text: str, language: str | None = None) -> Credential:
    return Credential(text, outcomes=(LearningOutcome(f"{text}/1", text),), language=language)


def test_an_imported_table_tags_at_once(tmp_path, encoder) -> None:
    taxonomy, told = mine(tmp_path), []
    model = model_for_taxonomy(taxonomy.path, encoder, say=told.append)
    assert told == ["`mine`: its vectors are made"]
    index, _ = model.top(["Steer a sailing yacht"], encoder.encode(["Steer a sailing yacht"]), 1)
    assert taxonomy.concepts[index[0, 0]].label == "Sail a boat"
    manifest = json.loads((taxonomy.path / "model" / "manifest.json").read_text(encoding="utf-8"))
    assert "not on this taxonomy" in manifest["calibration"]["note"]
    assert encoder.sha256 in manifest["calibration"]["encoder"]


def test_vectors_are_kept_and_made_again_only_when_they_have_to_be(tmp_path, encoder) -> None:
    taxonomy, told = mine(tmp_path), []
    first = model_for_taxonomy(taxonomy.path, encoder)
    again = model_for_taxonomy(taxonomy.path, encoder, say=told.append)
    assert told == [] and np.abs(first.head.vectors - again.head.vectors).max() < 0.01
    other = json.loads((taxonomy.path / "model" / "manifest.json").read_text(encoding="utf-8"))
    other["calibration"]["encoder"] = "another@1.0"
    (taxonomy.path / "model" / "manifest.json").write_text(json.dumps(other), encoding="utf-8")
    model_for_taxonomy(taxonomy.path, encoder, say=told.append)
    assert told == ["`mine`: its vectors are made again: they were made with another encoder"]
    changed = mine(tmp_path, rows=ROWS + "Fly a kite,,\n")
    assert len(model_for_taxonomy(changed.path, encoder, say=told.append).taxonomy) == 5
    assert told[-1] == "`mine`: its vectors are made again: the concepts were changed"


def test_several_taxonomies_at_once_each_tag(tmp_path) -> None:
    taxonomy = mine(tmp_path)
    tagger = Tagger.load(taxonomies=["digcomp", taxonomy.path])
    assert [m.taxonomy.id for m in tagger.models] == ["digcomp", "mine"]
    [best] = tagger.suggest(["Judge whether an online source can be trusted"], "digcomp", 1)
    assert tagger.models[0].taxonomy.concepts[best[0][0]].notation == "1.2"
    [tagged] = tagger.tag([outcome("Sail a boat")])
    assert [t.label for t in tagged.tags if t.taxonomy == "mine"] == ["Sail a boat"]
    assert tagged.tags[0].model.endswith("@zero-shot-1") or tagged.tags[0].taxonomy == "digcomp"


def test_default_stands_for_the_shipped_models_and_a_folder_takes_the_place_of_its_namesake(tmp_path) -> None:
    own = mine(tmp_path, id="esco")
    tagger = Tagger.load(taxonomies=["default", own.path])
    ids = [m.taxonomy.id for m in tagger.models]
    assert sorted(ids) == sorted({"sdg", "sdg-targets", "esco", "bloom", "eqf"})
    assert len(tagger.model_for("esco").taxonomy) == 4


def test_levels_have_no_model(encoder) -> None:
    with pytest.raises(ModelError, match="a framework of levels"):
        model_for_taxonomy("scqf", encoder)


FRENCH = (
    "gérer le personnel,diriger une équipe,\nsouder de l'acier,soudage,\ntenir la comptabilité,comptabilité,\n"
    "cuire du pain,boulangerie,\n"
)


def test_another_language_is_found_by_spelling_and_kept_in_a_folder(tmp_path) -> None:
    taxonomy = mine(tmp_path, "metiers", FRENCH, language="fr")
    head, threshold = fit_crosslingual(taxonomy, {}, weights=WEIGHTS)
    index, scores = head.top(["Tenir une comptabilite simple", "Cuisson de pains"], None, 1)
    assert [taxonomy.concepts[i].label for i in index[:, 0]] == ["tenir la comptabilité", "cuire du pain"]
    shares = head.shares("Tenir une comptabilité", None, 2)
    by_word = {word: sum(s for a, b, s in shares if "Tenir une comptabilité"[a:b] == word) for word in ("Tenir", "une")}
    assert by_word["Tenir"] > by_word["une"]
    model = Model("metiers", "1", taxonomy, head, np.full(4, threshold, dtype=np.float32), None)
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert isinstance(loaded.head, CrosslingualHead)
    again = loaded.top(["Tenir une comptabilite simple", "Cuisson de pains"], None, 1)
    assert (again[0] == index).all() and np.abs(again[1] - scores).max() < 0.01


def test_what_is_learnt_from_english_vectors_reaches_words_of_other_labels(tmp_path) -> None:
    taxonomy = mine(tmp_path, "metiers", FRENCH, language="fr")
    known = {c.id: np.eye(4, dtype=np.float32)[i] for i, c in enumerate(taxonomy.concepts)}
    head, _ = fit_crosslingual(taxonomy, known, weights=WEIGHTS)
    index, scores = head.top(["soudage des aciers"], None, 4)
    assert taxonomy.concepts[index[0, 0]].label == "souder de l'acier"
    assert scores.shape == (1, 4) and (np.diff(scores[0]) <= 0).all()
    assert head.candidates(["x"])[1].shape == (1, 4, len(SIGNALS))
    assert sum(s for _, _, s in head.shares("soudage des aciers", None, int(index[0, 0]))) > 0


def test_credentials_are_read_by_the_models_of_their_language(tmp_path, encoder) -> None:
    french, english = mine(tmp_path, "metiers", FRENCH, language="fr"), mine(tmp_path)
    head, _ = fit_crosslingual(french, {}, weights=WEIGHTS)
    models = [
        model_for_taxonomy(english.path, encoder),
        Model("metiers", "1", french, head, np.full(4, 0.2, dtype=np.float32), encoder.id),
    ]
    tagger = Tagger(models, encoder)
    assert tagger.languages == ("en", "fr")
    tagged = list(
        tagger.tag(
            [
                outcome("Sail a boat"),
                outcome("Tenir la comptabilité d'une entreprise"),
                outcome("Tenir la comptabilité", "fr-BE"),
                outcome("redogöra för och tillämpa metoder"),
                outcome("Sail a boat", "sv"),
            ]
        )
    )
    assert [{t.taxonomy for t in c.tags} for c in tagged] == [{"mine"}, {"metiers"}, {"metiers"}, set(), set()]
    assert any("do not read as `en`, `fr`" in line for line in tagged[3].not_checked)
    assert any("given as `sv`" in line for line in tagged[4].not_checked)


@pytest.mark.parametrize(
    ("text", "among", "found"),
    [
        ("Analyser un bilan et présenter les résultats à la direction", ["en", "fr"], "fr"),
        ("Analyse a balance sheet and present the results", ["en", "fr"], "en"),
        ("Python", ["en", "fr"], "en"),
        ("Python", ["fr"], "fr"),
        ("und die Grundlagen der Mechanik", ["en", "fr"], None),
    ],
)
def test_the_language_is_guessed_among_those_that_are_read(text: str, among: list[str], found: str | None) -> None:
    assert guess_language(text, among) == found


def test_a_stated_language_of_the_command_decides_where_the_text_does_not() -> None:
    assert guess_language("Python", ["en", "fr"], "fr") == "fr"
    assert primary_tag("fra") == "fr"
