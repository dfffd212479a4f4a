"""Checks of configuration values; every message names the rule and the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from distilbert.errors import ActivationError, ConfigError, shown

if TYPE_CHECKING:
    from distilbert.config import DistilBertConfig

Function = TypeVar("Function", bound=Callable[..., Any])

PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")

# Names that every framework implements; the documentation of `activation` gives the formulas.
ACTIVATIONS = (
    "gelu",
    "gelu_10",
    "gelu_fast",
    "gelu_new",
    "gelu_python",
    "gelu_pytorch_tanh",
    "leaky_relu",
    "linear",
    "mish",
    "quick_gelu",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "swish",
    "tanh",
)
# Names of the same function.
ACTIVATION_ALIASES = {
    "gelu_fast": "gelu_new",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu_new",
    "swish": "silu",
}
# The sigmoid approximation of GELU (Hendrycks and Gimpel 2016, section 2).
SIGMOID_GELU_SCALE = 1.702
# What `gelu_10` clips GELU to (Wu et al. 2020, arXiv 2004.09602, on int8 quantization).
GELU_CLIP = 10.0

DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e5m2",
    "int8",
    "uint8",
)

# The smallest value of each size.
MINIMUM = {
    "vocab_size": 1,
    "max_position_embeddings": 1,
    "n_layers": 0,
    "n_heads": 1,
    "dim": 1,
    "hidden_dim": 1,
    "chunk_size_feed_forward": 0,
}
# The largest value of each size. The deepest published transformer has 1,000 layers (Wang et al.
# 2022, DeepNet); other sizes are numbers of 32 bits in several runtimes.
MAX_LAYERS = 1000
LARGEST_SIZE = 2**31 - 1
# Labels that get names of their own, LABEL_0 and so on.
MAX_UNNAMED = 100_000


def check_types(config: DistilBertConfig) -> None:
    """Raise ConfigError for settings of other types than those that the package works with."""
    check_problem_type(config.problem_type)
    classes = config.architectures
    if classes is not None and not (
        isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)
    ):
        raise ConfigError(
            f"`architectures` must be a list of names of classes, or None: got {shown(classes)}."
        )


def check_problem_type(problem_type: str | None) -> None:
    """Raise ConfigError unless the problem type is known or None."""
    if problem_type is not None and problem_type not in PROBLEM_TYPES:
        known = ", ".join(PROBLEM_TYPES)
        raise ConfigError(
            f"`problem_type` must be one of {known}, or None: got {shown(problem_type)}."
        )


def check_label_maps(**maps: object) -> None:
    """Raise ConfigError unless each map, by its name, is None or a dict."""
    for name, value in maps.items():
        if value is not None and not isinstance(value, Mapping):
            kind = type(value).__name__
            raise ConfigError(f"`{name}` must be a dict: got {kind}. Pass {{0: 'name', ...}}.")


def parsed_attribute(name: str, value: Any) -> Any:
    """The value of an attribute from that of a file, whose keys are texts."""
    if name == "pruned_heads":
        return parse_pruned_heads(value)
    return parse_id2label(value) if name == "id2label" else value


def parse_id2label(id2label: Mapping[Any, str]) -> dict[int, str]:
    """`id2label` with its keys as integers; in a JSON file they are text.

    Raises:
        ConfigError: a key is not an integer, or a name is a list or an object.
    """
    try:
        found = {int(key): name for key, name in id2label.items()}
        _ = {*found.values()}  # names are keys of `label2id`
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise ConfigError(
            f"`id2label` must map the numbers of the classes to names, such as {{0: 'NEGATIVE', 1: "
            f"'POSITIVE'}}: got {shown(id2label)}."
        ) from None
    return found


def parse_pruned_heads(pruned: Any) -> dict[int, list[int]]:
    """`pruned_heads` with its keys as integers; in a JSON file they are text.

    Raises:
        ConfigError: it does not map numbers of layers to lists of numbers of heads.
    """
    try:
        found = {int(layer): [*heads] for layer, heads in (pruned or {}).items()}
        is_valid = all(isinstance(head, int) for heads in found.values() for head in heads)
    except (AttributeError, TypeError, ValueError, OverflowError):
        found, is_valid = {}, False
    if not is_valid:
        raise ConfigError(
            f"`pruned_heads` must map the numbers of layers to lists of heads, such as "
            f"{{0: [1, 2]}}: got {shown(pruned)}."
        )
    return found


def pruned_by_layer(
    pruned: Mapping[int, Iterable[int]], *, n_layers: int, n_heads: int
) -> dict[int, set[int]]:
    """Pruned heads by layer; negative numbers of layers and heads count from the end.

    Raises:
        ValueError: a layer or head that does not exist; the message completes "must name ...".
    """
    found: dict[int, set[int]] = {}
    for layer, heads in pruned.items():
        if not all(-n <= i < n for i, n in ((layer, n_layers), *((h, n_heads) for h in heads))):
            raise ValueError(
                f"layers below {n_layers} and heads below {n_heads}, or negative numbers that "
                f"count from the end: got layer {layer}, heads {sorted(heads)}"
            )
        found.setdefault(layer % n_layers, set()).update(head % n_heads for head in heads)
    return found


def parsed_settings(text: str, config: DistilBertConfig) -> dict[str, Any]:
    """The settings in text such as `"n_layers=3,dropout=0.2"`, in the types that they have now.

    Raises:
        ConfigError: a name is unknown, or its text cannot be read as a value of its type.
    """
    pairs = [part.partition("=")[::2] for part in text.split(",")]
    unknown = [name for name, _ in pairs if not hasattr(config, name)]
    if unknown:
        raise ConfigError(f"A config has no {', '.join(f'`{name}`' for name in unknown)}.")
    return {name: _parsed_like(value, getattr(config, name), name) for name, value in pairs}


def _parsed_like(text: str, old: Any, name: str) -> Any:
    words = {"true": True, "1": True, "y": True, "yes": True}
    words |= {"false": False, "0": False, "n": False, "no": False}
    problem = ConfigError(
        f"A setting can be read from text if it is a bool, a number or text: got {name}={text!r}, "
        f"where the value is {old!r}."
    )
    if not isinstance(old, bool | int | float | str):
        raise problem
    try:
        return words[text.lower()] if isinstance(old, bool) else type(old)(text)
    except (KeyError, ValueError):
        raise problem from None


def check_label_count(id2label: object, num_labels: int | None) -> None:
    """Raise ConfigError if both are given and disagree."""
    if isinstance(id2label, Mapping) and num_labels not in (None, len(id2label)):
        raise ConfigError(
            f"`num_labels` must equal the length of `id2label`: got num_labels={num_labels} and "
            f"{len(id2label)} labels. Pass one of the two."
        )


def check_num_labels(value: Any) -> None:
    """Raise ConfigError unless `value` is an integer from 0 to MAX_UNNAMED."""
    if not _is_integer(value, 0):
        raise ConfigError(f"`num_labels` must be an integer >= 0: got {shown(value)}.")
    if value > MAX_UNNAMED:
        raise ConfigError(
            f"`num_labels` must be at most {MAX_UNNAMED}: got {shown(value)}. For more classes, "
            f"pass `id2label` with a name for each."
        )


def dtype_name(value: Any) -> str | None:
    """The plain name of a dtype given by name or as `torch.dtype`; ConfigError if it is unknown."""
    name = None if value is None else str(value).removeprefix("torch.")
    if name is not None and name not in DTYPES:
        raise ConfigError(f"`torch_dtype` must be one of {', '.join(DTYPES)}: got {shown(value)}.")
    return name


def check_sizes(config: DistilBertConfig, head: str) -> None:
    """Raise one ConfigError that lists every size, probability or count out of range."""
    problems = [
        f"`{name}` must be an integer >= {least}: got {shown(value)}."
        for name, least in MINIMUM.items()
        if not _is_integer(value := getattr(config, name), least)
    ]
    problems += [
        f"`{name}` must be at most {most}: got {shown(value)}."
        for name in MINIMUM
        if isinstance(value := getattr(config, name), int)
        and value > (most := MAX_LAYERS if name == "n_layers" else LARGEST_SIZE)
    ]
    spread = config.initializer_range
    if not isinstance(spread, int | float) or not 0 <= spread < math.inf:
        problems.append(f"`initializer_range` must be a number >= 0: got {shown(spread)}.")
    problems += [
        f"`{name}` must be a probability in [0, 1]: got {shown(value)}."
        for name in ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout")
        if not isinstance(value := getattr(config, name), (int, float)) or not 0 <= value <= 1
    ]
    if not problems and config.dim % config.n_heads:
        near = sorted(_divisors(config.dim), key=lambda n: (abs(n - config.n_heads), n))[:2]
        problems.append(
            f"`n_heads` must divide `dim`: got n_heads={config.n_heads}, dim={config.dim}. "
            f"Divisors near {config.n_heads}: {', '.join(map(str, sorted(near)))}."
        )
    if config.pad_token_id is not None and not _is_integer(config.pad_token_id, 0):
        problems.append(
            f"`pad_token_id` must be None or an integer >= 0: got {shown(config.pad_token_id)}."
        )
    if not problems:
        try:
            pruned_by_layer(config.pruned_heads, n_layers=config.n_layers, n_heads=config.n_heads)
        except ValueError as error:
            problems.append(f"`pruned_heads` must name {error}.")
    is_classifier = head in ("sequence_classification", "token_classification")
    if is_classifier and sorted(config.id2label) != list(range(config.num_labels)):
        problems.append(
            f"`id2label` must name the classes 0 to {config.num_labels - 1}: got the numbers "
            f"{', '.join(map(str, config.id2label))}. Pass `id2label` with a name for each class."
        )
    if head == "question_answering" and config.num_labels != 2:
        problems.append(
            f"`num_labels` must be 2 (start and end) for question answering: "
            f"got {config.num_labels}."
        )
    if problems:
        raise ConfigError(" ".join(problems))


def check_activation(activation: str | Callable[..., Any]) -> None:
    """Raise ActivationError for an unknown name, and for what is neither a name nor a function."""
    is_known = activation in ACTIVATIONS if isinstance(activation, str) else callable(activation)
    if not is_known:
        known = ", ".join(ACTIVATIONS)
        raise ActivationError(
            f"`activation` must be a callable or one of {known}: got {shown(activation)}."
        )


def find_activation(functions: Mapping[str, Function], activation: str | Function) -> Function:
    """The function of a config's `activation` in a framework's table; a callable is returned as is.

    Raises:
        ActivationError: an unknown name.
    """
    check_activation(activation)
    if not isinstance(activation, str):
        return activation
    return functions[ACTIVATION_ALIASES.get(activation, activation)]


def _divisors(number: int) -> set[int]:
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return {*small, *(number // n for n in small)}


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
