"""Changes the number of words or positions of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F

from distilbert.checkpoint.resizing import resized_rows
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.config import DistilBertConfig
from distilbert.input_checks import check_size, new_vocab_size
from distilbert.torch.weights import draw_seed, to_array, to_tensor

if TYPE_CHECKING:
    from distilbert.torch.pretrained import PreTrainedModel


def resize_token_embeddings(
    model: PreTrainedModel,
    new_num_tokens: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> nn.Embedding:
    """Set the number of words and return the word embedding; old rows are kept.

    Raises:
        InputError: the size is not a positive integer.
    """
    embedding = model.get_input_embeddings()
    old_size = embedding.num_embeddings
    size = new_vocab_size(
        old_size, new_num_tokens=new_num_tokens, pad_to_multiple_of=pad_to_multiple_of
    )
    if size == old_size:
        return embedding
    _resize_rows(embedding, size, model.config, name=WORD_EMBEDDINGS)
    embedding.num_embeddings = size
    if embedding.padding_idx is not None and embedding.padding_idx >= size:
        embedding.padding_idx = None
    projector = model.get_output_embeddings()
    if projector is not None and not model.config.tie_word_embeddings:
        _resize_rows(projector, size, model.config, name=TIED_PROJECTOR)
        fit_bias(projector, size)
        projector.out_features = size
    model.config.vocab_size = size
    model.tie_weights()  # which resizes a tied projection
    return embedding


def resize_position_embeddings(model: PreTrainedModel, new_num_position_embeddings: int) -> None:
    """Set the maximum length; learned rows are kept, sinusoidal ones are computed.

    Raises:
        InputError: the size is not a positive integer.
    """
    size = new_num_position_embeddings
    check_size("new_num_position_embeddings", size)
    embedding = model.get_position_embeddings()
    if size == embedding.num_embeddings:
        return
    _resize_rows(embedding, size, model.config, name=POSITION_EMBEDDINGS)
    embedding.num_embeddings = size
    model.config.max_position_embeddings = size


def _resize_rows(
    layer: nn.Embedding | nn.Linear, size: int, config: DistilBertConfig, *, name: str
) -> None:
    old = layer.weight
    rows = to_tensor(resized_rows(to_array(old), size, config, name, seed=draw_seed))
    layer.weight = nn.Parameter(rows.to(old.device), requires_grad=old.requires_grad)


def fit_bias(projector: nn.Linear, size: int) -> None:
    """Cut the bias of the projection to `size` entries, or pad it with zeros."""
    old = projector.bias
    if old is not None and len(old) != size:
        bias = F.pad(old.detach(), (0, size - len(old)))  # negative padding cuts
        projector.bias = nn.Parameter(bias, requires_grad=old.requires_grad)
