"""What a run of fine-tuning says on standard error before it starts: what was decided.

Formats text; makes no decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from distilbert.data.glue import ADDED, GlueTask, glue_task
from distilbert.finetuning.datasets import Examples
from distilbert.heads import HEADS
from distilbert.tasks.columns import TEXTS, first_column
from distilbert.tasks.multiple_choice.rows import ChoiceColumns
from distilbert.tasks.question_answering.rows import FURTHER, flat_columns
from distilbert.tasks.sequence_classification.rows import MULTI, REGRESSION
from distilbert.tasks.token_classification.rows import TAGS, TOKENS
from distilbert.training.messages import counted, passes
from distilbert.training.run_card import RunCard

# Labels that are listed with their counts.
LABELS_SHOWN = 12


def data_decisions(card: RunCard, examples: Examples) -> list[str]:
    """The task with its labels, the rows and the columns of a run."""
    task = examples.task
    lines = [f"Task:    {HEADS[task.head].task}{_labels(task, examples.train)}"]
    parts = [counted(len(examples.train), "training row")]
    if card.data.dev_split is not None:
        share = f"{100 * card.data.dev_split:g} % of the rows, drawn by seed {card.seed}"
        parts.append(f"{len(examples.dev):,} for dev ({share})")
    else:
        parts.append(f"{len(examples.dev):,} for dev" if examples.dev else "none for dev")
    parts += [f"{len(examples.test):,} for test"] if examples.test else []
    parts += [f"{examples.skipped:,} left out"] if examples.skipped else []
    lines.append(f"Rows:    {', '.join(parts)}")
    used = columns_used(task, card, examples.columns)
    if used and examples.columns:
        added = ADDED if card.data.glue else ()
        unused = [name for name in examples.columns if name not in (*used, *added)]
        rest = f"; not used: {', '.join(unused)}" if unused else ""
        lines.append(f"Columns: {', '.join(used)}{rest}")
    return lines


def run_decisions(
    card: RunCard,
    examples: Examples,
    *,
    framework: str,
    new: Sequence[str],
    windows: int,
    steps: int,
) -> list[str]:
    """The model and what of it is new, windows, updates and the output folder of a run."""
    options = card.optimization
    initial = f"new: {', '.join(new)}" if new else "all weights are from the checkpoint"
    window = f"{card.inputs.max_length} tokens; {counted(windows, 'window')} in all"
    if windows > len(examples.train):
        window += ", since some rows are longer"
    if options.batch_tokens is not None:
        batches = f"batches of {options.batch_tokens:,} tokens"
    else:
        batches = f"batches of {options.batch_size}"
    ending = passes(options.epochs, steps, options.max_steps)
    kept = "the best on dev is kept" if examples.dev else "no dev rows: the last weights are kept"
    return [
        f"Model:   {card.model} ({framework}); {initial}",
        f"Window:  {window}",
        f"Steps:   {counted(steps, 'update')}: {ending} in {batches}; {kept}",
        f"Output:  {card.output}",
    ]


def columns_used(task: Any, card: RunCard, present: Sequence[str]) -> list[str]:
    """Which of the columns that are present a task reads; [] if that is not known."""
    data = card.data
    names: tuple[str | None, ...] = ()
    match task.head:
        case "sequence_classification":
            names = (task.columns.text, task.columns.text_pair, *task.columns.label)
            glue = glue_task(data.glue) if data.glue else None
            names = tuple(_name_in_file(name, glue, present) for name in names)
        case "question_answering":
            answers = flat_columns(present, data.answers) or (data.answers,)
            names = (data.question, data.context, *answers, *FURTHER)
        case "multiple_choice":
            label = data.label[0] if data.label else None
            found = ChoiceColumns(data.prompt, data.choices, label).named_in(present)
            names = (found.prompt, found.beginning, *found.choices, found.label)
        case "token_classification":
            tokens = data.tokens or first_column(TOKENS, present)
            names = (tokens, data.tags or first_column(TAGS, present))
            names = names if set(names) <= set(present) else ()
        case "masked_lm":
            names = (data.text or first_column(TEXTS, present),)
    return [name for name in names if name is not None and name in present]


def _name_in_file(name: str | None, glue: GlueTask | None, present: Sequence[str]) -> str | None:
    """The name that a column has in the files of a GLUE task, whose rows have usual names too."""
    candidates = getattr(glue, name or "", ())
    return next((column for column in candidates if column in present), name)


def _labels(task: Any, examples: Sequence[Any]) -> str:
    """The kind of problem, and the labels with their counts."""
    if getattr(task, "problem_type", None) == REGRESSION:
        return ", a number per text"
    if task.head == "question_answering":
        n = sum(not example.answers for example in examples)
        return f"; {counted(n, 'question')} without an answer" if task.may_refuse else ""
    if not hasattr(task, "labels"):
        return ""
    counts = _label_counts(task, examples)
    shown = [f"{label} {counts[label]:,}" for label in task.labels[:LABELS_SHOWN]]
    more = len(task.labels) - len(shown)
    shown += [f"and {more} more"] if more > 0 else []
    kind = "any of" if getattr(task, "problem_type", None) == MULTI else "one of"
    per = "per word" if task.head == "token_classification" else "per text"
    return f", {kind} {len(task.labels)} labels {per}: {', '.join(shown)}"


def _label_counts(task: Any, examples: Sequence[Any]) -> Counter[str]:
    if task.head == "token_classification":
        return Counter(tag for example in examples for tag in example.tags)
    truths = (example.truth for example in examples)
    numbers = (truth if isinstance(truth, tuple) else (truth,) for truth in truths)
    return Counter(task.labels[number] for of_one in numbers for number in of_one)


def parts_of(names: Iterable[str]) -> list[str]:
    """The modules of parameters: `classifier` for its weight and bias."""
    return list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
