"""Training a model from one's own labels and corrections, on top of what a shipped model knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tagger.corrections import read_corrections
from tagger.encoder import Encoder, FloatArray, TokenEncoder, Tokens, load_encoder
from tagger.errors import ModelError, TaggerError
from tagger.evaluation import Cases, combined_levels, measure
from tagger.heads import SIGNALS, LinearHead, RetrievalHead
from tagger.lexical import Lexical
from tagger.model import Model, build_retrieval, read_manifest, shipped_models
from tagger.shipped import shipped
from tagger.taxonomy import Taxonomy, load_taxonomy
from tagger.train.adapt import LOWEST_THRESHOLD, adapt, zero_shot_head
from tagger.train.card import card
from tagger.train.folder import check_target, replaced
from tagger.train.labels import Example, file_sha256, from_corrections, judgements, merge, read_examples
from tagger.train.nearest import adapt_nearest
from tagger.zero_shot import UNCALIBRATED, concept_vectors, zero_shot_model

__all__ = ["MIN_JUDGED", "WHAT", "Recipe", "anchor_texts", "parent_of", "train"]

WHAT: Mapping[str, str] = {"sdg": "sdg", "skills": "esco", "bloom": "bloom", "level": "eqf"}
"""What can be trained, and the taxonomy that is meant unless another is given."""
MIN_JUDGED = 50
MANY_CONCEPTS = 300
"""From so many concepts on, the nearest are looked for; below, each has a score of its own."""
N_ANCHORS = 300
ANCHORED = "esco"
"""Its labels stand for texts in general, where the new model should say what the old one said."""
MAX_TAGS = 3
_ONE_OF_ITS_KIND = frozenset(("eqf",))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to train, and from what.

    Attributes
    ----------
    what : str
        Key of `WHAT`.
    data : sequence of Path
        Labelled files (see `tagger.train.labels`).
    corrections : Path or None
    taxonomy : str, Path or None
        Name or folder; None for the one that `what` means.
    start : str, Path or None
        Model to start from, by name or folder; None for the shipped one of the taxonomy, where there is one.
    encoder : str or None
        See `tagger.encoder.load_encoder`; None for the one of the model that it starts from, or the shipped one.
    finetune : bool
        Train the encoder first, which has to be a SentenceTransformer model.
    mapping : mapping of str to str
    is_partial : bool
    sheet : str or None
        As in `tagger.train.labels.read_examples`.
    id, version : str or None
        Of the new model; None for the name of its folder, and for 1.0.0 or, where that is taken by the old one, the next.
    licence : str
        Of the data.
    seed : int
    """

    what: str
    data: Sequence[Path] = ()
    corrections: Path | None = None
    taxonomy: str | Path | None = None
    start: str | Path | None = None
    encoder: str | None = None
    finetune: bool = False
    mapping: Mapping[str, str | Sequence[str]] | None = None
    is_partial: bool = False
    sheet: str | None = None
    id: str | None = None
    version: str | None = None
    licence: str = "not stated"
    seed: int = 0


def train(recipe: Recipe, out: str | Path, *, progress: Callable[[str], None] = lambda _: None) -> Model:
    """Train a model and put its folder in place; until it is complete, what was there before is untouched.

    Parameters
    ----------
    recipe : Recipe
    out : str or Path
    progress : callable
        Told in a few words what is done.

    Returns
    -------
    Model
        As loaded from the new folder.

    Raises
    ------
    TaggerError
        If the data cannot be read, are too few, or do not fit the taxonomy.
    """
    target = Path(out)
    check_target(target)
    taxonomy = load_taxonomy(recipe.taxonomy if recipe.taxonomy is not None else WHAT[recipe.what])
    examples, data = _examples(recipe, taxonomy)
    start = _start(recipe, taxonomy)
    n_judged = sum(d["n"] for d in data)
    if data and n_judged < MIN_JUDGED:
        raise TaggerError(
            f"{n_judged} labelled texts and decisions in all, expected at least {MIN_JUDGED}",
            hint="label more, or add the corrections of another catalogue",
        )
    if not data and start is not None:
        raise TaggerError(
            f"nothing to learn from: taxonomy `{taxonomy.id}` has a model already (`{start.id}`)",
            hint="give --data or --corrections",
        )
    progress(f"{len(examples):,} texts to learn from, {n_judged:,} labelled texts and decisions")
    with replaced(target) as work:
        if recipe.finetune:
            from tagger.train.finetune import fine_tune_encoder

            fine_tune_encoder(recipe.encoder, examples, taxonomy, work / "encoder", seed=recipe.seed, progress=progress)
        own = work / "encoder"
        chosen: str | Path | None = own if own.is_dir() else recipe.encoder
        if (
            chosen is None
            and start is not None
            and (inside := Path(str(start.manifest["folder"])) / "encoder").is_dir()
        ):
            chosen = inside
            _copy_encoder(inside, own)
        needs_vectors = start is None or start.encoder_id is not None or chosen is not None
        encoder = load_encoder(chosen) if needs_vectors else None
        graph = getattr(encoder, "sha256", None)
        if start is not None and start.encoder_id is not None and not _same_encoder(start, encoder):
            if recipe.start is not None:
                raise ModelError(
                    f"model `{start.name}` was made with another encoder than the one that is used now",
                    hint="leave --from out, or give --encoder the one that it was made with",
                )
            progress(f"{start.name} was made with another encoder: starting from labels and descriptions instead")
            start = None
        id_ = recipe.id or re.sub(r"[^A-Za-z0-9._-]+", "-", target.resolve().name).strip("-.") or taxonomy.id
        facts: dict[str, Any] = {
            "sources": [{"name": d["name"], "licence": d["licence"], "use": "training"} for d in data],
            "parents": [] if start is None else [parent_of(start)],
            "data": data,
            "recipe": _command(recipe),
            "seed": recipe.seed,
        }
        model, unseen = _fit(recipe, id_, _version(recipe, target, id_), taxonomy, start, examples, encoder, progress)
        if unseen is not None:
            what = "Cross-validation by group: each text was scored by a model that saw none of its group; thresholds were set on the same texts."
            facts["metrics"] = {"cross_validation": {"what": what, **measure(unseen)}}
        else:
            facts["metrics"] = {}
            facts["calibration"] = {"note": UNCALIBRATED}
        if start is not None:
            facts["sources"] += [s for s in start.manifest.get("sources", []) if s not in facts["sources"]]
        model.save(work, card=card(model, facts), encoder_sha256=graph, **facts)
        Model.load(work, encoder_id=model.encoder_id, encoder_sha256=graph)
    return Model.load(target)


def parent_of(model: Model) -> dict[str, str]:
    """Return how a model is named among the parents of another: id, version, and sha256 of its arrays."""
    return {"id": model.id, "version": model.version, "sha256": model.manifest["files"]["arrays.npz"]}


def _examples(recipe: Recipe, taxonomy: Taxonomy) -> tuple[list[Example], list[dict[str, Any]]]:
    labelled: list[Example] = []
    data = []
    for path in recipe.data:
        found = read_examples(path, taxonomy, mapping=recipe.mapping, is_partial=recipe.is_partial, sheet=recipe.sheet)
        data.append(_datum(path, len(found), "labelled texts", recipe.licence))
        labelled += found
    corrected: list[Example] = []
    if recipe.corrections is not None:
        corrections = [c for c in read_corrections(recipe.corrections) if c.taxonomy == taxonomy.id]
        corrected = from_corrections(corrections, taxonomy)
        data.append(_datum(recipe.corrections, len(corrections), "decisions", recipe.licence))
    examples = merge(labelled, corrected)
    if taxonomy.id in _ONE_OF_ITS_KIND:
        examples = [e for e in examples if any(e.judged.values())]
    return examples, data


def _datum(path: Path, n: int, what: str, licence: str) -> dict[str, Any]:
    return {"name": path.name, "sha256": file_sha256(path), "n": n, "what": what, "licence": licence}


def _start(recipe: Recipe, taxonomy: Taxonomy) -> Model | None:
    """Load the model to start from: the one asked for, or the shipped one of the same taxonomy."""
    name: str | Path | None = recipe.start
    if name is None:
        name = next((m for m in shipped_models() if _taxonomy_of(m) == (taxonomy.id, taxonomy.sha256)), None)
        if name is None:
            return None
    model = Model.load(name)
    if model.taxonomy.sha256 != taxonomy.sha256:
        raise ModelError(
            f"model `{model.id}` is for taxonomy `{model.taxonomy.id}` {model.taxonomy.version}, not for `{taxonomy.id}` "
            f"{taxonomy.version}",
            hint="leave --from out, or give --taxonomy the one that it is for",
        )
    folder = name if Path(name).is_dir() else shipped("models") / str(name)
    return replace(model, manifest={**model.manifest, "folder": str(folder)})


def _taxonomy_of(model: str) -> tuple[str, str]:
    taxonomy = read_manifest(shipped("models") / model)["taxonomy"]
    return taxonomy["id"], taxonomy["sha256"]


def _same_encoder(start: Model, encoder: Encoder | None) -> bool:
    wanted = start.manifest["encoder"]
    graph = getattr(encoder, "sha256", None)
    return encoder is not None and wanted["id"] == encoder.id and wanted.get("sha256") in (None, graph)


def _copy_encoder(source: Path, target: Path) -> None:
    import shutil

    shutil.copytree(source, target)


def _version(recipe: Recipe, target: Path, id_: str) -> str:
    if recipe.version is not None:
        return recipe.version
    path = target / "manifest.json"
    if path.is_file():
        old = json.loads(path.read_text(encoding="utf-8"))
        numbers = str(old.get("version", "")).split(".")
        if old.get("id") == id_ and numbers[-1].isdecimal():
            return ".".join([*numbers[:-1], str(int(numbers[-1]) + 1)])
    return "1.0.0"


def _command(recipe: Recipe) -> str:
    """Return the command without paths, which say nothing on another machine."""
    parts = ["tagger train", recipe.what, *(f"--data {p.name}" for p in recipe.data)]
    for option, value in (
        ("--corrections", recipe.corrections),
        ("--taxonomy", recipe.taxonomy),
        ("--from", recipe.start),
        ("--encoder", recipe.encoder),
    ):
        if value is not None:
            parts.append(f"{option} {Path(str(value)).name}")
    parts += [name for name, on in (("--finetune", recipe.finetune), ("--partial", recipe.is_partial)) if on]
    return " ".join([*parts, f"--seed {recipe.seed}"])


def _fit(
    recipe: Recipe,
    id_: str,
    version: str,
    taxonomy: Taxonomy,
    start: Model | None,
    examples: Sequence[Example],
    encoder: Encoder | None,
    progress: Callable[[str], None],
) -> tuple[Model, Cases | None]:
    texts = [e.text for e in examples]
    vectors, tokens = _encode(encoder, texts, progress)
    encoder_id = None if encoder is None else encoder.id
    if start is None:
        assert encoder is not None
        start = _from_labels(id_, version, taxonomy, encoder, len(examples), texts)
    options = dict(start.options)
    names = [c.label for c in taxonomy.concepts]
    if not examples:
        return replace(start, id=id_, version=version, manifest={}), None
    if isinstance(start.head, LinearHead):
        anchors: tuple[Sequence[str], FloatArray | None] = ((), None)
        if (
            start.manifest.get("folder") and taxonomy.id != ANCHORED
        ):  # nothing to hold on to in a head that never learnt
            held = anchor_texts(recipe.seed)
            anchors = held, _encode(encoder, held, progress)[0]
        targets = judgements(examples, len(names))
        fitted = adapt(
            start.head,
            start.thresholds,
            texts,
            vectors,
            targets,
            [e.group for e in examples],
            anchors=anchors,
            lowest_threshold=float(start.thresholds.min()) if start.manifest.get("folder") else LOWEST_THRESHOLD,
            seed=recipe.seed,
            progress=progress,
        )
        model = Model(
            id_, version, taxonomy, fitted.head, fitted.thresholds, encoder_id if start.encoder_id else None,
            start.relation, start.parent, options,
        )  # fmt: skip
        said = [dict(enumerate(row)) for row in fitted.unseen.tolist()]
    elif not isinstance(start.head, RetrievalHead):
        raise ModelError(
            f"taxonomy `{taxonomy.id}` is in `{taxonomy.language}`, which the encoder does not read: nothing can be learnt there",
            hint="give --encoder one that reads it, as in --encoder sentence-transformers:FOLDER",
        )
    else:
        assert vectors is not None
        found = adapt_nearest(
            start.head, start.thresholds, examples, vectors, tokens, seed=recipe.seed, progress=progress
        )
        model = Model(
            id_, version, taxonomy, found.head, found.thresholds, encoder_id, start.relation, start.parent, options
        )
        said = found.unseen
    return model, _unseen_cases(model, names, examples, said)


def _unseen_cases(
    model: Model, names: Sequence[str], examples: Sequence[Example], said: Sequence[Mapping[int, float]]
) -> Cases:
    if "shrink" in model.options:
        return combined_levels(model.combine, names, model.thresholds, examples, said)
    most = int(model.options.get("max_tags", MAX_TAGS))
    tagged = []
    for row in said:
        ranked = sorted(row.items(), key=lambda x: (-x[1], x[0]))
        tagged.append(frozenset([c for c, p in ranked if p >= model.thresholds[c]][:most]))
    return Cases.of(examples, names, said, tagged)


def _from_labels(
    id_: str, version: str, taxonomy: Taxonomy, encoder: Encoder, n_examples: int, texts: Sequence[str]
) -> Model:
    """Return a model that knows the labels, alternative labels and descriptions of its concepts, and nothing else."""
    n = len(taxonomy.concepts)
    if not n_examples or n >= MANY_CONCEPTS:
        if _is_shipped_encoder(encoder):
            return replace(zero_shot_model(taxonomy, encoder), id=id_, version=version)
        vectors = concept_vectors(taxonomy.concepts, encoder, lambda _done, _of: None)
        coefficients = np.zeros(len(SIGNALS), dtype=np.float32)
        coefficients[0] = 10.0
        head: LinearHead | RetrievalHead = build_retrieval(taxonomy, vectors, coefficients, -5.0, min(30, n))
    else:
        lexical = Lexical.fit(texts, max_features=20_000)
        vectors = concept_vectors(taxonomy.concepts, encoder, lambda _done, _of: None)
        head = zero_shot_head(vectors, lexical if lexical.vocabulary else None)
    thresholds = np.full(n, 0.5, dtype=np.float32)
    relation = "contributes" if taxonomy.id.startswith("sdg") else None
    return Model(id_, version, taxonomy, head, thresholds, encoder.id, relation, None, {"max_tags": min(MAX_TAGS, n)})


def _is_shipped_encoder(encoder: Encoder) -> bool:
    wanted = read_manifest(shipped("models") / ANCHORED)["encoder"]
    return bool(wanted["id"] == encoder.id and wanted["sha256"] == getattr(encoder, "sha256", None))


def _encode(
    encoder: Encoder | None, texts: Sequence[str], progress: Callable[[str], None]
) -> tuple[FloatArray | None, Sequence[Tokens | None]]:
    if encoder is None:
        return None, [None] * len(texts)
    if not texts:
        return np.zeros((0, encoder.dim), dtype=np.float32), []
    vectors: list[FloatArray] = []
    tokens: list[Tokens | None] = []
    for first in range(0, len(texts), 256):
        part = texts[first : first + 256]
        if isinstance(encoder, TokenEncoder):
            found, of_each = encoder.encode_tokens(part)
            tokens += of_each
        else:
            found = encoder.encode(part)
            tokens += [None] * len(part)
        vectors.append(found)
        if len(texts) > 256:
            progress(f"encoded {min(first + 256, len(texts)):,} of {len(texts):,} texts")
    return np.concatenate(vectors), tokens


def anchor_texts(seed: int) -> list[str]:
    """Return short texts that stand for texts in general: labels of ESCO, drawn by seed."""
    concepts = load_taxonomy(ANCHORED).concepts
    chosen = np.random.default_rng(seed).choice(len(concepts), min(N_ANCHORS, len(concepts)), replace=False)
    return [concepts[i].label for i in sorted(chosen.tolist())]
