"""TensorFlow and Flax against our own PyTorch and keras-hub: base size, B=8, S=128, same weights.

    python benchmarks/bench_frameworks.py [--rounds 7] [--batch 8] [--length 128] [--only flax]

Six comparisons with our torch eager: TensorFlow `predict_on_batch`, `fit` step (plain and with
`jit_compile=True`), Flax jitted forward and gradient; two with keras-hub's DistilBERT: forward
and one training step. Outputs are compared before anything is timed. Needs the dev
extra and keras-hub. Writes benchmarks/results/bench_frameworks.json.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from in_turns import Comparison, compare, seconds, versions, write_results

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

HEAD = "sequence_classification"
CLASS = "DistilBertForSequenceClassification"
LEARNING_RATE = 1e-5
# The ratios to reach against torch eager (a framework may be 15 % slower) and keras-hub.
TORCH_BAR, KERAS_HUB_BAR = 1 / 1.15, 1.0
# For float32 logits of two implementations of one model.
TOLERANCE = 2e-4


def make_checkpoint(folder: Path) -> Any:
    """A base model with initial weights and no dropout, so that losses can be compared."""
    from distilbert import DistilBertConfig
    from distilbert.checkpoint.folder import save_checkpoint
    from distilbert.checkpoint.init import initial_weights

    rates = ("dropout", "attention_dropout", "seq_classif_dropout")
    config = DistilBertConfig(**dict.fromkeys(rates, 0.0))
    save_checkpoint(folder, initial_weights(config, HEAD, 0), config, head=HEAD)
    return config


def make_batch(config: Any, size: int, length: int) -> dict[str, np.ndarray]:
    """Ids, a mask with a quarter of padding in the odd rows, labels."""
    generator = np.random.default_rng(0)
    mask = np.ones((size, length), np.int32)
    mask[1::2, length - length // 4 :] = 0
    ids = generator.integers(1, config.vocab_size, (size, length), dtype=np.int32)
    labels = generator.integers(0, 2, size, dtype=np.int32)
    return {"input_ids": ids * mask, "attention_mask": mask, "labels": labels}


class Torch:
    """Our PyTorch model, eager: the others are compared with it."""

    def __init__(self, folder: Path, batch: dict[str, np.ndarray]) -> None:
        import torch

        import distilbert

        self.torch = torch
        self.model = getattr(distilbert, CLASS).from_pretrained(folder)
        self.batch = {name: torch.from_numpy(value).long() for name, value in batch.items()}
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE)

    def forward(self) -> np.ndarray:
        with self.torch.inference_mode():
            inputs = {name: self.batch[name] for name in ("input_ids", "attention_mask")}
            return self.model(**inputs).logits.numpy()

    def gradient(self) -> float:
        self.optimizer.zero_grad()
        loss = self.model(**self.batch).loss
        loss.backward()
        return loss.item()

    def step(self) -> float:
        loss = self.gradient()
        self.optimizer.step()
        return loss


class TensorFlow:
    """Our TensorFlow model with Keras' `predict_on_batch` and `train_on_batch`."""

    def __init__(self, folder: Path, batch: dict[str, np.ndarray], *, jit: bool) -> None:
        import keras

        import distilbert

        self.model = getattr(distilbert, "TF" + CLASS).from_pretrained(folder)
        optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=0.01)
        self.model.compile(optimizer=optimizer, jit_compile=jit)
        self.inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        self.batch = batch

    def forward(self) -> np.ndarray:
        return np.asarray(self.model.predict_on_batch(self.inputs)["logits"])

    def step(self) -> float:
        return float(np.mean(self.model.train_on_batch(self.batch)))


class Flax:
    """Our Flax model, jitted."""

    def __init__(self, folder: Path, batch: dict[str, np.ndarray]) -> None:
        import jax
        import jax.numpy as jnp

        import distilbert
        from distilbert.flax.losses import sequence_loss

        model = getattr(distilbert, "Flax" + CLASS).from_pretrained(folder)
        self.jax, self.params = jax, model.params
        self.batch = {name: jnp.asarray(value) for name, value in batch.items()}

        def logits(params: Any, batch: Any) -> Any:
            return model(batch["input_ids"], batch["attention_mask"], params=params).logits

        def loss(params: Any, batch: Any) -> Any:
            return sequence_loss(logits(params, batch), batch["labels"], problem_type=None)

        self._forward, self._gradient = jax.jit(logits), jax.jit(jax.value_and_grad(loss))

    def forward(self) -> np.ndarray:
        return np.asarray(self._forward(self.params, self.batch))

    def gradient(self) -> float:
        loss, gradient = self.jax.block_until_ready(self._gradient(self.params, self.batch))
        del gradient
        return float(loss)


class KerasHub:
    """keras-hub's DistilBERT classifier with the same weights."""

    def __init__(self, folder: Path, batch: dict[str, np.ndarray], config: Any) -> None:
        import keras
        import keras_hub

        backbone = keras_hub.models.DistilBertBackbone(
            vocabulary_size=config.vocab_size,
            num_layers=config.n_layers,
            num_heads=config.n_heads,
            hidden_dim=config.dim,
            intermediate_dim=config.hidden_dim,
            dropout=0.0,
            max_sequence_length=config.max_position_embeddings,
        )
        self.model = keras_hub.models.DistilBertTextClassifier(
            backbone, num_classes=2, hidden_dim=config.dim, dropout=0.0
        )
        self._load(folder, config)
        self.model.compile(
            optimizer=keras.optimizers.AdamW(LEARNING_RATE, weight_decay=0.01),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
        self.inputs = {"token_ids": batch["input_ids"], "padding_mask": batch["attention_mask"]}
        self.labels = batch["labels"]

    def _load(self, folder: Path, config: Any) -> None:
        from distilbert.checkpoint.folder import open_checkpoint

        arrays = open_checkpoint(folder)
        stems = ["embeddings.word_embeddings", "embeddings.position_embeddings"]
        names = [f"distilbert.{stem}.weight" for stem in stems]
        rest = ["distilbert.embeddings.LayerNorm"]
        for layer in range(config.n_layers):
            block = f"distilbert.transformer.layer.{layer}"
            rest += [f"{block}.attention.{part}_lin" for part in ("q", "k", "v", "out")]
            rest += [f"{block}.sa_layer_norm", f"{block}.output_layer_norm"]
            rest += [f"{block}.ffn.lin1", f"{block}.ffn.lin2"]
        rest += ["pre_classifier", "classifier"]
        names += [f"{stem}.{leaf}" for stem in rest for leaf in ("weight", "bias")]
        for variable, name in zip(self.model.weights, names, strict=True):
            array = arrays[name]
            is_matrix = array.ndim == 2 and "_embeddings" not in name
            variable.assign((array.T if is_matrix else array).reshape(variable.shape))

    def forward(self) -> np.ndarray:
        return np.asarray(self.model.predict_on_batch(self.inputs))

    def step(self) -> float:
        return float(np.mean(self.model.train_on_batch(self.inputs, self.labels)))


def agree(what: str, one: Any, other: Any) -> None:
    """Raise unless both sides compute the same."""
    np.testing.assert_allclose(one, other, atol=TOLERANCE, err_msg=what)


def timed(call: Callable[[], object]) -> Callable[[], float]:
    return lambda: seconds(call)


def against_torch(torch: Torch, frameworks: list[tuple[str, Any]], rounds: int) -> list[Comparison]:
    """Forward and training of each framework against our PyTorch."""
    results = []
    for name, framework in frameworks:
        agree(name, framework.forward(), torch.forward())
        mine, theirs = framework.forward, torch.forward
        what = f"{name} forward against torch eager"
        results.append(compare(what, timed(mine), timed(theirs), rounds=rounds, bar=TORCH_BAR))
    for name, framework in frameworks:
        kind = "step" if hasattr(framework, "step") else "gradient"
        mine, theirs = getattr(framework, kind), getattr(torch, kind)
        what = f"{name} {kind} against torch eager"
        results.append(compare(what, timed(mine), timed(theirs), rounds=rounds, bar=TORCH_BAR))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--only", choices=["tensorflow", "flax", "keras-hub"])
    chosen = parser.parse_args()
    results: list[Comparison] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "base"
        config = make_checkpoint(folder)
        batch = make_batch(config, chosen.batch, chosen.length)
        if chosen.only in (None, "tensorflow"):
            frameworks: list[tuple[str, Any]] = [
                ("TensorFlow", TensorFlow(folder, batch, jit=False)),
                ("TensorFlow with XLA", TensorFlow(folder, batch, jit=True)),
            ]
            results += against_torch(Torch(folder, batch), frameworks, chosen.rounds)
        if chosen.only in (None, "flax"):
            frameworks = [("Flax jit", Flax(folder, batch))]
            results += against_torch(Torch(folder, batch), frameworks, chosen.rounds)
        if chosen.only in (None, "keras-hub"):
            ours, peer = TensorFlow(folder, batch, jit=False), KerasHub(folder, batch, config)
            agree("keras-hub", ours.forward(), peer.forward())
            for kind in ("forward", "step"):
                mine, theirs = getattr(ours, kind), getattr(peer, kind)
                what = f"TensorFlow {kind} against keras-hub"
                results.append(
                    compare(
                        what, timed(mine), timed(theirs), rounds=chosen.rounds, bar=KERAS_HUB_BAR
                    )
                )
    if chosen.only is None:
        extra = versions("tensorflow", "keras", "jax", "flax", "keras-hub")
        shape = {"batch": chosen.batch, "length": chosen.length}
        print(write_results("bench_frameworks", results, peers=extra, **shape))


if __name__ == "__main__":
    main()
