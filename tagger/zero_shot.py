"""Any taxonomy, without training: concept vectors from its labels and descriptions, and the shipped skills model's weights.

What a score means was learnt on ESCO's concepts, so for another taxonomy it is a rank with a cut-off and no calibrated
probability; the model's manifest says so (``calibration``). In a taxonomy folder the model lies in ``model/`` and is made
again when the concepts, the encoder or those weights change; shipped taxonomies are small, and theirs is made in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tagger import __version__
from tagger.crosslingual import CrosslingualHead, fit_crosslingual
from tagger.encoder import Encoder, FloatArray
from tagger.errors import ModelError, TaggerError
from tagger.heads import RetrievalHead
from tagger.model import Model, build_retrieval, read_manifest, shipped_models
from tagger.shipped import shipped
from tagger.taxonomy import Concept, Taxonomy, load_taxonomy, shipped_taxonomies

__all__ = ["UNCALIBRATED", "concept_vectors", "model_for_taxonomy", "taggable", "zero_shot_model"]

_WORTH = "scores were calibrated on {}, not on this taxonomy: take them as a ranking with a cut-off"
UNCALIBRATED = _WORTH.format("judged links to ESCO skills")
"""What is said of the scores of a model for a taxonomy in English that nothing was trained for."""
_LIKE = "esco"
_N_ALTERNATIVES = 6
_BLOCK = 512
_MIN_SHARED = 500
"""So many concepts must be in the English taxonomy too before another language is learnt from them."""

Say = Callable[[str], Any]


def _silent(_: str) -> None:
    pass


def concept_vectors(concepts: Sequence[Concept], encoder: Encoder, progress: Callable[[int, int], Any]) -> FloatArray:
    """Return unit rows (n_concepts, dim): the mean of label, label with alternatives, and label with description.

    Parameters
    ----------
    concepts : sequence of Concept
    encoder : Encoder
    progress : callable
        Told how many concepts are done, and of how many.
    """
    total = np.empty((len(concepts), encoder.dim), dtype=np.float32)
    for start in range(0, len(concepts), _BLOCK):
        block = concepts[start : start + _BLOCK]
        texts = [text for concept in block for text in _texts(concept)]
        distinct = list(dict.fromkeys(texts))
        row = dict(zip(distinct, encoder.encode(distinct), strict=True))
        total[start : start + len(block)] = [
            np.sum([row[text] for text in _texts(concept)], axis=0) for concept in block
        ]
        progress(start + len(block), len(concepts))
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), dtype=np.float32)


def _texts(concept: Concept) -> tuple[str, str, str]:
    alternatives = ", ".join(concept.alt_labels[:_N_ALTERNATIVES])
    return (
        concept.label,
        f"{concept.label}: {alternatives}" if alternatives else concept.label,
        f"{concept.label}. {concept.description}" if concept.description else concept.label,
    )


def zero_shot_model(
    taxonomy: Taxonomy,
    encoder: Encoder,
    *,
    english: Taxonomy | None = None,
    say: Say = _silent,
    progress: Callable[[int, int], Any] = lambda done, of: None,
) -> Model:
    """Make a model for a taxonomy that nothing was trained for.

    Parameters
    ----------
    taxonomy : Taxonomy
    encoder : Encoder
    english : Taxonomy or None
        For a taxonomy in another language: one in English with the same concept ids, from which the words of the other
        language are learnt. None for the shipped ESCO where that shares ids with it.
    say, progress : callable

    Raises
    ------
    ModelError
        If the shipped skills model, whose weights are taken, does not fit the encoder.
    """
    like = _load_like(encoder)
    head: RetrievalHead | CrosslingualHead
    if taxonomy.language == "en":
        vectors = concept_vectors(taxonomy.concepts, encoder, progress)
        head = _retrieval_like(like.head, taxonomy, vectors)  # type: ignore[arg-type]
        threshold = float(np.median(like.thresholds))
    else:
        head, threshold = _crosslingual(taxonomy, encoder, like, english, say, progress)
    n_concepts = len(taxonomy)
    return Model(
        taxonomy.id,
        f"zero-shot-{taxonomy.version}",
        taxonomy,
        head,
        np.full(n_concepts, threshold, dtype=np.float32),
        encoder.id,
        options={"max_tags": min(int(like.options.get("max_tags", 3)), max(1, n_concepts // 4))},
        manifest={"calibration": _calibration(taxonomy, encoder, english)},
    )


def _load_like(encoder: Encoder) -> Model:
    if _LIKE not in shipped_models():
        raise ModelError(f"no shipped model `{_LIKE}`, whose weights are taken for other taxonomies")
    return Model.load(_LIKE, encoder_id=encoder.id, encoder_sha256=getattr(encoder, "sha256", None))


def _retrieval_like(like: RetrievalHead, taxonomy: Taxonomy, vectors: FloatArray) -> RetrievalHead:
    hubness = None
    if like.hubness is not None:
        # Hubness is the mean cosine with texts in general, so linear in the vector: it is solved for the mean text.
        known = like.vectors.astype(np.float64)
        mean = np.linalg.solve(known.T @ known + 1e-6 * np.eye(known.shape[1]), known.T @ like.hubness)
        hubness = (vectors @ mean).astype(np.float32)
    return build_retrieval(
        taxonomy,
        vectors,
        like.coefficients,
        like.intercept,
        like.n_candidates,
        network=like.network,
        hubness=hubness,
    )


def _crosslingual(
    taxonomy: Taxonomy,
    encoder: Encoder,
    like: Model,
    english: Taxonomy | None,
    say: Say,
    progress: Callable[[int, int], Any],
) -> tuple[CrosslingualHead, float]:
    ids = {c.id for c in taxonomy.concepts}
    if english is None:
        english, known = like.taxonomy, like.head.vectors  # type: ignore[union-attr]
        assert known is not None
    else:
        known = concept_vectors(english.concepts, encoder, progress)
    rows = {c.id: known[i] for i, c in enumerate(english.concepts) if c.id in ids}
    if len(rows) < _MIN_SHARED:
        say(
            f"{len(rows)} concepts are in `{english.id}` too, too few to learn the language from: outcomes are compared "
            "with the labels by their spelling alone"
        )
        rows = {}
    else:
        say(f"learning from {len(rows):,} concepts whose English labels are known (`{english.id}`)")
    return fit_crosslingual(taxonomy, rows, progress)


def _calibration(taxonomy: Taxonomy, encoder: Encoder, english: Taxonomy | None) -> dict[str, str]:
    """Return what a zero-shot model depends on besides its taxonomy, and what its scores are worth."""
    is_english = taxonomy.language == "en"
    note = UNCALIBRATED if is_english else _WORTH.format("French competence names linked to ESCO skills")
    manifest = read_manifest(shipped("models") / _LIKE)
    facts = {
        "note": note,
        "from": f"{manifest['id']}@{manifest['version']}",
        "sha256": manifest["files"]["arrays.npz"],
        "encoder": f"{encoder.id} {getattr(encoder, 'sha256', '')}".strip(),
        "program": __version__,
    }
    return facts if english is None else facts | {"english": english.sha256}


def model_for_taxonomy(
    name_or_path: str | Path,
    encoder: Encoder,
    *,
    english: Taxonomy | None = None,
    say: Say = _silent,
    progress: Callable[[int, int], Any] = lambda done, of: None,
) -> Model:
    """Load the model of a taxonomy, or make one: a shipped model, the one in the taxonomy's folder, or zero-shot.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped taxonomy, or a taxonomy folder. A folder's own model is used if it was made from these very
        concepts, with this encoder; otherwise it is made again, which `say` is told.
    encoder : Encoder
    english : Taxonomy or None
        See `zero_shot_model`.
    say, progress : callable

    Raises
    ------
    TaxonomyError
        If there is no such taxonomy, or it is not sound.
    ModelError
        If the taxonomy is one of levels that no model estimates.
    """
    taxonomy = load_taxonomy(name_or_path)
    sha256 = getattr(encoder, "sha256", None)
    if taxonomy.path.parent == shipped("taxonomies"):
        if taxonomy.id in shipped_models():
            return Model.load(taxonomy.id, encoder_id=encoder.id, encoder_sha256=sha256)
        if taxonomy.ordered:
            raise ModelError(
                f"taxonomy `{taxonomy.id}`: a framework of levels, for which there is no model",
                hint=f"expected one of {', '.join(taggable())}, or a folder",
            )
        return zero_shot_model(taxonomy, encoder, english=english)
    folder = taxonomy.path / "model"
    if folder.is_dir():
        stale = _stale(folder, taxonomy, encoder, english)
        if stale is None:
            try:
                return Model.load(folder, encoder_id=encoder.id, encoder_sha256=sha256)
            except ModelError as error:
                stale = error.message
        say(f"`{taxonomy.path.name}`: its vectors are made again: {stale}")
    else:
        say(f"`{taxonomy.path.name}`: its vectors are made")
    model = zero_shot_model(taxonomy, encoder, english=english, say=say, progress=progress)
    try:
        model.save(folder, card=_card(model), encoder_sha256=sha256, **model.manifest)
    except OSError as error:
        say(f"`{folder}` cannot be written ({error.strerror}): the vectors are made again at the next start")
    return model


def taggable() -> list[str]:
    """Return the names of the shipped taxonomies that there is, or can be, a model for."""
    names = [n for n in shipped_taxonomies() if n not in shipped_models()]
    return [*shipped_models(), *(n for n in names if not load_taxonomy(n).ordered)]


def _stale(folder: Path, taxonomy: Taxonomy, encoder: Encoder, english: Taxonomy | None) -> str | None:
    """Say why the model in a folder is not the one that would be made now; None if it is."""
    try:
        manifest = read_manifest(folder)
        then, now = manifest["calibration"], _calibration(taxonomy, encoder, english)
        if manifest["taxonomy"]["sha256"] != taxonomy.sha256:
            return "the concepts were changed"
        if then["encoder"] != now["encoder"]:
            return "they were made with another encoder"
        if english is not None and then.get("english") != now["english"]:
            return "they were learnt from another English taxonomy"
        if then["from"] != now["from"] or then["sha256"] != now["sha256"]:
            return "the shipped skills model, whose weights they use, is another one"
    except (TaggerError, OSError, KeyError, TypeError) as error:
        return f"they cannot be read ({error})"
    return None


def _card(model: Model) -> str:
    taxonomy = model.taxonomy
    return (
        f"# {taxonomy.title}, zero-shot\n\n{len(taxonomy):,} concepts, version {taxonomy.version}, made by "
        f"`tagger taxonomies import`. Nothing was trained for this taxonomy: {model.manifest['calibration']['note']}.\n\n"
        f"{taxonomy.attribution or ''}\n"
    )
