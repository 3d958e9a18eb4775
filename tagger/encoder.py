"""Sentence encoders: texts in, unit vectors out.

Everything that encodes has one method and a name (`Encoder`). The shipped encoder also tells the token vectors whose mean
its sentence vector is (`TokenEncoder`), from which evidence is computed exactly.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tagger.errors import ModelError
from tagger.shipped import shipped

__all__ = ["Encoder", "OnnxEncoder", "SentenceTransformerEncoder", "TokenEncoder", "Tokens", "load_encoder"]

FloatArray = npt.NDArray[np.float32]
_PREFIX = "sentence-transformers:"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n_tokens, dim)
        The sentence vector is their mean, scaled to unit length.
    spans : ndarray of int32, shape (n_tokens, 2)
        Start and end character of each token; equal for special tokens.
    """

    vectors: FloatArray
    spans: npt.NDArray[np.int32]


class Encoder(Protocol):
    """Anything that turns texts into unit vectors.

    Attributes
    ----------
    id : str
        ``name@version`` of the encoder; models record it and refuse another.
    dim : int
        Length of a vector.
    """

    id: str
    dim: int

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 of shape (n_texts, dim), rows of unit length. A text's vector never depends on the others."""
        ...


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder that can also tell token vectors."""

    id: str
    dim: int

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """See `Encoder.encode`."""
        ...

    def encode_tokens(self, texts: Sequence[str]) -> tuple[FloatArray, list[Tokens]]:
        """Return what `encode` returns, and the tokens of each text."""
        ...


class OnnxEncoder:
    """The shipped encoder: an int8 ONNX graph run by onnxruntime, with no torch.

    Each text is run by itself, texts in parallel: int8 quantisation takes its scale from all that is in a batch, so in a
    batch a text's vector would depend on its neighbours, and the same outcome could be tagged differently in two files.

    Parameters
    ----------
    folder : Path
        A model folder of kind ``encoder`` (``manifest.json``, ``model.onnx``, ``tokenizer.json``).
    n_threads : int or None
        Texts that are encoded at the same time; None for one per available core.

    Raises
    ------
    ModelError
        If a file is missing or is not the one that the manifest names.
    """

    def __init__(self, folder: Path, n_threads: int | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        manifest_path = folder / "manifest.json"
        if not manifest_path.is_file():
            raise ModelError(
                f"`{folder}`: no `manifest.json`; expected an encoder folder",
                hint="`tagger models` lists what there is",
            )
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"`{manifest_path}`: not JSON ({error})", hint="install the package again") from error
        if not isinstance(manifest, dict) or manifest.get("kind") != "encoder":
            kind = manifest.get("kind") if isinstance(manifest, dict) else None
            raise ModelError(
                f"`{folder}`: kind is `{kind}`, expected `encoder`", hint="give --encoder an encoder folder"
            )
        missing = [k for k in ("id", "version", "dim", "max_tokens", "files") if k not in manifest]
        if missing:
            raise ModelError(f"`{manifest_path}`: lacks {', '.join(f'`{k}`' for k in missing)}")
        for name in ("model.onnx", "tokenizer.json"):
            path = folder / name
            expected = manifest["files"].get(name)
            if not path.is_file():
                raise ModelError(f"`{path}`: no such file; the manifest names it", hint="install the package again")
            got = hashlib.sha256(path.read_bytes()).hexdigest()
            if got != expected:
                raise ModelError(
                    f"`{path}`: sha256 is {got[:12]}…, expected {str(expected)[:12]}…",
                    hint="the file was altered or cut short; install the package again",
                )
        self.id: str = f"{manifest['id']}@{manifest['version']}"
        self.dim: int = manifest["dim"]
        self.sha256: str = manifest["files"]["model.onnx"]
        self.max_tokens: int = manifest["max_tokens"]
        self._n_threads = n_threads or _n_cores()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=self.max_tokens)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 of shape (n_texts, dim), unit rows."""
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for i, (outputs, _) in enumerate(self._run(texts, ["embedding"])):
            vectors[i] = outputs[0][0]
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> tuple[FloatArray, list[Tokens]]:
        """Return what `encode` returns, and the tokens of each text."""
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        tokens: list[Tokens] = []
        for i, (outputs, spans) in enumerate(self._run(texts, ["embedding", "tokens"])):
            vectors[i] = outputs[0][0]
            tokens.append(Tokens(outputs[1][0], spans))
        return vectors, tokens

    def _run(self, texts: Sequence[str], outputs: list[str]) -> Iterator[tuple[Any, npt.NDArray[np.int32]]]:
        encodings = self._tokenizer.encode_batch(list(texts))

        def one(encoding: Any) -> tuple[Any, npt.NDArray[np.int32]]:
            ids = np.asarray([encoding.ids], dtype=np.int64)
            result = self._session.run(outputs, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
            return result, np.asarray(encoding.offsets, dtype=np.int32)

        if len(encodings) < 4 or self._n_threads == 1:
            yield from map(one, encodings)
            return
        with ThreadPoolExecutor(self._n_threads) as pool:  # onnxruntime releases the GIL
            yield from pool.map(one, encodings)


def _n_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class SentenceTransformerEncoder:
    """Any SentenceTransformer model, by name or folder; needs the extra ``[train]`` (torch).

    Parameters
    ----------
    name_or_path : str

    Raises
    ------
    ModelError
        If sentence-transformers is not installed or the model cannot be loaded.
    """

    def __init__(self, name_or_path: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelError(
                f"`{_PREFIX}{name_or_path}`: sentence-transformers is not installed",
                hint="pip install 'outcome-tagger[train]'",
            ) from error
        try:
            self._model = SentenceTransformer(name_or_path, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"`{name_or_path}`: not a SentenceTransformer model ({error})",
                hint="give a folder that holds one; nothing is downloaded here",
            ) from error
        self.id = f"{_PREFIX}{Path(name_or_path).name}"
        dim = self._model.get_sentence_embedding_dimension()
        if dim is None:
            raise ModelError(f"`{name_or_path}`: the model does not tell its dimension")
        self.dim = int(dim)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 of shape (n_texts, dim), unit rows."""
        vectors = self._model.encode(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)


def load_encoder(name_or_path: str | Path | None = None) -> Encoder:
    """Load an encoder.

    Parameters
    ----------
    name_or_path : str, Path or None
        None for the shipped encoder; a model folder of kind ``encoder``; or ``sentence-transformers:NAME_OR_PATH``.

    Raises
    ------
    ModelError
        If there is no such encoder.

    Examples
    --------
    >>> encoder = load_encoder()
    >>> encoder.encode(["Design a rainwater harvesting system"]).shape
    (1, 384)
    """
    if name_or_path is None:
        return OnnxEncoder(shipped("models") / "encoder")
    text = str(name_or_path)
    if text.startswith(_PREFIX):
        return SentenceTransformerEncoder(text.removeprefix(_PREFIX))
    folder = Path(text)
    if not folder.is_dir():
        raise ModelError(
            f"`{text}`: no such encoder; expected a folder or `{_PREFIX}NAME_OR_PATH`",
            hint="leave --encoder out for the shipped encoder",
        )
    return OnnxEncoder(folder)
