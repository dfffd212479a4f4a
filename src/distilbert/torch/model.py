"""The DistilBERT encoder: embeddings, blocks of attention and feed-forward, and the base model.

Parameter names are those of `distilbert.checkpoint.spec`. Loading, saving and resizing are in
`pretrained.py`, the implementations of attention in `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu
from torch.utils.checkpoint import checkpoint

from distilbert.checkpoint.spec import attention_width, pruned_in
from distilbert.config import DistilBertConfig
from distilbert.heads import LAYER_NORM_EPS
from distilbert.input_checks import (
    check_axes,
    check_ids,
    check_ids_or_embeddings,
    check_length,
    check_mask,
    check_position_range,
    check_positions,
    check_tensors,
    has_warned_of_padding,
    page_signature,
    warn_of_unmasked_padding,
)
from distilbert.outputs import BaseModelOutput
from distilbert.torch.activations import activation_function
from distilbert.torch.attention import attend, check_implementation
from distilbert.torch.compiling import after_attention
from distilbert.torch.dropout import Dropout
from distilbert.torch.packed_attention import attend_packed
from distilbert.torch.packing import Packing
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.trees import register_outputs
from distilbert.torch.weights import deferred_init

register_outputs()

INPUTS = ("input_ids", "attention_mask", "head_mask", "inputs_embeds", "position_ids")


class Embeddings(nn.Module):
    """Word plus position embeddings, normalised. There are no token types."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        pad = config.pad_token_id
        self.word_embeddings = _embedding(
            config.vocab_size,
            config.dim,
            padding_idx=pad if pad is not None and pad < config.vocab_size else None,
        )
        self.position_embeddings = _embedding(config.max_position_embeddings, config.dim)
        if config.sinusoidal_pos_embds:
            self.position_embeddings.weight.requires_grad_(False)
        self.LayerNorm = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(config.dropout)

    def forward(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Embed ids (B, S), or take ready word embeddings (B, S, D); returns (B, S, D).

        `positions` are (S,), (1, S) or (B, S); by default tokens are counted from 0.

        Raises:
            InputError: both or neither are given, or not in a batch.
            TokenIdError: the sequence is longer than the position table, or (on a CPU, where the
                kernel checks it) an id or a position is outside its table.
        """
        check_ids_or_embeddings(
            has_ids=input_ids is not None, has_embeddings=inputs_embeds is not None
        )
        given: Any = input_ids if inputs_embeds is None else inputs_embeds
        check_axes(given.shape, 2, is_ids=inputs_embeds is None)
        words = self._words(input_ids) if inputs_embeds is None else inputs_embeds
        if positions is None:
            length = words.shape[1]
            if not _is_traced():
                check_length(length, self.position_embeddings.num_embeddings)
            positions = torch.arange(length, device=words.device)
        elif not _is_traced():
            check_positions(positions.shape, *words.shape[:2])
        x = words + self._positions(positions)  # (B, S, D)
        return self.dropout(self.LayerNorm(x))

    def _positions(self, positions: Tensor) -> Tensor:
        try:
            return self.position_embeddings(positions)
        except IndexError:  # as for words
            lowest, highest = (int(end) for end in positions.aminmax())
            check_position_range(lowest, highest, self.position_embeddings.num_embeddings)
            raise

    def _words(self, input_ids: Any) -> Tensor:
        try:
            return self.word_embeddings(input_ids)
        except IndexError:  # the kernel for CPUs checks every id
            lowest, highest = (int(end) for end in input_ids.aminmax())
            check_ids(lowest, highest, self.word_embeddings.num_embeddings)
            raise


def _embedding(n_rows: int, dim: int, *, padding_idx: int | None = None) -> nn.Embedding:
    """An embedding without PyTorch's initial values.

    Drawing them on the meta device makes PyTorch import its compiler, which takes longer than
    everything else between the start of a process and a loaded model.
    """
    weight = torch.empty(n_rows, dim)
    return nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=padding_idx)


class SelfAttention(nn.Module):
    """Multi-head self-attention of one block; `config.pruned_heads` are left out."""

    def __init__(self, config: DistilBertConfig, layer: int) -> None:
        super().__init__()
        width = attention_width(config, layer)
        self.head_size = config.dim // config.n_heads
        self.n_heads = width // self.head_size
        self.dim = width
        self.pruned_heads = pruned_in(config, layer)
        self.implementation = check_implementation(config._attn_implementation)
        self.dropout = nn.Dropout(config.attention_dropout)
        self.q_lin = nn.Linear(config.dim, width)
        self.k_lin = nn.Linear(config.dim, width)
        self.v_lin = nn.Linear(config.dim, width)
        self.out_lin = nn.Linear(width, config.dim)

    def forward(
        self,
        x: Tensor,
        visible: Tensor | Packing | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
        first_only: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend within x (B, S, D), or within each sequence of a packed x (1, T, D).

        Returns the same shape, and the probabilities (B, H, S, S) or None: of a packed x always
        None. `first_only` computes only the first token of each sequence: (B, 1, D), or (1, B, D).
        """
        dropout = self.dropout.p if self.training else 0.0
        if isinstance(visible, Packing):
            queries = self.q_lin(visible.first_tokens(x) if first_only else x)
            context = attend_packed(
                *(queries, self.k_lin(x), self.v_lin(x)),
                packing=visible,
                first_only=first_only,
                head_size=self.head_size,
                dropout=dropout,
                implementation=self.implementation,
            )
            return self.out_lin(context), None
        queries = self.q_lin(x[:, :1] if first_only else x)
        context, probabilities = attend(
            *(self._split(each) for each in (queries, self.k_lin(x), self.v_lin(x))),
            visible=visible,
            head_mask=head_mask,
            dropout=dropout,
            implementation=self.implementation,
            return_probabilities=output_attentions,
        )
        return self.out_lin(context.transpose(1, 2).flatten(2)), probabilities  # (B, S, D)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.n_heads, self.head_size)).transpose(1, 2)  # (B, H, S, K)


class FeedForward(nn.Module):
    """Two linear layers with an activation between; `chunk_size` positions at a time."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.chunk_size = config.chunk_size_feed_forward
        self.dropout = Dropout(config.dropout)
        self.lin1 = nn.Linear(config.dim, config.hidden_dim)
        self.lin2 = nn.Linear(config.hidden_dim, config.dim)
        self.activation = activation_function(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Transform every position of x (B, S, D) separately."""
        if not self.chunk_size:
            return self._transform(x)
        # The last chunk may be shorter, so any length works, unlike in the reference.
        return torch.cat([self._transform(part) for part in x.split(self.chunk_size, 1)], 1)

    def _transform(self, x: Tensor) -> Tensor:
        return self.dropout(self.lin2(self.activation(self.lin1(x))))  # D -> F -> D


class Block(nn.Module):
    """Attention and feed-forward, each added to its input and then normalised."""

    def __init__(self, config: DistilBertConfig, layer: int) -> None:
        super().__init__()
        self.attention = SelfAttention(config, layer)
        self.sa_layer_norm = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
        self.ffn = FeedForward(config)
        self.output_layer_norm = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
        self.is_compiled = False

    def forward(
        self,
        x: Tensor,
        visible: Tensor | Packing | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
        first_only: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Transform x (B, S, D); returns the same shape, and the probabilities or None.

        `first_only` computes only the first token of each sequence, as attention does.
        """
        attended, probabilities = self.attention(
            x, visible, head_mask, output_attentions, first_only
        )
        if first_only:
            x = visible.first_tokens(x) if isinstance(visible, Packing) else x[:, :1]
        return after_attention(self, attended, x), probabilities


class Transformer(nn.Module):
    """The blocks, one after the other."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.gradient_checkpointing = False
        self.checkpoint_options: dict[str, Any] = {}
        self.checkpoint_every = 1
        self.offloads = False

    def forward(
        self,
        x: Tensor,
        visible: Tensor | Packing | None,
        head_mask: Sequence[Tensor | None] | Tensor,
        output_attentions: bool,
        output_hidden_states: bool,
        first_only: bool = False,
    ) -> BaseModelOutput:
        """All blocks over x (B, S, D), the last one as `Block.forward` with `first_only`."""
        hidden_states = [x]
        attentions: list[Tensor | None] = []
        for index, block in enumerate(self.layer):
            only = first_only and index == len(self.layer) - 1
            arguments = (x, visible, head_mask[index], output_attentions, only)
            if self.gradient_checkpointing and self.training and index % self.checkpoint_every == 0:
                with save_on_cpu() if self.offloads else nullcontext():
                    x, probabilities = checkpoint(block, *arguments, **self.checkpoint_options)
            else:
                x, probabilities = block(*arguments)
            hidden_states.append(x)
            attentions.append(probabilities)
        return BaseModelOutput(
            last_hidden_state=x,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


class DistilBertModel(PreTrainedModel):
    """The bare encoder: token ids in, one vector per token out."""

    head = "base"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        with deferred_init():
            self.embeddings = Embeddings(config)
            self.transformer = Transformer(config)
        self.materialize()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        position_ids: Tensor | None = None,
    ) -> BaseModelOutput | tuple[Any, ...]:
        """Encode a batch.

        Args:
            input_ids: integers (B, S).
            attention_mask: (B, S), any numeric type; 0 hides a token, any other value does not.
            head_mask: (H,) or (L, H) factors of the attention probabilities.
            inputs_embeds: (B, S, D) word embeddings, instead of `input_ids`.
            output_attentions, output_hidden_states, return_dict: by default as in the config.
            position_ids: integers (S,), (1, S) or (B, S), for rows that do not count from 0.

        Raises:
            InputError: both or neither of ids and embeddings, or a mask of another size; something
                that is not a tensor.
            TokenIdError: the sequence is too long, or (on a CPU) an id or a position is outside its
                table.
        """
        check_given(input_ids, attention_mask, head_mask, inputs_embeds, position_ids)
        config = self.config
        if output_attentions is None:
            output_attentions = config.output_attentions
        if output_hidden_states is None:
            output_hidden_states = config.output_hidden_states
        if attention_mask is None and input_ids is not None:
            _note_unmasked_padding(input_ids, config.pad_token_id)
        x = self.embeddings(input_ids, inputs_embeds, position_ids)
        output = self.transformer(
            x,
            _visible_keys(attention_mask, x),
            self.get_head_mask(head_mask, config.n_layers),
            output_attentions,
            output_hidden_states,
        )
        return self.format_output(output, return_dict)

    # Tools see the reference's signature; the call also takes `position_ids`.
    forward.__signature__ = page_signature(forward, "position_ids")  # pyright: ignore[reportFunctionMemberAccess]

    def encode_first(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last hidden state (B, 1, D) of the first token of each sequence, as of `forward`.

        Padding is not computed, and of the last block only these tokens.
        """
        x, packing = self._embed_packed(input_ids, attention_mask)  # (1, T, D)
        n_layers = len(self.transformer.layer)
        if not n_layers:  # a user may have removed some
            return packing.unpack_first(packing.first_tokens(x))
        output = self.transformer(x, packing, [None] * n_layers, False, False, first_only=True)
        return packing.unpack_first(output.last_hidden_state)

    def encode_packed(
        self, input_ids: Tensor, attention_mask: Tensor, *, output_hidden_states: bool = False
    ) -> tuple[BaseModelOutput, Packing]:
        """The hidden states (1, T, D) of a packed batch, whose padding is never computed.

        Equal to those of `forward` at every visible token. `unpack` of the returned packing makes
        them (B, S, D), with zeros where `attention_mask` is 0.
        """
        x, packing = self._embed_packed(input_ids, attention_mask)
        head_mask = [None] * len(self.transformer.layer)
        output = self.transformer(x, packing, head_mask, False, output_hidden_states)
        return output, packing

    def _embed_packed(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Packing]:
        check_length(input_ids.shape[1], self.config.max_position_embeddings)
        packing = Packing.from_mask(attention_mask)
        x = self.embeddings(packing.pack(input_ids), positions=packing.positions)  # (1, T, D)
        return x, packing


def check_given(*inputs: Any, **labels: Any) -> None:
    """Raise InputError for inputs, in the order of `INPUTS`, and labels that are no tensors."""
    named = {**dict(zip(INPUTS, inputs, strict=True)), **labels}
    wrong = {n: x for n, x in named.items() if x is not None and not isinstance(x, Tensor)}
    if wrong:
        check_tensors(
            wrong, "Tokenize with `return_tensors='pt'`, or convert: `torch.tensor(...)`."
        )


def _visible_keys(attention_mask: Tensor | None, x: Tensor) -> Tensor | None:
    if attention_mask is None:
        return None
    rows, length = x.shape[:2]
    if not _is_traced():
        check_mask(attention_mask.shape, rows, length)
    return (attention_mask != 0).reshape(rows, 1, 1, length)


def _note_unmasked_padding(input_ids: Tensor, pad_token_id: int | None) -> None:
    """Warn of padding, except where reading the values would break a graph."""
    if torch.compiler.is_compiling() or _is_traced() or input_ids.is_meta:
        return
    if pad_token_id is None or has_warned_of_padding():
        return
    if bool((input_ids == pad_token_id).any()):
        warn_of_unmasked_padding()


def _is_traced() -> bool:
    """Whether `torch.jit.trace` is recording, which turns sizes into tensors."""
    return torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
