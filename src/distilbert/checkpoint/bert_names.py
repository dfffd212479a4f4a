"""BERT's names for DistilBERT's parameters, config fields and classes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from distilbert.heads import HEADS

# Classes of BERT -> the head they become. Next-sentence prediction has no counterpart: its encoder
# is kept.
HEAD_OF_CLASS = {
    **{head.class_name.removeprefix("Distil"): name for name, head in HEADS.items()},
    "BertForNextSentencePrediction": "base",
    "BertForPreTraining": "masked_lm",
}

# Field of DistilBERT's config -> its name in BERT's and BERT's default.
CONFIG_FIELDS = {
    "vocab_size": ("vocab_size", 30522),
    "max_position_embeddings": ("max_position_embeddings", 512),
    "n_layers": ("num_hidden_layers", 12),
    "n_heads": ("num_attention_heads", 12),
    "dim": ("hidden_size", 768),
    "hidden_dim": ("intermediate_size", 3072),
    "dropout": ("hidden_dropout_prob", 0.1),
    "attention_dropout": ("attention_probs_dropout_prob", 0.1),
    "activation": ("hidden_act", "gelu"),
    "initializer_range": ("initializer_range", 0.02),
    "pad_token_id": ("pad_token_id", 0),
}

# Fields that mean the same in both configs and are copied.
SHARED_FIELDS = (
    "id2label",
    "label2id",
    "problem_type",
    "finetuning_task",
    "tie_word_embeddings",
    "chunk_size_feed_forward",
    "torch_dtype",
    "dtype",
)

TOKEN_TYPES = "embeddings.token_type_embeddings.weight"

_BLOCK = re.compile(r"transformer\.layer\.(\d+)\.(.+)\.(weight|bias)")
_BLOCK_PARTS = {
    "attention.q_lin": "attention.self.query",
    "attention.k_lin": "attention.self.key",
    "attention.v_lin": "attention.self.value",
    "attention.out_lin": "attention.output.dense",
    "sa_layer_norm": "attention.output.LayerNorm",
    "ffn.lin1": "intermediate.dense",
    "ffn.lin2": "output.dense",
    "output_layer_norm": "output.LayerNorm",
}
_HEAD_PARTS = {
    "vocab_transform": "cls.predictions.transform.dense",
    "vocab_layer_norm": "cls.predictions.transform.LayerNorm",
    "vocab_projector": "cls.predictions.decoder",
    "pre_classifier": "pooler.dense",
    "classifier": "classifier",
    "qa_outputs": "qa_outputs",
}
# The bias of BERT's vocabulary projection; the decoder's bias is an alias of it.
_PROJECTOR_BIAS = "cls.predictions.bias"


def bert_name(name: str, layers: Sequence[int]) -> str:
    """BERT's name, without `bert.`, for DistilBERT's, without `distilbert.`.

    Args:
        layers: for each layer of the DistilBERT the layer of BERT it comes from.
    """
    if match := _BLOCK.fullmatch(name):
        layer, part, leaf = match.groups()
        return f"encoder.layer.{layers[int(layer)]}.{_BLOCK_PARTS[part]}.{leaf}"
    if name == "vocab_projector.bias":
        return _PROJECTOR_BIAS
    part, _, leaf = name.rpartition(".")
    return f"{_HEAD_PARTS.get(part, part)}.{leaf}"


def plain_name(name: str) -> str:
    """A canonical name of a BERT file without the parts that depend on class and framework."""
    if name == "cls.predictions.decoder.bias":
        return _PROJECTOR_BIAS
    return name.removeprefix("bert.").replace("mlm___cls.", "cls.", 1)  # TF's name of the MLM head
