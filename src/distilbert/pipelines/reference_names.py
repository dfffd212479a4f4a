"""The names that the pipelines of transformers give to arguments, translated into ours.

docs/pipelines.md has the table of what still differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilbert.errors import InputError

FRAMEWORKS = {"pt": "torch", "tf": "tensorflow", "jax": "flax"}
# Arguments of the reference that change no answer here: batches are padded and tokenized in
# threads, and no code of a repository is ever executed.
WITHOUT_EFFECT = ("num_workers", "padding", "use_fast", "trust_remote_code", "binary_output")
# Older names of options that the reference still takes -> the present ones.
OLDER = {"topk": "top_k", "multi_class": "multi_label"}
# Arguments of the reference for which only None has a meaning here.
ONLY_NONE = {
    "config": "it is read from the folder of the model",
    "feature_extractor": "texts need none",
    "image_processor": "texts need none",
    "modelcard": "answers do not depend on it",
    "args_parser": "inputs are read by the task",
    "pipeline_class": "the task decides",
}
# Values of `device_map` that leave the choice of the device to the package.
AUTOMATIC = ("auto", "balanced", "balanced_low_0", "sequential")


def take_loading_names(options: dict[str, Any]) -> dict[str, Any]:
    """Pop the reference's arguments of `pipeline()` from `options`: those of ours that they mean.

    Raises:
        InputError: one of them has a value that has no meaning here.
    """
    for name, reason in ONLY_NONE.items():
        if options.pop(name, None) is not None:
            raise InputError(f"`{name}` must be left out: {reason}.")
    found: dict[str, Any] = {}
    if "use_auth_token" in options:
        options.setdefault("token", options.pop("use_auth_token"))
    extra = options.pop("model_kwargs", None) or {}
    options.update({name: value for name, value in extra.items() if name not in options})
    dtype = options.pop("torch_dtype", None)
    if dtype is not None and dtype != "auto":
        found["dtype"] = dtype
    device = options.pop("device_map", None)
    if isinstance(device, Mapping) and len(device) == 1:
        (device,) = device.values()
    if isinstance(device, Mapping):
        raise InputError(
            f"`device_map` must name one device, since a DistilBERT fits on one: got {device!r}."
        )
    if device is not None and device not in AUTOMATIC:
        found["device"] = device
    return found


def as_framework(framework: str | None) -> str | None:
    """A framework by the reference's name "pt", "tf" or "jax", or by ours."""
    return framework if framework is None else FRAMEWORKS.get(framework, framework)


def as_device(device: Any) -> Any:
    """A device by the reference's number, -1 for the CPU, or as it is."""
    if isinstance(device, int) and not isinstance(device, bool):
        return "cpu" if device < 0 else f"cuda:{device}"
    return device


def as_options(given: Mapping[str, Any], known: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """The options of a task by our names; `known` has those of the task and their types."""
    options = dict(given)
    for name in ("tokenizer_kwargs", "tokenize_kwargs"):
        options.update(options.pop(name, None) or {})
    for name in WITHOUT_EFFECT:
        options.pop(name, None)
    for older, name in OLDER.items():
        if older in options and name in known:
            options.setdefault(name, options.pop(older))
    if "truncation" in options:
        is_cut = options.pop("truncation") not in (None, False, "do_not_truncate")
        if "truncate" in known:
            options["truncate"] = is_cut
        elif is_cut and "window_combination" in known:
            options["window_combination"] = "first"
    if options.get("top_k") == "":  # the reference's default for texts
        del options["top_k"]
    if options.get("top_k") == "all" and type(None) in known.get("top_k", ()):
        options["top_k"] = None
    if "aggregation_strategy" in known:
        grouped = options.pop("grouped_entities", None)
        by_word = options.pop("ignore_subwords", None)
        if grouped is not None or by_word is not None:
            strategy = ("first" if by_word else "simple") if grouped else "none"
            options.setdefault("aggregation_strategy", strategy)
    return options
