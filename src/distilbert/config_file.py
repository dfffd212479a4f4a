"""The file `config.json`: how it is read, and what is left out of it because every config has it.

Plain data only; what the values mean is `config.py`'s business.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.errors import CheckpointError

CONFIG_NAME = "config.json"

# The release whose config format our files follow; readers of that format look for this key.
FORMAT_VERSION = "4.37.2"

# Attributes every config of the reference has, whatever the model; a value equal to its default
# here is left out of the saved file.
GENERIC_DEFAULTS: dict[str, Any] = {
    "return_dict": True,
    "output_hidden_states": False,
    "output_attentions": False,
    "torchscript": False,
    "use_bfloat16": False,
    "tf_legacy_loss": False,
    "pruned_heads": {},
    "tie_word_embeddings": True,
    "chunk_size_feed_forward": 0,
    "is_encoder_decoder": False,
    "is_decoder": False,
    "cross_attention_hidden_size": None,
    "add_cross_attention": False,
    "tie_encoder_decoder": False,
    "architectures": None,
    "finetuning_task": None,
    "tokenizer_class": None,
    "prefix": None,
    "bos_token_id": None,
    "eos_token_id": None,
    "sep_token_id": None,
    "decoder_start_token_id": None,
    "task_specific_params": None,
    "problem_type": None,
}


def read_config_file(path: str | PathLike[str]) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        CheckpointError: the file is missing, unreadable, not UTF-8 JSON, or not an object.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise CheckpointError(
            f"A checkpoint folder must hold `{CONFIG_NAME}`: found none at {path}."
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"A config must be a JSON file: {path} is not ({error}).") from None
    if not isinstance(data, dict):
        kind = type(data).__name__
        raise CheckpointError(f"A config must be a JSON object: {path} holds a {kind}.")
    return data


def without_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """`data` without the values that every config has when nothing is said."""
    defaults = {
        **GENERIC_DEFAULTS,
        "id2label": {0: "LABEL_0", 1: "LABEL_1"},
        "label2id": {"LABEL_0": 0, "LABEL_1": 1},
        "_name_or_path": "",
        "torch_dtype": None,
    }
    return {
        name: value
        for name, value in data.items()
        if name not in defaults or value != defaults[name]
    }


def has_json(value: object) -> bool:
    """Whether `value` can be written to the file."""
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
