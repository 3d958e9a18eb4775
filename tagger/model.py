"""Models: a folder with a manifest, arrays and a card. This is the only module that knows what such a folder looks like.

``manifest.json`` holds: format, program (version range), id, version, kind (``linear`` or ``retrieval``), taxonomy (id,
version, sha256), encoder (id, sha256; null for a model without vectors), relation, parent, options, sources (name, licence,
use), metrics, recipe, seed, and files (name to sha256). ``arrays.npz`` holds the numbers (never pickled). A model for a
taxonomy that is not shipped carries it in ``taxonomy/``, and one with an encoder of its own carries that in ``encoder/``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger import __version__
from tagger.context import Context
from tagger.crosslingual import CrosslingualHead
from tagger.encoder import FloatArray, Tokens
from tagger.errors import ModelError
from tagger.heads import SIGNALS, LinearHead, Network, Prototypes, RetrievalHead, stems
from tagger.lexical import Lexical
from tagger.shipped import shipped
from tagger.taxonomy import Taxonomy, load_taxonomy

__all__ = ["FORMAT", "Model", "build_retrieval", "read_manifest", "shipped_models", "verify_model"]

FORMAT = 1
_KINDS = ("linear", "retrieval", "crosslingual")
_NETWORK = ("hidden", "bias", "output")


@dataclass(frozen=True)
class Model:
    """A trained model for one taxonomy.

    Attributes
    ----------
    id, version : str
    taxonomy : Taxonomy
        Columns of the scores are its concepts, in its order.
    head : LinearHead, RetrievalHead or CrosslingualHead
    thresholds : ndarray of float32 (n_concepts,)
        A concept is tagged when its probability reaches this.
    encoder_id : str or None
        The encoder that it was made with; None for a model that reads words alone.
    relation : str or None
        What a tag of this model says (``contributes`` for SDGs).
    parent : str or None
        Taxonomy whose tags must be there first: a target is tagged only below a tagged goal.
    options : Mapping
        Settings of the tagging that belong to the model, such as ``max_tags``.
    manifest : Mapping
        As read from, or to be written to, the folder.
    """

    id: str
    version: str
    taxonomy: Taxonomy
    head: LinearHead | RetrievalHead | CrosslingualHead
    thresholds: FloatArray
    encoder_id: str | None
    relation: str | None = None
    parent: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``id@version``, as stamped on tags."""
        return f"{self.id}@{self.version}"

    def scores(
        self,
        texts: Sequence[str],
        vectors: FloatArray | None,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> FloatArray:
        """Return calibrated probabilities.

        Parameters
        ----------
        texts : sequence of str
        vectors : ndarray of float32 (n_texts, dim), or None for a model without encoder
            Unit rows, from the encoder that `encoder_id` names.
        tokens : sequence of Tokens or None
            Token vectors of each text, where the encoder gives them; retrieval is better with them.

        Returns
        -------
        ndarray of float32, shape (n_texts, n_concepts)
        """
        return self.head.scores(texts, vectors, tokens)  # type: ignore[arg-type]

    def top(
        self,
        texts: Sequence[str],
        vectors: FloatArray | None,
        k: int,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the `k` best concepts of each text, without a threshold: indices and probabilities, each (n_texts, k)."""
        return self.head.top(texts, vectors, k, tokens)  # type: ignore[arg-type]

    def combine(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Bring the level probabilities of a credential's outcomes together: a geometric mean, sharpened by their number.

        Parameters
        ----------
        rows : ndarray (n_outcomes, n_levels)

        Returns
        -------
        ndarray (n_levels,)
        """
        power, shrink = float(self.options["power"]), float(self.options["shrink"])
        z = np.log(rows + 1e-6).mean(axis=0) * shrink * len(rows) ** power
        p = np.exp(z - z.max())
        return np.asarray(p / p.sum())

    @classmethod
    def load(
        cls, name_or_path: str | Path, *, encoder_id: str | None = None, encoder_sha256: str | None = None
    ) -> Model:
        """Load a model folder and check all of it.

        Parameters
        ----------
        name_or_path : str or Path
            Name of a shipped model, or a folder.
        encoder_id : str or None
            The encoder that will be used; a model made with another is refused.
        encoder_sha256 : str or None
            sha256 of that encoder's graph, checked where the model names one: an encoder can be trained again under the
            same id and version.

        Raises
        ------
        ModelError
            If the folder is missing, incomplete or altered, or made for another program, taxonomy or encoder.
        """
        folder = _folder(name_or_path)
        manifest = read_manifest(folder)
        if manifest["kind"] not in _KINDS:
            raise ModelError(f"`{folder}`: kind is `{manifest['kind']}`, expected one of {', '.join(_KINDS)}")
        _need_keys(folder / "manifest.json", manifest, ("taxonomy", "encoder", "relation", "parent", "options", "head"))
        problems = _file_problems(folder, manifest)
        if problems:
            raise ModelError(problems[0], hint="the folder was altered or cut short; install or train it again")
        wanted = manifest["encoder"]
        if wanted is not None and encoder_id is not None and wanted["id"] != encoder_id:
            raise ModelError(
                f"model `{manifest['id']}` was made with encoder `{wanted['id']}`, got `{encoder_id}`",
                hint="train the model again with this encoder, or use the one that it names",
            )
        graph = None if wanted is None else wanted.get("sha256")
        if graph is not None and encoder_sha256 is not None and graph != encoder_sha256:
            raise ModelError(
                f"model `{manifest['id']}` was made with an encoder `{wanted['id']}` of sha256 {graph[:12]}…, "
                f"got {encoder_sha256[:12]}…",
                hint="train the model again with this encoder, or use the one that it names",
            )
        taxonomy = load_taxonomy(_taxonomy_of(folder, manifest))
        if taxonomy.sha256 != manifest["taxonomy"]["sha256"]:
            raise ModelError(
                f"model `{manifest['id']}` was made for taxonomy `{taxonomy.id}` {manifest['taxonomy']['version']} "
                f"(sha256 {manifest['taxonomy']['sha256'][:12]}…), found {taxonomy.version} ({taxonomy.sha256[:12]}…)",
                hint="make the model again with `make models`",
            )
        arrays = _read_arrays(folder / "arrays.npz", manifest)
        head = _HEADS[manifest["kind"]](arrays, manifest, taxonomy)
        thresholds = np.asarray(arrays["thresholds"], dtype=np.float32)
        if "context" in manifest["options"]:
            Context.of(manifest["options"]["context"])
        return cls(
            manifest["id"],
            manifest["version"],
            taxonomy,
            head,
            thresholds,
            None if wanted is None else wanted["id"],
            manifest["relation"],
            manifest["parent"],
            manifest["options"],
            manifest,
        )

    def save(self, folder: Path, *, card: str | None = None, encoder_sha256: str | None = None, **facts: Any) -> None:
        """Write the folder: arrays, manifest and, where given, the card; and the taxonomy, if it is not a shipped one.

        Parameters
        ----------
        folder : Path
            Made if missing; files of the same names are replaced.
        card : str or None
            Text of ``README.md``; an existing card is left alone when None.
        encoder_sha256 : str or None
            sha256 of the encoder's graph.
        **facts
            ``sources``, ``metrics``, ``recipe``, ``seed`` and further facts for the manifest.
        """
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, npt.NDArray[Any]] = {"thresholds": self.thresholds.astype(np.float32)}
        head = self.head
        settings: dict[str, Any] = {}
        if isinstance(head, LinearHead):
            kind = "linear"
            arrays |= {"intercept": head.intercept, "slope": head.slope, "offset": head.offset}
            settings["softmax"] = head.softmax
            if head.embedding is not None:
                arrays["embedding"] = head.embedding
            if head.lexical is not None and head.lexical_weights is not None:
                arrays |= {"lexical_weights": head.lexical_weights.astype(np.float16), "idf": head.lexical.idf}
                arrays["vocabulary"] = np.frombuffer("\n".join(head.lexical.vocabulary).encode(), dtype=np.uint8)
                settings |= {"n_words": head.lexical.n_words, "n_first": head.lexical.n_first}
                settings["features"] = head.lexical.kind
            if head.prototypes is not None:
                arrays |= {
                    "prototypes": head.prototypes.vectors.astype(np.float16),
                    "prototype_group": head.prototypes.group.astype(np.int64),
                    "prototype_weights": head.prototypes.weights.astype(np.float32),
                }
            if head.length_weights is not None:
                arrays["length_weights"] = head.length_weights.astype(np.float32)
        elif isinstance(head, CrosslingualHead):
            kind = "crosslingual"
            more, settings = head.arrays()
            arrays |= more
        else:
            kind = "retrieval"
            scale = np.abs(head.vectors).max(axis=1, keepdims=True) / 127
            arrays |= {
                "vectors": np.round(head.vectors / scale).astype(np.int8),
                "scale": scale.astype(np.float32),
                "coefficients": head.coefficients.astype(np.float32),
            }
            if head.network is not None:
                arrays |= {name: getattr(head.network, name).astype(np.float32) for name in _NETWORK}
            if head.hubness is not None:
                arrays["hubness"] = head.hubness.astype(np.float32)
            if head.prior is not None:
                arrays["prior"] = head.prior.astype(np.float32)
            settings |= {"intercept": head.intercept, "n_candidates": head.n_candidates, "signals": len(SIGNALS)}
        _write_npz(folder / "arrays.npz", arrays)
        if card is not None:
            (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        self._bundle_taxonomy(folder / "taxonomy")
        found = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        names = sorted(name for name in found if name not in ("manifest.json", "README.md"))
        manifest = {
            "format": FORMAT,
            "program": ">=0.1,<1",
            "id": self.id,
            "version": self.version,
            "kind": kind,
            "taxonomy": {"id": self.taxonomy.id, "version": self.taxonomy.version, "sha256": self.taxonomy.sha256},
            "encoder": None if self.encoder_id is None else {"id": self.encoder_id, "sha256": encoder_sha256},
            "relation": self.relation,
            "parent": self.parent,
            "options": dict(self.options),
            "head": settings,
            **facts,
            "files": {name: _sha256(folder / name) for name in names},
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")

    def _bundle_taxonomy(self, target: Path) -> None:
        source = self.taxonomy.path.resolve()
        # A model may also lie inside the folder of its taxonomy.
        if source.parent == shipped("taxonomies").resolve() or source in (
            target.resolve(),
            target.resolve().parents[1],
        ):
            return
        target.mkdir(exist_ok=True)
        for name in ("taxonomy.toml", "concepts.csv", "groups.csv"):
            (target / name).unlink(missing_ok=True)
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)


def build_retrieval(
    taxonomy: Taxonomy,
    vectors: FloatArray,
    coefficients: FloatArray,
    intercept: float,
    n_candidates: int = 30,
    *,
    network: Network | None = None,
    hubness: FloatArray | None = None,
    prior: FloatArray | None = None,
) -> RetrievalHead:
    """Make a retrieval head over a taxonomy.

    Parameters
    ----------
    taxonomy : Taxonomy
    vectors : ndarray of float32 (n_concepts, dim)
        Unit rows, in the taxonomy's order.
    coefficients, intercept, n_candidates, network, hubness, prior
        See `RetrievalHead`.
    """
    label_words = tuple(stems(c.label) for c in taxonomy.concepts)
    df: dict[str, int] = {}
    for label in label_words:
        for word in label:
            df[word] = df.get(word, 0) + 1
    n = len(label_words)
    weights = {word: float(np.log((1 + n) / (1 + k)) + 1) for word, k in df.items()}
    return RetrievalHead(
        taxonomy.concepts,
        vectors,
        label_words,
        weights,
        np.asarray(coefficients, dtype=np.float32),
        intercept,
        n_candidates,
        network,
        hubness,
        prior,
    )


def shipped_models() -> list[str]:
    """Return the ids of the shipped models that tag (not the encoder, not norms), in the order that their manifests give."""
    manifests = [read_manifest(path.parent) for path in shipped("models").glob("*/manifest.json")]
    tagging = [m for m in manifests if m["kind"] in _KINDS]
    return [m["id"] for m in sorted(tagging, key=lambda m: (m.get("order", len(manifests)), m["id"]))]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check a manifest's form.

    Raises
    ------
    ModelError
        If it is missing, no JSON, of another format, made for another version of the program, or lacks a key.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise ModelError(f"`{folder}`: no `manifest.json`; expected a model folder", hint="`tagger models` lists them")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"`{path}`: not JSON ({error})", hint="install or train the model again") from error
    _need_keys(path, manifest, ("format", "id", "version", "kind", "files"))
    if not _serves(manifest.get("program", "")):
        raise ModelError(
            f"`{path}`: made for outcome-tagger {manifest['program']}, this is {__version__}",
            hint="install a version that it names, or train the model again",
        )
    if manifest["format"] != FORMAT:
        raise ModelError(
            f"`{path}`: format is {manifest['format']}, this program reads {FORMAT}", hint="update outcome-tagger"
        )
    return manifest


def _serves(program: str) -> bool:
    """Say whether this program's version lies in a range such as ``>=0.1,<1``."""

    def parts(version: str) -> list[int]:
        numbers = [int(n) for n in version.split(".") if n.isdecimal()]
        return numbers + [0] * (3 - len(numbers))

    here = parts(__version__)
    for bound in program.replace(" ", "").split(","):
        if (bound.startswith(">=") and here < parts(bound[2:])) or (bound.startswith("<") and here >= parts(bound[1:])):
            return False
    return True


def _need_keys(path: Path, manifest: object, keys: Sequence[str]) -> None:
    missing = [k for k in keys if not isinstance(manifest, dict) or k not in manifest]
    if missing:
        raise ModelError(f"`{path}`: lacks {', '.join(f'`{k}`' for k in missing)}", hint="install or train it again")


def verify_model(folder: Path) -> list[str]:
    """Return what is wrong with a model folder's files; empty when all of them are what the manifest says."""
    return _file_problems(folder, read_manifest(folder))


def _folder(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.is_dir() and (path / "manifest.json").is_file():
        return path
    inside = shipped("models") / str(name_or_path)
    if isinstance(name_or_path, str) and inside.is_dir():
        return inside
    raise ModelError(
        f"`{name_or_path}`: no such model; expected one of {', '.join(shipped_models())}, or a model folder",
        hint="`tagger models` lists what is installed",
    )


def _taxonomy_of(folder: Path, manifest: Mapping[str, Any]) -> Path | str:
    """Return where a model's taxonomy is: in the model's folder, around it, or shipped."""
    for place in (folder / "taxonomy", folder.resolve().parent):
        if (place / "taxonomy.toml").is_file():
            return place
    name: str = manifest["taxonomy"]["id"]
    return name


def _file_problems(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    problems = []
    if manifest["kind"] in _KINDS and "arrays.npz" not in manifest["files"]:
        problems.append(f"`{folder / 'manifest.json'}`: `files` does not name `arrays.npz`")
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            problems.append(f"`{path}`: no such file; the manifest names it")
        elif (got := _sha256(path)) != expected:
            problems.append(f"`{path}`: sha256 is {got[:12]}…, expected {expected[:12]}…")
    return problems


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a compressed .npz whose bytes depend on the arrays alone (numpy stamps the time)."""
    import io

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue())


def _read_arrays(path: Path, manifest: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Read numbers and nothing else: what would have to be unpickled is refused."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"model `{manifest['id']}`: `{path}` does not hold plain arrays ({error})",
            hint="do not use it; train the model again, or ask where it comes from",
        ) from error


def _need(arrays: Mapping[str, npt.NDArray[Any]], names: Iterable[str], manifest: Mapping[str, Any]) -> None:
    missing = [n for n in names if n not in arrays]
    if missing:
        raise ModelError(f"model `{manifest['id']}`: arrays.npz lacks {', '.join(missing)}", hint="train it again")


def _need_concepts(n: int, what: str, manifest: Mapping[str, Any], taxonomy: Taxonomy) -> None:
    if n != len(taxonomy.concepts):
        raise ModelError(
            f"model `{manifest['id']}` has {what} for {n} concepts, taxonomy `{taxonomy.id}` {taxonomy.version} has "
            f"{len(taxonomy.concepts)}",
            hint="train it again for this version of the taxonomy",
        )


def _linear(arrays: Mapping[str, Any], manifest: Mapping[str, Any], taxonomy: Taxonomy) -> LinearHead:
    _need(arrays, ("intercept", "slope", "offset", "thresholds"), manifest)
    lexical = weights = None
    if "vocabulary" in arrays:
        names = bytes(arrays["vocabulary"]).decode().split("\n")
        settings = manifest["head"]
        vocabulary = {name: i for i, name in enumerate(names)}
        kind = settings.get("features", "words")
        lexical = Lexical(vocabulary, arrays["idf"], settings["n_words"], settings["n_first"], kind)
        weights = arrays["lexical_weights"].astype(np.float32)
    intercept = arrays["intercept"]
    _need_concepts(len(intercept), "scores", manifest, taxonomy)
    _need_concepts(len(arrays["thresholds"]), "thresholds", manifest, taxonomy)
    prototypes = None
    if "prototypes" in arrays:
        vectors = arrays["prototypes"].astype(np.float32)
        prototypes = Prototypes(vectors, arrays["prototype_group"], arrays["prototype_weights"])
    return LinearHead(
        arrays.get("embedding"),
        lexical,
        weights,
        intercept,
        arrays["slope"],
        arrays["offset"],
        manifest["head"]["softmax"],
        prototypes,
        arrays.get("length_weights"),
    )


def _retrieval(arrays: Mapping[str, Any], manifest: Mapping[str, Any], taxonomy: Taxonomy) -> RetrievalHead:
    _need(arrays, ("vectors", "scale", "coefficients", "thresholds"), manifest)
    vectors = arrays["vectors"].astype(np.float32) * arrays["scale"]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    _need_concepts(len(vectors), "vectors", manifest, taxonomy)
    _need_concepts(len(arrays["thresholds"]), "thresholds", manifest, taxonomy)
    for name in ("hubness", "prior"):
        if name in arrays:
            _need_concepts(len(arrays[name]), f"`{name}`", manifest, taxonomy)
    settings = manifest["head"]
    if len(arrays["coefficients"]) != len(SIGNALS):
        raise ModelError(
            f"model `{manifest['id']}` weighs {len(arrays['coefficients'])} signals, this program has {len(SIGNALS)}",
            hint="make or train the model again with this version",
        )
    has_network = _NETWORK[0] in arrays
    return build_retrieval(
        taxonomy,
        vectors,
        arrays["coefficients"],
        settings["intercept"],
        settings["n_candidates"],
        network=Network(*(arrays[name] for name in _NETWORK)) if has_network else None,
        hubness=arrays.get("hubness"),
        prior=arrays.get("prior"),
    )


def _crosslingual(arrays: Mapping[str, Any], manifest: Mapping[str, Any], taxonomy: Taxonomy) -> CrosslingualHead:
    _need(arrays, ("data", "indices", "indptr", "owner", "idf", "coefficients", "thresholds"), manifest)
    head = CrosslingualHead.of_arrays(arrays, manifest["head"])
    if head.n_concepts != len(taxonomy):
        raise ModelError(
            f"model `{manifest['id']}` scores {head.n_concepts} concepts, taxonomy `{taxonomy.id}` has {len(taxonomy)}",
            hint="make it again",
        )
    return head


_HEADS: Mapping[str, Callable[..., LinearHead | RetrievalHead | CrosslingualHead]] = {
    "linear": _linear,
    "retrieval": _retrieval,
    "crosslingual": _crosslingual,
}
