"""The file `config.json`: its name and format, and the default values that are left out of it.

Plain data only; what the values mean is `config.py`'s business.
"""

from __future__ import annotations

import json
from typing import Any

from distilbert.errors import ConfigError

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


def without_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """`data` without the values that equal the defaults."""
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


def json_text(data: dict[str, Any]) -> str:
    """`data` as it is written to the file.

    Raises:
        ConfigError: a value, such as a callable `activation`, has no JSON form.
    """
    try:
        return json.dumps(data, indent=2, sort_keys=True) + "\n"
    except TypeError as error:
        names = [name for name, value in data.items() if not has_json(value)]
        raise ConfigError(
            f"A config can only be saved with plain data: got {', '.join(names)} ({error}). "
            f"Pass the name of an activation instead of a function."
        ) from None


def has_json(value: object) -> bool:
    """Whether `value` can be written to the file."""
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
