"""What a distillation is assembled from: a teacher and a corpus to student, objective and feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from distilbert._lazy import require_framework
from distilbert.checkpoint.bert_folder import carried_files
from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.spec import BASE_PREFIX
from distilbert.checkpoint.student import Student, TeacherWeights, read_teacher, student_of
from distilbert.checkpoint.trimming import with_tokens
from distilbert.data.corpus_files import Corpus
from distilbert.data.rows import Row
from distilbert.distilling.batches import HELD_OUT, MaskedBatches
from distilbert.distilling.card import MASK_PROBABILITY, AdaptCard, DistillCard
from distilbert.distilling.teacher_cache import HIDDEN, KEPT, cache_of
from distilbert.errors import InputError, RunCardError
from distilbert.heads import HEADS
from distilbert.opening import FoundModel, framework_module, tokenizer_of
from distilbert.runner import Runner
from distilbert.tasks.masked_lm.corpus import CorpusOptions, open_or_build_corpus
from distilbert.tokenization.identity import tokenizer_digest
from distilbert.tokenization.trimming import check_size, kept_ids, trimmed
from distilbert.training.feed import Feed
from distilbert.training.identity import card_identity, model_identity
from distilbert.training.objective import LOSS, DistillationSettings, TrainerSettings
from distilbert.training.session import Trainer

FRAMEWORK = "torch"
# Sections and fields of a card that do not affect the weights; the corpus is compared by its hash.
NOT_DECISIVE = frozenset({"teacher", "output", "run", "data", "eval_batch_tokens", "cache_folder"})
# Losses that need the teacher's masked-LM head: its predictions, or a start for the student's head.
NEED_HEAD = ("kl_weight", "mlm_weight", "mse_weight")
# Padded tokens of a batch of held-out sequences.
HELD_OUT_TOKENS = 4096


@dataclass(frozen=True)
class Teacher:
    """A teacher's weights, its tokenizer, and the small files that its student gets too.

    `sizes` are those of all its parameters; `weights` may be for fewer tokens, see `with_ids`.
    """

    found: FoundModel
    weights: TeacherWeights
    tokenizer: Any
    files: dict[str, bytes]
    sizes: Mapping[str, int]

    @staticmethod
    def of(found: FoundModel) -> Teacher:
        """The teacher of a folder.

        Raises:
            CheckpointError: no such model or tokenizer there.
            InputError: the tokenizer has ids that the model does not, or the model is a file.
        """
        if found.folder.is_file():
            raise InputError(
                f"A model must be a folder with its config and tokenizer here: got the file "
                f"{found.name}."
            )
        weights = read_teacher(found.folder)
        files = carried_files(found.folder, weights.config.max_position_embeddings)
        tokenizer = tokenizer_of(files)
        if len(tokenizer) > weights.config.vocab_size:
            raise InputError(
                f"Tokenizer and teacher must have the same vocabulary: {found.name} has "
                f"{len(tokenizer)} tokens and embeddings for {weights.config.vocab_size}."
            )
        sizes = {name: int(array.size) for name, array in weights.arrays.items()}
        return Teacher(found, weights, tokenizer, files, sizes)

    def with_ids(self, ids: np.ndarray) -> Teacher:
        """The teacher of texts of some tokens alone, which are numbered in the order of `ids`."""
        weights, tokenizer = with_tokens(self.weights, ids), trimmed(self.tokenizer, ids)
        return replace(self, weights=weights, tokenizer=tokenizer)


@dataclass(frozen=True)
class Reading:
    """How texts are read, as `distilbert.data.sources.ReadOptions`."""

    data_format: str | None
    encoding: str
    column_names: tuple[str, ...]
    glue: None = None
    tokens: None = None
    tags: None = None


def losses_that_predict(card: DistillCard) -> list[str]:
    """The fields of the losses of a card that need a masked-LM head."""
    return [name for name in NEED_HEAD if getattr(card.losses, name)]


def need_of_head(wanted: Sequence[str]) -> str:
    """The rule that losses break which need a masked-LM head."""
    verb = "needs" if len(wanted) == 1 else "need"
    return f"`{'` and `'.join(wanted)}` {verb} a teacher with a trained masked-LM head"


def check_head(card: DistillCard, teacher: Teacher) -> None:
    """
    Raises:
        InputError: a loss needs the head of a teacher that has none.
    """
    wanted = losses_that_predict(card)
    if wanted and not teacher.weights.has_head and not isinstance(card, AdaptCard):
        raise InputError(
            f"{need_of_head(wanted)}: {teacher.found.name} has none. Train one with "
            f"`distilbert adapt`, or set {' and '.join(f'{name} = 0' for name in wanted)}."
        )


def with_fewer_tokens(
    card: DistillCard,
    teacher: Teacher,
    student: Student,
    progress: Callable[[int], object] | None = None,
    rows: Sequence[Row] | None = None,
) -> tuple[Teacher, Student]:
    """Both with the vocabulary that the card asks for; tokens of the texts are counted first.

    Raises:
        InputError: `vocab_size` is not possible.
    """
    size = card.student.vocab_size
    if size is None:
        return teacher, student
    check_size(teacher.tokenizer, size)
    counts = corpus_of(card, teacher, progress, rows).counts
    ids = kept_ids(teacher.tokenizer, counts, size)
    return teacher.with_ids(ids), with_tokens(student, ids)


def corpus_of(
    card: DistillCard,
    teacher: Teacher,
    progress: Callable[[int], object] | None = None,
    rows: Sequence[Row] | None = None,
) -> Corpus:
    """The corpus of a card, built if there is none yet; `progress` gets the tokens so far.

    `rows` were passed in Python and are read instead of what the card names.
    """
    data = card.data
    longest = teacher.weights.config.max_position_embeddings
    return open_or_build_corpus(
        data.train,
        teacher.tokenizer,
        folder=corpus_folder(card),
        data=Reading(data.data_format, data.encoding, data.column_names),
        options=CorpusOptions(
            max_length=min(data.max_length, longest),
            min_length=data.min_length,
            max_unknown=data.max_unknown,
            join_texts=data.join_texts,
            text=data.text,
            skip_bad_rows=data.skip_bad_rows,
        ),
        rows=rows,
        progress=progress,
    )


def corpus_folder(card: DistillCard) -> str:
    """The folder of tokenized texts that a card names, or the one next to its output."""
    return card.data.corpus or f"{card.output.rstrip('/')}-corpus"


def losses_of(card: DistillCard) -> list[str]:
    """The losses that a run with this card computes, the one that is minimized first."""
    ending = "_weight"
    weights = ((name, value) for name, value in card.losses if name.endswith(ending))
    return [LOSS, *(f"{name.removesuffix(ending)}_loss" for name, value in weights if value)]


def metric_of(card: DistillCard) -> str:
    """The score on held-out texts that chooses the best student, by default the loss.

    Raises:
        RunCardError: a run with this card has no such score.
    """
    losses = losses_of(card)
    scores = [*losses, *(["mlm_accuracy"] if "mlm_loss" in losses else [])]
    scores += ["agreement"] if {"kl_loss", "mse_loss"} & {*losses} else []
    chosen = card.evaluation.metric or LOSS
    if chosen not in scores:
        raise RunCardError(
            f"`metric` must be one of the scores of the run, {', '.join(scores)}: got {chosen!r}."
        )
    return chosen


class Distillation:
    """What a run is assembled from: student, objective, trainer, batches."""

    def __init__(
        self, card: DistillCard, teacher: Teacher, student: Student, corpus: Corpus
    ) -> None:
        self.card, self.teacher, self.student, self.corpus = card, teacher, student, corpus
        self.metric = metric_of(card)
        self.tokenizer = teacher.tokenizer
        self.head = "masked_lm" if self._predicts else "base"
        require_framework(FRAMEWORK, "distil a model")
        package = framework_module(FRAMEWORK, "train", "distil a model")
        request = request_of(student, self.head)
        model = package.starting_model(request, changes={}, seed=card.seed)
        self.n_parameters = sum(p.numel() for p in model.parameters())
        self._distillation = framework_module(FRAMEWORK, "distillation", "distil a model")
        held_out = min(card.data.max_held_out, max(1, round(card.data.held_out * len(corpus))))
        train, dev = corpus.split(held_out, seed=card.seed)
        self.train, self.dev = (self._batches(numbers) for numbers in (train, dev))
        sources = {
            "the corpus": corpus.info.content_hash,
            "the tokenizer": tokenizer_digest(self.tokenizer),
            **model_identity(teacher.found, "`teacher`"),
        }
        parent = teacher.weights.config
        sizes = {"dim": parent.dim, "vocab_size": parent.vocab_size}
        self.cache = cache_of(card, train=self.train, dev=self.dev, **sizes, teacher=sources)
        live = self._teacher_model() if self.cache is None else None
        self.objective = self._distillation.DistillationObjective(
            model, live, self._settings(), self.student.projection
        )
        self.trainer: Trainer = package.Trainer(model, self.objective, self._trainer_settings())
        self.feed = self._feed()
        # What must be equal for a run to be resumed from a checkpoint of another one.
        self.identity = {
            **card_identity(card, NOT_DECISIVE),
            "held_out": [card.data.held_out, card.data.max_held_out],
            **sources,
        }

    @property
    def keeps_predictions(self) -> bool:
        """Whether all predictions of the teacher that the run needs are in its cache."""
        cache = self.cache
        return cache is not None and KEPT in cache.stores and not cache.missing

    def fill_cache(self, progress: Callable[[int], object] | None = None) -> None:
        """Compute what the cache lacks of the teacher, if there is a cache.

        `progress` is called with the number of tokens that this process has computed.

        Raises:
            InputError: the folder of the cache cannot be written.
            TrainingError: the disk is full; what is complete is kept.
        """
        if self.cache is None or not (missing := self.cache.missing):
            return
        trainer: Any = self.trainer
        module = framework_module(FRAMEWORK, "teacher_targets", "distil a model")
        targets = module.TeacherTargets(
            self._teacher_model(),
            self.cache.words if KEPT in missing else None,
            states=HIDDEN in missing,
            device=trainer.device,
            dtype=trainer.dtype,
        )
        processes = self.trainer.processes
        try:
            self.cache.fill(targets, rank=(processes.rank, processes.size), progress=progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"What is complete is kept in {self.cache.folder}. The same command continues."
            ) from None

    def _batches(self, numbers: np.ndarray) -> MaskedBatches:
        # A teacher that never saw masks has nothing to say about masked texts.
        knows_masks = self.teacher.weights.has_head or self.card.losses.mlm_weight > 0
        probability = MASK_PROBABILITY if knows_masks else 0.0
        return MaskedBatches.of(
            self.corpus, numbers, self.tokenizer, self.card, probability=probability
        )

    @property
    def _predicts(self) -> bool:
        return bool(losses_that_predict(self.card))

    def evaluate(self, runner: Runner) -> dict[str, float]:
        """Means of the losses on the held-out sequences, whose masks are always the same."""
        batches, counts = self._held_out
        model: Any = runner
        given = (
            batch if self.cache is None else self.cache.attach(batch, numbers, HELD_OUT)
            for numbers, batch in batches
        )
        return self._distillation.held_out_losses(self.objective, model.model, given, counts)

    @cached_property
    def _held_out(self) -> tuple[list[Any], dict[str, int]]:
        tokens = self.card.evaluation.eval_batch_tokens or HELD_OUT_TOKENS
        return self.dev.all(self.card.seed, tokens)

    @property
    def n_teacher_parameters(self) -> int:
        """Those of the part of the teacher that a student has, too."""
        has_head = self.head != "base"
        sizes = self.teacher.sizes.items()
        return sum(size for name, size in sizes if has_head or name.startswith(BASE_PREFIX))

    def _teacher_model(self) -> Any:
        module = framework_module(FRAMEWORK, "heads", "distil a model")
        return module.load_model(request_of(self.teacher.weights, self.head))[0]

    def _settings(self) -> DistillationSettings:
        losses = self.card.losses
        return DistillationSettings(
            kl=losses.kl_weight,
            mlm=losses.mlm_weight,
            cosine=losses.cosine_weight,
            mse=losses.mse_weight,
            attention=losses.attention_weight,
            value=losses.value_weight,
            temperature=losses.temperature,
            relation_heads=losses.relation_heads,
            packing=self.card.optimization.packing is not False,
        )

    def _trainer_settings(self) -> TrainerSettings:
        card = self.card
        return TrainerSettings(
            optimization=card.optimization,
            seed=card.seed,
            device=card.run.device,
            parallel=card.run.parallel,
            tokens_at_once=card.optimization.tokens_at_once,
        )

    def _feed(self) -> Feed:
        options, processes = self.card.optimization, self.trainer.processes
        return Feed(
            lengths=self.train.lengths,
            make=self.train.make,
            count=self.train.count,
            seed=self.card.seed,
            batch_size=options.batch_size,
            batch_tokens=options.batch_tokens,
            accumulation=options.accumulation,
            length_sorted=options.length_sorted,
            data_shard=(processes.rank, processes.size),
            drawn_epochs=None if self.cache is None else self.card.cache.cache_masks,
            attach=None if self.cache is None else self.cache.attach,
        )


def request_of(weights: Student | TeacherWeights, head: str) -> LoadRequest:
    """What PyTorch needs to make a model of these weights."""
    return LoadRequest(
        class_name=HEADS[head].class_name,
        head=head,
        source=None,
        formats=(),
        config=weights.config,
        state=weights.arrays,
    )


def student_for(card: DistillCard, teacher: TeacherWeights) -> Student:
    """The student that a card describes."""
    options = card.student
    return student_of(
        teacher,
        layers=options.layers or None,
        n_layers=options.n_layers,
        dim=options.dim,
        n_heads=options.n_heads,
        hidden_dim=options.hidden_dim,
        init=options.init,
        seed=card.seed,
    )
