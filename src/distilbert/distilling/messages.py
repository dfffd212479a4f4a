"""What a distillation says on standard error before it starts: what was decided."""

from __future__ import annotations

import time
from collections.abc import Callable

from distilbert.distilling.assembly import Distillation
from distilbert.distilling.teacher_cache import HIDDEN, KEPT, TeacherCache
from distilbert.training.messages import counted, passes, say

SECONDS_BETWEEN_LINES = 5.0
# Fields of the card -> the names of the losses in messages.
LOSSES = {
    "kl_weight": "divergence from the teacher",
    "mlm_weight": "masked tokens",
    "cosine_weight": "cosine of hidden states",
    "mse_weight": "squared difference of logits",
    "attention_weight": "attention",
    "value_weight": "relations of values",
}


def counting(work: str) -> Callable[[int], None]:
    """A function that says now and then how many tokens some work has taken so far."""
    said = time.monotonic()

    def tokens_so_far(n_tokens: int) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            say([f"{work}: {n_tokens:,} tokens so far"])

    return tokens_so_far


def running_the_teacher(run: Distillation) -> Callable[[int], None] | None:
    """A function that says now and then how far a cache is filled, if there is one to fill."""
    if run.cache is None or not run.cache.missing:
        return None
    size = f"{run.cache.n_tokens:,} tokens, {run.cache.n_bytes / 1e6:,.1f} MB"
    say([f"Cache:   {size} in {run.cache.folder}, where some are missing"])
    return counting("Running the teacher")


def decisions(run: Distillation) -> list[str]:
    """The teacher, the student, the corpus, the losses, the updates and the output of a run."""
    card, corpus, student = run.card, run.corpus.info, run.student
    parent, config = run.teacher.weights.config, student.config
    head = "with" if run.teacher.weights.has_head else "without"
    if student.layers:
        start = f"copies of layers {', '.join(map(str, student.layers))}"
    else:
        start = "new layers" if card.student.init == "teacher" else "new weights"
    n_tokens = len(run.tokenizer)
    trimmed = "" if card.student.vocab_size is None else f", {n_tokens:,} tokens"
    dropped = {
        "short": corpus.short,
        "with unknown tokens": corpus.unknown_heavy,
        "empty": corpus.empty,
        "bad": corpus.bad_rows,
    }
    left_out = ", ".join(f"{n:,} {name}" for name, n in dropped.items() if n)
    weights = [
        f"{getattr(card.losses, field):g} x {name}"
        for field, name in LOSSES.items()
        if getattr(card.losses, field)
    ]
    options = card.optimization
    size = f"{options.batch_tokens:,} tokens" if options.batch_tokens else f"{options.batch_size}"
    total = run.feed.total(options.epochs)
    steps = min(total, options.max_steps or total)
    return [
        f"Teacher: {card.teacher}; {counted(parent.n_layers, 'layer')} of width {parent.dim}, "
        f"{head} a masked-LM head",
        f"Student: {counted(config.n_layers, 'layer')} of width {config.dim}, {start}{trimmed}; "
        f"{run.n_parameters / 1e6:.1f} M parameters",
        f"Corpus:  {counted(corpus.sequences, 'sequence')}, {corpus.tokens:,} tokens in "
        f"{run.corpus.folder}; {len(run.dev.numbers):,} held out"
        + (f"; left out: {left_out}" if left_out else ""),
        f"Losses:  {', '.join(weights)}",
        *([] if run.cache is None else [_cached(run.cache)]),
        f"Steps:   {counted(steps, 'update')}: "
        f"{passes(options.epochs, steps, options.max_steps)} in batches of {size}; "
        "the best on held-out texts is kept",
        f"Output:  {card.output}",
    ]


def _cached(cache: TeacherCache) -> str:
    """What is kept of the teacher, its size and where it comes from."""
    kinds = []
    if cache.words is not None and KEPT in cache.stores:
        kinds.append(f"{cache.words.count} {cache.words.kind} words")
    kinds += ["hidden states"] if HIDDEN in cache.stores else []
    if not kinds:
        return "Cache:   nothing, as no loss compares with the teacher"
    source = "from earlier runs"
    if cache.computed:
        rate = cache.computed / max(cache.seconds, 1e-9)
        source = f"{cache.computed:,} computed now in {cache.seconds:,.1f} s, {rate:,.0f} tokens/s"
    return (
        f"Cache:   {' and '.join(kinds)} of {cache.n_tokens:,} tokens, "
        f"{cache.n_bytes / 1e6:,.1f} MB in {cache.folder}; {source}"
    )
