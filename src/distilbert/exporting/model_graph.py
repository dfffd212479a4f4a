"""DistilBERT as an ONNX graph, built from the arrays of a checkpoint.

Tokens are rows, (T, D) with T = B * S, except inside attention: each linear layer is then one Gemm
that takes the matrix in the orientation of the checkpoint, with its bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.checkpoint.spec import (
    BASE_PREFIX,
    POSITION_EMBEDDINGS,
    TIED_PROJECTOR,
    WORD_EMBEDDINGS,
    attention_width,
    tied_parameters,
)
from distilbert.config import DistilBertConfig
from distilbert.exporting.graph import Graph
from distilbert.exporting.operators import activate, attend, attention_bias, normalize, pool
from distilbert.heads import HEADS, LAYER_NORM_EPS
from distilbert.input_checks import RUNNER_INPUTS, WANTED_INPUT

# The axes of any size, by the names that other exporters give them.
DYNAMIC_AXES = {"B": "batch_size", "C": "num_choices", "S": "sequence_length"}
SENTENCE_OUTPUT = "sentence_embedding"


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """How a graph is built.

    `storage` is the type of the weights in the file, float32 or float16; all computation is in
    float32. `pooling`, for a base model, adds an output with one vector per text. `sizes` are those
    of the axes of `DYNAMIC_AXES`, for a graph of one size.
    """

    opset: int
    storage: str = "float32"
    pooling: str | None = None
    normalize: bool = False
    sizes: Mapping[str, int] | None = None


def build_graph(
    arrays: Mapping[str, np.ndarray], config: DistilBertConfig, head: str, options: GraphOptions
) -> Graph:
    """The graph of a model with `head`.

    Inputs are `input_ids` and `attention_mask`, int64 of any batch and length up to
    `max_position_embeddings`; outputs are those of `distilbert.heads`, float32. A masked-LM graph
    has the optional input `WANTED_INPUT`: logits are (1, P, V) where it is given.

    Args:
        arrays: every parameter of `distilbert.checkpoint.spec`; tied ones may be missing.
    """
    return _Builder(arrays, config, head, options).build()


class _Builder:
    def __init__(
        self, arrays: Mapping[str, np.ndarray], config: DistilBertConfig, head: str, options: Any
    ) -> None:
        self.arrays, self.config, self.head, self.options = arrays, config, head, options
        self.graph = Graph(options.opset)
        self.prefix = "" if head == "base" else BASE_PREFIX
        self.storage = np.dtype(options.storage)
        self.sizes: Mapping[str, int | str] = options.sizes or DYNAMIC_AXES

    def build(self) -> Graph:
        graph, facts = self.graph, HEADS[self.head]
        axes = [self.sizes[axis] for axis in facts.input_axes]
        graph.inputs = dict.fromkeys(RUNNER_INPUTS, (np.int64, axes))
        ids, mask = RUNNER_INPUTS
        if self.head == "multiple_choice":  # choices as rows
            length = graph.add("Shape", ids, start=2)
            rows = graph.add("Concat", graph.axes(-1), length, axis=0)
            ids, mask = (graph.add("Reshape", x, rows) for x in (ids, mask))
        self.shape = graph.add("Concat", graph.add("Shape", ids), graph.axes(-1), axis=0)
        self.visible = graph.add("Cast", mask, to=_type(np.bool_))  # 0 hides a token
        x = self._rows(self._embeddings(ids))
        bias = attention_bias(graph, self.visible)
        last = self.config.n_layers - 1
        for layer in range(last + 1):
            x = self._block(layer, x, bias, is_last=layer == last)
        if last < 0:
            x = self._first(x) if facts.reads_first_token else self._wanted(x)
        self._head(x)
        return graph

    def _embeddings(self, ids: str) -> str:
        """Words and positions, (B, S, D). Only the rows that are read become float32."""
        graph = self.graph
        words = graph.add("Gather", self._stored(self.prefix + WORD_EMBEDDINGS), ids)
        length = graph.add("Shape", ids, start=1)
        table = self._stored(self.prefix + POSITION_EMBEDDINGS)
        positions = graph.add("Slice", table, graph.axes(0), length, graph.axes(0))
        x = graph.add("Add", self._float(words), self._float(positions))
        return self._norm(f"{self.prefix}embeddings.LayerNorm", x)

    def _block(self, layer: int, x: str, bias: str, *, is_last: bool) -> str:
        """One block over rows (T, D); the last computes only the rows that the head reads."""
        graph, block = self.graph, f"{self.prefix}transformer.layer.{layer}"
        kept = self._first(x) if is_last and HEADS[self.head].reads_first_token else x
        attended = self._attention(layer, f"{block}.attention", x, kept, bias)
        x = self._norm(f"{block}.sa_layer_norm", graph.add("Add", attended, kept))
        x = self._wanted(x) if is_last else x
        inner = activate(graph, self._linear(f"{block}.ffn.lin1", x), str(self.config.activation))
        outer = self._linear(f"{block}.ffn.lin2", inner)
        return self._norm(f"{block}.output_layer_norm", graph.add("Add", outer, x))

    def _attention(self, layer: int, name: str, x: str, kept: str, bias: str) -> str:
        graph, width = self.graph, attention_width(self.config, layer)
        if not width:  # every head is pruned: nothing but the bias of the output is left
            return self._weight(f"{name}.out_lin.bias")
        if kept == x:
            parts = self._joined(name, ("q_lin", "k_lin", "v_lin"), x)
        else:
            shape = graph.axes(-1, 1, width)
            query = graph.add("Reshape", self._linear(f"{name}.q_lin", kept), shape)
            parts = (query, *self._joined(name, ("k_lin", "v_lin"), x))
        head_size = self.config.dim // self.config.n_heads
        sizes = {"n_heads": width // head_size, "head_size": head_size}
        context = attend(graph, *parts, bias=bias, **sizes)
        return self._linear(f"{name}.out_lin", graph.reshape(context, -1, width))

    def _joined(self, name: str, parts: tuple[str, ...], x: str) -> tuple[str, ...]:
        """Several linear layers of the same rows as one product: (B, S, W) of each."""
        stems = [f"{name}.{part}" for part in parts]
        joined = f"{name}.{'_'.join(part.removesuffix('_lin') for part in parts)}_lin"
        for leaf in ("weight", "bias"):
            together = np.concatenate([self.arrays[f"{stem}.{leaf}"] for stem in stems])
            self._store(f"{joined}.{leaf}", together)
        product = self.graph.add("Reshape", self._linear(joined, x), self.shape)
        return self.graph.add_many(
            "Split", product, n_outputs=len(parts), axis=-1, num_outputs=len(parts)
        )

    def _head(self, x: str) -> None:
        """From the rows of hidden states, or of first tokens, to the outputs."""
        match self.head:
            case "base":
                states = self._unflat(x)
                self._output("last_hidden_state", states)
                self._sentence_output(states)
            case "masked_lm":
                hidden = activate(
                    self.graph, self._linear("vocab_transform", x), str(self.config.activation)
                )
                hidden = self._norm("vocab_layer_norm", hidden)
                tied = tied_parameters(self.config, self.head)
                table = tied.get(TIED_PROJECTOR, TIED_PROJECTOR)
                self._output("logits", self._unflat(self._linear("vocab_projector", hidden, table)))
            case "sequence_classification" | "multiple_choice":
                hidden = self.graph.add("Relu", self._linear("pre_classifier", x))
                logits = self._linear("classifier", hidden)
                if self.head == "multiple_choice":
                    rows = self.graph.add("Shape", "input_ids", start=0, end=2)
                    logits = self.graph.add("Reshape", logits, rows)  # (B, C)
                self._output("logits", logits)
            case "token_classification":
                self._output("logits", self._unflat(self._linear("classifier", x)))
            case "question_answering":
                logits = self._unflat(self._linear("qa_outputs", x))  # (B, S, 2)
                for i, name in enumerate(HEADS[self.head].outputs):
                    index = self.graph.constant(i, np.int64)
                    self._output(name, self.graph.add("Gather", logits, index, axis=2))

    def _wanted(self, x: str) -> str:
        """Of a masked LM the rows of the wanted tokens, all by default; `self.shape` is theirs."""
        graph = self.graph
        if (
            self.head != "masked_lm" or self.options.sizes
        ):  # devices with fixed sizes take no others
            return x
        graph.inputs[WANTED_INPUT] = (np.bool_, [self.sizes[axis] for axis in ("B", "S")])
        graph.constants[WANTED_INPUT] = np.ones((1, 1), np.bool_)  # makes the input optional
        sizes = graph.add("Shape", "input_ids")
        wanted = graph.reshape(graph.add("Expand", WANTED_INPUT, sizes), -1)  # (T,)
        numbers = graph.reshape(graph.add("NonZero", wanted), -1)  # (P,)
        n_wanted, n_tokens = (graph.add("Shape", one) for one in (numbers, wanted))
        few = graph.add("Concat", graph.axes(1), n_wanted, axis=0)
        lead = graph.add("Where", graph.add("Equal", n_wanted, n_tokens), sizes, few)
        self.shape = graph.add("Concat", lead, graph.axes(-1), axis=0)
        return graph.add("Gather", x, numbers, axis=0)  # (P, D)

    def _sentence_output(self, states: str) -> None:
        if self.options.pooling is None:
            return
        vectors = pool(self.graph, states, self.visible, self.options.pooling)
        if self.options.normalize:
            vectors = normalize(self.graph, vectors)
        axes = (self.sizes["B"], self.config.dim)
        self.graph.output(SENTENCE_OUTPUT, vectors, np.float32, axes)

    def _output(self, name: str, value: str) -> None:
        config = self.config
        sizes = {"D": config.dim, "V": config.vocab_size, "N": config.num_labels, **self.sizes}
        axes = [sizes[axis] for axis in HEADS[self.head].outputs[name]]
        self.graph.output(name, value, np.float32, axes)

    def _rows(self, x: str) -> str:
        return self.graph.reshape(x, -1, self.config.dim)  # (T, D)

    def _unflat(self, x: str) -> str:
        return self.graph.add("Reshape", x, self.shape)  # (B, S, D)

    def _first(self, x: str) -> str:
        """The first token of each text, (B, D)."""
        return self.graph.add("Gather", self._unflat(x), self.graph.constant(0, np.int64), axis=1)

    def _linear(self, name: str, x: str, matrix: str | None = None) -> str:
        weight = self._weight(matrix or f"{name}.weight")
        return self.graph.add("Gemm", x, weight, self._weight(f"{name}.bias"), transB=1)

    def _norm(self, name: str, x: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self.graph.add(
            "LayerNormalization", x, scale, shift, axis=-1, epsilon=LAYER_NORM_EPS
        )

    def _weight(self, name: str) -> str:
        """A parameter as float32; a runtime converts stored float16 once, while it loads."""
        return self._float(self._stored(name))

    def _stored(self, name: str) -> str:
        if name not in self.graph.constants:
            self._store(name, self.arrays[name])
        return name

    def _store(self, name: str, array: np.ndarray) -> None:
        self.graph.constants[name] = np.ascontiguousarray(array.astype(self.storage, copy=False))

    def _float(self, value: str) -> str:
        if self.storage == np.float32:
            return value
        return self.graph.add("Cast", value, to=_type(np.float32))


def _type(dtype: Any) -> int:
    """The number of an element type in ONNX (`TensorProto.DataType`)."""
    return {np.bool_: 9, np.float32: 1}[dtype]
