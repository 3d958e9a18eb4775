"""Fine-tuning and export, on a transformer of a few thousand weights that is made here."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from tagger.encoder import OnnxEncoder, load_encoder
from tagger.errors import ModelError
from tagger.model import Model, verify_model
from tagger.tagging import Tagger
from tagger.taxonomy import load_taxonomy
from tagger.train.finetune import fine_tune_encoder, pairs
from tagger.train.labels import Example
from tagger.train.trainer import Recipe, train

WORDS = [
    "a",
    "the",
    "to",
    "of",
    "list",
    "name",
    "design",
    "compose",
    "use",
    "operate",
    "pump",
    "report",
    "plan",
    "map",
    "rule",
    "tool",
    "budget",
    "form",
    "judge",
    "water",
]
EXAMPLES = [
    Example(f"{verb} the {noun}", {level: 1.0}, True, f"{verb} {noun}")
    for level, verbs in {0: ("list", "name"), 2: ("use", "operate"), 5: ("design", "compose")}.items()
    for verb in verbs
    for noun in ("pump", "report", "plan", "map", "rule", "tool", "budget", "form", "water")
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra [train]")
    pytest.importorskip("sentence_transformers", reason="needs the extra [train]")
    pytest.importorskip("onnx", reason="needs the extra [train]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer
        from tokenizers import Tokenizer, normalizers, pre_tokenizers
        from tokenizers.models import WordPiece
        from tokenizers.processors import TemplateProcessing
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        folder = tmp_path_factory.mktemp("base")
        vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
        tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
            mask_token="[MASK]", model_max_length=64,
        )  # fmt: skip
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
        )
        BertModel(config).save_pretrained(folder / "bert")
        fast.save_pretrained(folder / "bert")
        transformer = Transformer(str(folder / "bert"))
        model = SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode="mean")], device="cpu")
        model.save(str(folder / "tiny"))
        return folder / "tiny"


def test_pairs_join_texts_with_what_their_concepts_are_called_and_with_one_another() -> None:
    bloom = load_taxonomy("bloom")
    found = pairs(EXAMPLES, bloom, seed=1)
    assert found == pairs(EXAMPLES, bloom, seed=1) and len(set(found)) == len(found)
    texts = {e.text for e in EXAMPLES}
    assert any(a in texts and b in texts for a, b in found)
    assert any(a == "list the pump" and b.startswith("Remember") for a, b in found)
    assert not any(a == "list the pump" and b.startswith("Create") for a, b in found)


def test_fine_tuning_needs_weights_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="needs weights to start from"):
        fine_tune_encoder(None, EXAMPLES, load_taxonomy("bloom"), tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_model_with_an_encoder_of_its_own_is_one_folder_that_runs_without_torch(base: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"text": e.text, "sdg": [6] if 0 in e.judged else []}) for e in EXAMPLES]
    (tmp_path / "l.jsonl").write_text("\n".join(lines))
    recipe = Recipe("sdg", [tmp_path / "l.jsonl"], encoder=f"sentence-transformers:{base}", finetune=True)
    model = train(recipe, tmp_path / "m")
    encoder = load_encoder(tmp_path / "m" / "encoder")
    assert isinstance(encoder, OnnxEncoder) and encoder.dim == 32 and model.encoder_id == encoder.id
    vectors = encoder.encode(["list the pump", "design a map"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert {"encoder/model.onnx", "encoder/tokenizer.json"} <= set(model.manifest["files"])
    assert verify_model(tmp_path / "m") == []
    tagger = Tagger.load([tmp_path / "m"])  # finds the encoder that the folder brings along
    assert tagger.encoder.id == encoder.id
    assert tagger.suggest(["name the tool"], "sdg", 1)[0][0][0] == 5
    again = train(
        Recipe("sdg", [tmp_path / "l.jsonl"], start=tmp_path / "m"), tmp_path / "m2"
    )  # the encoder goes along to the next
    assert again.manifest["parents"][0]["id"] == "m" and Model.load(tmp_path / "m2").encoder_id == encoder.id


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_encoder_that_cannot_be_exported_is_refused_before_training(base: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    transformer = Transformer(str(base.parent / "bert"))
    model = SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode="cls")], device="cpu")
    model.save(str(tmp_path / "cls"))
    with pytest.raises(ModelError, match="pooling `cls`; expected a transformer with mean pooling"):
        fine_tune_encoder(
            f"sentence-transformers:{tmp_path / 'cls'}", EXAMPLES, load_taxonomy("bloom"), tmp_path / "out"
        )
