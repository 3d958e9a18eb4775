"""Fine-tuning a sentence encoder on one's own examples, and exporting it so that it runs without torch.

Contrastive, with in-batch negatives (multiple negatives ranking loss, Henderson et al. 2017, arXiv:1705.00652): a text with the
label, alternative labels and description of each concept that holds of it, and with another text of the same concept.
Needs the extra ``[train]``.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tagger.errors import ModelError
from tagger.taxonomy import Taxonomy
from tagger.train.labels import Example

__all__ = ["export", "fine_tune_encoder", "pairs"]

MAX_TOKENS = 256
MAX_PAIRS = 20_000
_PREFIX = "sentence-transformers:"
_OPSET = 17


def pairs(examples: Sequence[Example], taxonomy: Taxonomy, seed: int = 0) -> list[tuple[str, str]]:
    """Return (text, text) pairs that should be near each other, in an order drawn by seed; at most 20,000."""
    rng = random.Random(seed)
    by_concept: dict[int, list[str]] = {}
    for example in examples:
        for concept, value in example.judged.items():
            if value > 0.5:
                by_concept.setdefault(concept, []).append(example.text)
    found: set[tuple[str, str]] = set()
    for c in taxonomy.concepts:
        if c.description:
            found.add((c.label, c.description))
    for position, texts in sorted(by_concept.items()):
        c = taxonomy.concepts[position]
        names = [f"{c.label}. {c.description}"] if c.description else [c.label]
        if c.alt_labels:
            names.append(f"{c.label}: {', '.join(c.alt_labels[:10])}")
        for text in texts:
            found.update((text, name) for name in names)
            if (other := rng.choice(texts)) != text:
                found.add((text, other))
    ordered = sorted(found)
    rng.shuffle(ordered)
    return ordered[:MAX_PAIRS]


def fine_tune_encoder(
    base: str | None,
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    out: Path,
    *,
    seed: int = 0,
    epochs: float = 1.0,
    learning_rate: float = 3e-5,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Fine-tune a SentenceTransformer model and write an encoder folder (ONNX int8, tokenizer, manifest).

    Parameters
    ----------
    base : str or None
        ``sentence-transformers:NAME_OR_PATH``: the weights to start from.
    examples, taxonomy
        See `pairs`.
    out : Path
    seed, epochs, learning_rate
    progress : callable

    Raises
    ------
    ModelError
        If the extra is not installed, there is no base, or the base is not of a kind that can be exported.
    """
    if base is None or not base.startswith(_PREFIX):
        raise ModelError(
            f"`--encoder {base or ''}`: fine-tuning needs weights to start from",
            hint=f"give --encoder {_PREFIX}FOLDER, a SentenceTransformer model",
        )
    try:
        from datasets import Dataset
        from sentence_transformers import (
            SentenceTransformer,
            SentenceTransformerTrainer,
            SentenceTransformerTrainingArguments,
        )
        from sentence_transformers.losses import MultipleNegativesRankingLoss
        from sentence_transformers.training_args import BatchSamplers
    except ImportError as error:
        raise ModelError(
            f"`--finetune`: {error.name} is not installed", hint="pip install 'outcome-tagger[train]'"
        ) from error
    path = base.removeprefix(_PREFIX)
    try:
        model = SentenceTransformer(path, device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"`{path}`: not a SentenceTransformer model ({error})", hint="nothing is downloaded"
        ) from error
    _check_exportable(model, path)
    found = pairs(examples, taxonomy, seed)
    progress(f"fine-tuning on {len(found):,} pairs of texts")
    dataset = Dataset.from_dict({"anchor": [a for a, _ in found], "positive": [b for _, b in found]})
    with tempfile.TemporaryDirectory() as work:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=work,
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            learning_rate=learning_rate,
            warmup_steps=min(50, len(found) // 64),
            batch_sampler=BatchSamplers.NO_DUPLICATES,
            seed=seed,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_strategy="no",
            dataloader_pin_memory=False,
        )
        trainer = SentenceTransformerTrainer(
            model=model, args=arguments, train_dataset=dataset, loss=MultipleNegativesRankingLoss(model)
        )
        trainer.train()
    progress("exporting to ONNX int8")
    dim = export(model, out)
    _write_manifest(out, dim, Path(path).name, len(found), taxonomy, seed)


def _check_exportable(model: Any, path: str) -> None:
    """Only what the graph below computes can be exported: a transformer, mean pooling, and normalisation or nothing."""
    kinds = [type(module).__name__ for module in model]
    pooling: Any = model[1] if len(kinds) > 1 else None
    mode = getattr(pooling, "pooling_mode", None)
    if mode is None and hasattr(pooling, "get_pooling_mode_str"):  # sentence-transformers 5
        mode = pooling.get_pooling_mode_str()
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]) or mode != "mean":
        raise ModelError(
            f"`{path}`: is made of {', '.join(kinds)} with pooling `{mode}`; expected a transformer with mean pooling",
            hint="use it as it is, without --finetune",
        )


def export(model: Any, out: Path, max_tokens: int = MAX_TOKENS) -> int:
    """Write ``model.onnx`` (int8, pooling and normalisation inside) and ``tokenizer.json``; return the vectors' length.

    The graph has two outputs: ``embedding`` (n, dim), unit rows; and ``tokens`` (n, length, dim), the token vectors whose
    mean it is, from which evidence is computed exactly.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Graph(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self, transformer: Any) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, Any]:
            tokens = self.transformer(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)[0]
            mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, p=2, dim=1), tokens

    out.mkdir(parents=True, exist_ok=True)
    transformer = model[0].auto_model.eval().float().cpu()
    if hasattr(transformer, "set_attn_implementation"):
        transformer.set_attn_implementation("eager")
    ids = torch.ones((2, 9), dtype=torch.int64)
    names = ("input_ids", "attention_mask")
    with tempfile.TemporaryDirectory() as work:
        full = Path(work, "fp32.onnx")
        with torch.no_grad():
            torch.onnx.export(
                Graph(transformer),
                (ids, torch.ones_like(ids)),
                str(full),
                input_names=list(names),
                output_names=["embedding", "tokens"],
                dynamic_axes={name: {0: "n", 1: "length"} for name in (*names, "tokens")} | {"embedding": {0: "n"}},
                opset_version=_OPSET,
                dynamo=False,
            )
        quantize_dynamic(str(full), str(out / "model.onnx"), weight_type=QuantType.QInt8, per_channel=True)
        model.tokenizer.save_pretrained(str(Path(work, "tokenizer")))
        shutil.copyfile(Path(work, "tokenizer", "tokenizer.json"), out / "tokenizer.json")
    return int(transformer.config.hidden_size)


def _write_manifest(out: Path, dim: int, base: str, n_pairs: int, taxonomy: Taxonomy, seed: int) -> None:
    files = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")}
    manifest = {
        "format": 1,
        "program": ">=0.1,<1",
        "id": f"encoder-{taxonomy.id}",
        "version": files["model.onnx"][:12],
        "kind": "encoder",
        "dim": dim,
        "max_tokens": MAX_TOKENS,
        "base": base,
        "n_pairs": n_pairs,
        "recipe": "tagger train --finetune",
        "seed": seed,
        "files": files,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (out / "manifest.json").write_text(text, encoding="utf-8", newline="\n")
