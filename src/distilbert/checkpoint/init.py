"""Initial weights as NumPy arrays, so that every framework starts from the same numbers.

Each tensor has a separate random stream, derived from the seed and the tensor's name without the
head's prefix: a base model and any head with the same seed share their encoder, in whatever order
they are created.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection

import numpy as np

from distilbert.checkpoint.spec import BASE_PREFIX, Parameter, parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig

# Wavelength base of the sinusoid table (Vaswani et al. 2017, section 3.5).
SINUSOID_BASE = 10000


def initial_weights(
    config: DistilBertConfig, head: str, seed: int, *, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Initial float32 parameters, all or those in `names`; tied ones are left out.

    The names may be those of a file, which has the base prefix under a head or has it not.

    Matrices and embeddings are normal with deviation `config.initializer_range`, biases and shifts
    0, scales 1, the padding row 0; sinusoidal positions hold their table.
    """
    tied = tied_parameters(config, head)
    bare = None if names is None else {name.removeprefix(BASE_PREFIX) for name in names}
    return {
        parameter.name: initial_parameter(parameter, config, seed)
        for parameter in parameter_spec(config, head)
        if parameter.name not in tied
        and (bare is None or parameter.name.removeprefix(BASE_PREFIX) in bare)
    }


def initial_parameter(parameter: Parameter, config: DistilBertConfig, seed: int) -> np.ndarray:
    """Initial float32 values of one parameter."""
    match parameter.kind:
        case "scale":
            return np.ones(parameter.shape, np.float32)
        case "bias" | "shift":
            return np.zeros(parameter.shape, np.float32)
        case "position" if config.sinusoidal_pos_embds:
            return sinusoid_table(*parameter.shape)
    stream = zlib.crc32(parameter.name.removeprefix(BASE_PREFIX).encode())
    values = np.random.default_rng((seed, stream)).standard_normal(parameter.shape, np.float32)
    values *= np.float32(config.initializer_range)
    pad = config.pad_token_id
    if parameter.kind == "word" and pad is not None and pad < parameter.shape[0]:
        values[pad] = 0.0
    return values


def sinusoid_table(n_positions: int, dim: int) -> np.ndarray:
    """Fixed positions (P, D), float32: sine in even columns, cosine in odd ones.

    The angle of row p, column j is p / 10000^(2*floor(j/2)/D), computed in float64.
    """
    column = np.arange(dim)
    angle = np.arange(n_positions)[:, None] / SINUSOID_BASE ** (2 * (column // 2) / dim)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)
