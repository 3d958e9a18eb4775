from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tagger.corrections import Correction, write_corrections
from tagger.errors import ModelError, TaggerError
from tagger.heads import LinearHead, RetrievalHead
from tagger.model import Model, verify_model
from tagger.records import Credential, LearningOutcome
from tagger.shipped import shipped
from tagger.tagging import Tagger
from tagger.taxonomy import load_taxonomy
from tagger.train.adapt import adapt, zero_shot_head
from tagger.train.folder import replaced
from tagger.train.nearest import moved
from tagger.train.trainer import Recipe, train

ROOT = Path(__file__).resolve().parent.parent
NOUNS = ("pumps", "contracts", "surveys", "machines", "reports", "faults", "stages", "materials", "budgets", "maps")
VERBS = {"remember": "List", "apply": "Operate", "create": "Design"}
OWN = """id,label,alt_labels,description,broader,level
https://example.org/a/1,Civic responsibility,active citizenship,Takes part in public life and serves the community.,,
https://example.org/a/2,Digital fluency,computer literacy,"Uses software, data and networks with confidence.",,
https://example.org/a/3,Care for the land,stewardship,"Looks after soil, water and forests.",,
"""


def bloom_file(path: Path, n: int = 60) -> Path:
    rows = [
        (f"{verb} {('the', 'some', 'all')[i % 3]} {noun}", level)
        for i in range(3)
        for noun in NOUNS
        for level, verb in VERBS.items()
    ]
    rows = [(f"{t} {('', 'again')[i >= 90]}".strip(), level) for i, (t, level) in enumerate(rows)][:n]
    rows = [(t.replace("the", ("the", "these", "those")[i % 3]), level) for i, (t, level) in enumerate(rows)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "bloom"), *rows])
    return path


def own_taxonomy(folder: Path) -> Path:
    folder.mkdir()
    (folder / "concepts.csv").write_text(OWN, encoding="utf-8")
    (folder / "taxonomy.toml").write_text(
        'id = "attributes"\ntitle = "Graduate attributes"\nversion = "1"\nlicence = "CC0"\nsource = "us"\n',
        encoding="utf-8",
    )
    return folder


def own_labels(path: Path) -> Path:
    texts = {
        "1": (
            "Serve on a local board",
            "Organise a public meeting",
            "Vote and explain why it matters",
            "Help neighbours",
        ),
        "2": ("Write a program", "Query a database", "Set up a network", "Make a spreadsheet"),
        "3": ("Plant trees on a slope", "Keep a stream clean", "Measure soil health", "Protect a forest"),
        "": ("Sing in a choir", "Translate a poem", "Count to ten", "Prove a theorem"),
    }
    places = ("in a town", "at work", "with a group", "on a small scale")
    rows = [
        (f"{text} {place}", f"https://example.org/a/{key}" if key else "")
        for key, found in texts.items()
        for text in found
        for place in places
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "labels"), *rows])
    return path


# --- the mathematics, without files


def some(n: int = 80, n_concepts: int = 3, dim: int = 6) -> tuple[list[str], np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(n, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    targets = (vectors[:, :n_concepts] > 0.3).astype(np.float32)
    return [f"text {i}" for i in range(n)], vectors, targets


def test_nothing_to_learn_changes_little() -> None:
    texts, vectors, _ = some()
    prior = zero_shot_head(np.eye(3, 6, dtype=np.float32))
    said = prior.scores(texts, vectors)
    unknown = np.full_like(said, np.nan)
    unknown[0, 0] = round(float(said[0, 0]))
    adapted = adapt(prior, np.full(3, 0.5, dtype=np.float32), texts, vectors, unknown, texts)
    assert np.abs(adapted.head.scores(texts, vectors) - said).max() < 0.05


def test_examples_are_learnt_and_the_head_is_one_linear_head() -> None:
    texts, vectors, targets = some(400)
    prior = zero_shot_head(-np.eye(3, 6, dtype=np.float32))  # believes the opposite
    adapted = adapt(prior, np.full(3, 0.5, dtype=np.float32), texts, vectors, targets, texts)
    assert isinstance(adapted.head, LinearHead)
    new_texts, new, truth = some(500)
    found = adapted.head.scores(new_texts, new) >= adapted.thresholds
    assert (found == (truth == 1)).mean() > 0.9 > (prior.scores(new_texts, new).round() == truth).mean()
    assert ((adapted.unseen >= adapted.thresholds) == (targets == 1)).mean() > 0.85


def test_what_nobody_judged_stays_what_it_was() -> None:
    """Only additions: without a hold on the rest, everything would be tagged more."""
    texts, vectors, targets = some(200)
    prior = zero_shot_head(np.eye(3, 6, dtype=np.float32))
    partial = np.where(targets == 1, 1.0, np.nan).astype(np.float32)
    thresholds = np.full(3, 0.5, dtype=np.float32)
    held = adapt(prior, thresholds, texts, vectors, partial, texts).head.scores(texts, vectors)
    loose = adapt(prior, thresholds, texts, vectors, partial, texts, unjudged_weight=0.0).head.scores(texts, vectors)
    wrong = targets[:, 0] == 0
    assert held[wrong, 0].mean() < loose[wrong, 0].mean()


def test_the_same_seed_gives_the_same_head() -> None:
    texts, vectors, targets = some()
    prior, thresholds = zero_shot_head(np.eye(3, 6, dtype=np.float32)), np.full(3, 0.5, dtype=np.float32)
    a, b = (adapt(prior, thresholds, texts, vectors, targets, texts, seed=3) for _ in range(2))
    assert (a.head.scores(texts, vectors) == b.head.scores(texts, vectors)).all()
    assert (a.thresholds == b.thresholds).all()


def test_a_concept_that_was_never_learnt_can_be() -> None:
    texts, vectors, targets = some(200)
    prior = zero_shot_head(np.eye(3, 6, dtype=np.float32))
    prior.intercept[1] = -np.inf
    adapted = adapt(prior, np.full(3, 0.5, dtype=np.float32), texts, vectors, targets, texts)
    p = adapted.head.scores(texts, vectors)
    assert np.isfinite(p).all() and p[targets[:, 1] == 1, 1].mean() > 0.5 > p[targets[:, 1] == 0, 1].mean()


def test_accepted_texts_draw_a_concept_and_refused_ones_push_it() -> None:
    head = RetrievalHead((), np.eye(2, 4, dtype=np.float32), (), {}, np.zeros(1, dtype=np.float32), 0.0)
    text = np.array([[0, 0, 1, 0]], dtype=np.float32)
    assert moved(head, text, [{0: 1.0}], 1.0).vectors[0, 2] > 0 > moved(head, text, [{0: 0.0}], 1.0).vectors[0, 2]
    assert (moved(head, text, [{0: 1.0}], 1.0).vectors[1] == head.vectors[1]).all()


# --- whole models


@pytest.fixture(scope="module")
def bloom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bloom")
    train(Recipe("bloom", [bloom_file(folder / "labels.csv", 90)], licence="CC0"), folder / "my-bloom")
    return folder / "my-bloom"


def test_a_model_trained_on_labels_tells_where_it_comes_from(bloom: Path) -> None:
    model = Model.load(bloom)
    manifest = model.manifest
    assert model.name == "my-bloom@1.0.0" and verify_model(bloom) == []
    [parent] = manifest["parents"]
    assert parent["id"] == "bloom" and parent["sha256"] == Model.load("bloom").manifest["files"]["arrays.npz"]
    [data] = manifest["data"]
    assert data["name"] == "labels.csv" and data["n"] == 90 and len(data["sha256"]) == 64 and data["licence"] == "CC0"
    assert manifest["recipe"] == "tagger train bloom --data labels.csv --seed 0" and manifest["seed"] == 0
    assert manifest["metrics"]["cross_validation"]["micro"]["f1"] > 0.8
    card = (bloom / "README.md").read_text(encoding="utf-8")
    assert "## Limits" in card and "labels.csv" in card and "CC0" in card and "Calibration" in card
    assert str(bloom.parent) not in card + json.dumps(manifest)


def test_training_twice_gives_the_same_bytes(bloom: Path, tmp_path: Path) -> None:
    train(Recipe("bloom", [bloom.parent / "labels.csv"], licence="CC0"), tmp_path / "my-bloom")
    for name in ("arrays.npz", "manifest.json", "README.md"):
        assert (tmp_path / "my-bloom" / name).read_bytes() == (bloom / name).read_bytes()


def test_training_in_place_counts_the_version_on(bloom: Path, tmp_path: Path) -> None:
    shutil.copytree(bloom, tmp_path / "my-bloom")
    recipe = Recipe("bloom", [bloom.parent / "labels.csv"], start=tmp_path / "my-bloom", seed=1)
    model = train(recipe, tmp_path / "my-bloom")
    assert model.name == "my-bloom@1.0.1"
    assert model.manifest["parents"][0]["id"] == "my-bloom" and model.manifest["seed"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["my-bloom"]


def test_corrections_of_goals_are_followed_and_the_rest_is_not_wrecked(tmp_path: Path) -> None:
    iri = "http://metadata.un.org/sdg/{}"
    things = ("saddle", "bridle", "hoof", "mane", "stirrup", "stable", "halter", "pony", "mare", "foal")
    lines = [
        Correction(f"{verb} the {thing} of a horse", "sdg", "add", iri.format(15))
        for verb in ("Clean", "Check", "Draw", "Name", "Mend")
        for thing in things
    ] + [Correction(f"{verb} a balance sheet", "sdg", "accept", None) for verb in ("Read", "Draw up", "Close", "Print")]
    write_corrections(tmp_path / "c.jsonl", lines)
    train(Recipe("sdg", corrections=tmp_path / "c.jsonl"), tmp_path / "my-sdg")
    tagger = Tagger.load([tmp_path / "my-sdg"])
    found = tagger.suggest(
        ["Groom the tail of a horse", "Treat drinking water with filters and chlorine", "Write a short story"], "sdg", 1
    )
    assert found[0][0][0] == 14
    assert found[1][0][0] == 5 and found[1][0][1] > 0.4
    assert found[2][0][1] < 0.4


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaggerError, match="30 labelled texts and decisions in all, expected at least 50"):
        train(Recipe("bloom", [bloom_file(tmp_path / "l.csv", 30)]), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_no_examples_are_refused_where_there_is_a_model(tmp_path: Path) -> None:
    with pytest.raises(TaggerError, match="nothing to learn from"):
        train(Recipe("sdg"), tmp_path / "m")


def test_a_taxonomy_of_ones_own_is_tagged_from_its_descriptions_alone(tmp_path: Path) -> None:
    model = train(Recipe("skills", taxonomy=own_taxonomy(tmp_path / "own")), tmp_path / "my-own")
    shutil.rmtree(tmp_path / "own")  # the model folder holds all that it needs
    assert {"taxonomy/concepts.csv", "taxonomy/taxonomy.toml"} <= set(model.manifest["files"])
    tagger = Tagger.load([tmp_path / "my-own"])
    [[(first, _), *_]] = tagger.suggest(["Protect forests and water from pollution"], "attributes", 3)
    assert first == 2
    assert "has seen no example" in (tmp_path / "my-own" / "README.md").read_text(encoding="utf-8")


def test_a_taxonomy_of_ones_own_is_learnt_from_labels(tmp_path: Path) -> None:
    recipe = Recipe("skills", [own_labels(tmp_path / "l.csv")], taxonomy=own_taxonomy(tmp_path / "own"))
    model = train(recipe, tmp_path / "my-own")
    assert model.manifest["metrics"]["cross_validation"]["micro"]["f1"] > 0.6
    tagger = Tagger.load([tmp_path / "my-own"])
    ranked = tagger.suggest(["Write a computer program", "Restore a wetland", "Recite a sonnet"], "attributes", 3)
    assert ranked[0][0][0] == 1 and ranked[1][0][0] == 2
    assert ranked[2][0][1] < model.thresholds[ranked[2][0][0]]


def test_levels_are_learnt_and_estimated_for_credentials(tmp_path: Path) -> None:
    low = [f"{v} the {n} as told" for v in ("Copy", "Carry", "Fetch") for n in NOUNS]
    high = [f"{v} the {n} of a field of research" for v in ("Advance", "Question", "Extend") for n in NOUNS]
    with (tmp_path / "l.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(t, "1", f"a{i // 3}") for i, t in enumerate(low)] + [
            (t, "8", f"b{i // 3}") for i, t in enumerate(high)
        ]
        csv.writer(file).writerows([("text", "level", "course"), *rows])
    model = train(Recipe("level", [tmp_path / "l.csv"]), tmp_path / "my-level")
    measured = model.manifest["metrics"]["cross_validation"]
    assert measured["n"] == 20 and measured["n_groups"] == 20  # courses, not texts
    outcomes = tuple(LearningOutcome(f"A/{i}", f"Advance the {n} of a field of research") for i, n in enumerate(NOUNS))
    [tagged] = Tagger.load([tmp_path / "my-level"]).tag([Credential("A", outcomes=outcomes, language="en")])
    estimate = tagged.credential.level.estimated
    assert estimate is not None and max(estimate.distribution, key=lambda k: estimate.distribution[k]) == "8"


def test_skills_move_towards_what_people_gave_them(tmp_path: Path) -> None:
    esco = load_taxonomy("esco")
    wanted = next(c for c in esco.concepts if c.label == "operate forklift")
    pallets = [f"Shift {n} pallets {where}" for n in range(2, 27) for where in ("to a truck", "across the yard")]
    lines = [Correction(text, "esco", "add", wanted.id) for text in pallets]
    write_corrections(tmp_path / "c.jsonl", lines)
    train(Recipe("skills", corrections=tmp_path / "c.jsonl"), tmp_path / "my-skills")
    texts = ["Shift pallets from a ship to the quay", "Cook a meal for a family"]
    position = esco.index(wanted.id)
    before, after = (
        [dict(row).get(position, 0.0) for row in Tagger.load([m]).suggest(texts, "esco", 30)]
        for m in ("esco", tmp_path / "my-skills")
    )
    assert after[0] > before[0] and after[1] < 0.1


# --- safety


def test_a_bundled_taxonomy_that_was_altered_is_refused(tmp_path: Path) -> None:
    train(Recipe("skills", taxonomy=own_taxonomy(tmp_path / "own")), tmp_path / "m")
    path = tmp_path / "m" / "taxonomy" / "concepts.csv"
    path.write_text(path.read_text().replace("Digital fluency", "Digital mastery"))
    with pytest.raises(ModelError, match=r"concepts\.csv`: sha256"):
        Model.load(tmp_path / "m")


def test_a_label_set_that_does_not_match_the_taxonomy_is_refused(bloom: Path, tmp_path: Path) -> None:
    shutil.copytree(bloom, tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    sdg = load_taxonomy("sdg")
    manifest = json.loads(path.read_text()) | {"taxonomy": {"id": "sdg", "version": sdg.version, "sha256": sdg.sha256}}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="scores for 6 concepts, taxonomy `sdg` 2017 has 17"):
        Model.load(tmp_path / "m")


@pytest.mark.parametrize("how", ["object array", "bare pickle"])
def test_a_pickle_is_never_loaded(how: str, bloom: Path, tmp_path: Path) -> None:
    import hashlib
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "sprung"),))  # type: ignore[return-value]

    shutil.copytree(bloom, tmp_path / "m")
    path = tmp_path / "m" / "arrays.npz"
    if how == "object array":
        with np.load(path) as arrays:
            kept = dict(arrays)
        np.savez(path, **(kept | {"intercept": np.array([Trap()], dtype=object)}), allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    manifest["files"]["arrays.npz"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "m" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="does not hold plain arrays"):
        Model.load(tmp_path / "m")
    assert not (tmp_path / "sprung").exists()


def test_a_manifest_that_does_not_name_the_arrays_is_refused(bloom: Path, tmp_path: Path) -> None:
    shutil.copytree(bloom, tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {}}))
    with pytest.raises(ModelError, match=r"does not name `arrays\.npz`"):
        Model.load(tmp_path / "m")


def test_a_shipped_model_or_other_folder_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for target, why in ((shipped("models") / "sdg", "shipped"), (tmp_path / "mine", "something else")):
        with pytest.raises(ModelError, match=why):
            train(Recipe("bloom"), target)
    assert (tmp_path / "mine" / "thesis.txt").exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interrupted_training_leaves_the_old_model(
    stop: type[BaseException], bloom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bloom, tmp_path / "m")

    def broken(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(Model, "save", broken)
    with pytest.raises(stop):
        train(Recipe("bloom", [bloom.parent / "labels.csv"]), tmp_path / "m")
    assert verify_model(tmp_path / "m") == [] and [p.name for p in tmp_path.iterdir()] == ["m"]


def test_an_exchange_that_fails_half_way_puts_the_old_model_back(
    bloom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    shutil.copytree(bloom, tmp_path / "m")
    real, calls = os.replace, []

    def second_fails(a: object, b: object) -> None:
        calls.append(a)
        if len(calls) == 2:
            raise OSError("no")
        real(a, b)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(OSError, match="no"), replaced(tmp_path / "m") as work:
        (work / "manifest.json").write_text("{}")
    assert verify_model(tmp_path / "m") == [] and [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_killed_training_leaves_the_old_model(bloom: Path, tmp_path: Path) -> None:
    shutil.copytree(bloom, tmp_path / "m")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom tagger.train.folder import replaced\n"
        "with replaced(Path(sys.argv[1])) as work:\n"
        "    (work / 'manifest.json').write_text('{')\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "m")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None and child.stdout.readline() == "in\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    time.sleep(0.01)
    assert verify_model(tmp_path / "m") == []


def test_a_kill_between_the_two_renamings_is_mended(bloom: Path, tmp_path: Path) -> None:
    shutil.copytree(bloom, tmp_path / ".m.old")
    with pytest.raises(RuntimeError), replaced(tmp_path / "m"):
        raise RuntimeError
    assert verify_model(tmp_path / "m") == []
