"""Options and result shapes of `fill-mask`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, ClassVar

import numpy as np

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.pipelines.filling import BEAM_WIDTH, Filling, fill_jointly, score_gaps, widen
from distilbert.pipelines.inputs import as_given, as_row, is_single, read_text
from distilbert.pipelines.job import Setup, check_at_least
from distilbert.tasks.masked_lm import predict as task
from distilbert.tasks.windows import tokenize

NAME = "fill-mask"


@dataclass(frozen=True, kw_only=True)
class FillMask:
    """What stands at the masks: {"score", "token", "token_str", "sequence"}, best first.

    One mask gives a list of `top_k` dicts, k masks a list of k such lists, each mask judged while
    the others stay masks. `sequence` is the text alone, without `[CLS]` and `[SEP]`.
    `joint` fills all masks together by beam search and gives one list of `top_k` dicts whose
    `token` and `token_str` are lists with one entry per mask and whose `score` is their joint
    probability.
    `targets`: only these compete, with their probabilities among the whole vocabulary. A target of
    several pieces is scored whole: the mask is widened to as many masks and the pieces are judged
    one after the other, so its `score` is the joint probability of its pieces given their number,
    and `token` is a list.
    A text too long for the model is shown around each mask.
    """

    top_k: int = 5
    targets: str | Sequence[str] | None = None
    joint: bool = False

    head: ClassVar[str] = "masked_lm"
    fields: ClassVar[tuple[str, ...]] = ()
    is_single = staticmethod(is_single)
    present = staticmethod(as_given)
    from_fields = staticmethod(as_row)

    def __post_init__(self) -> None:
        check_at_least(1, top_k=self.top_k)
        if self.targets is not None and not self.targets:
            raise InputError("`targets` must hold at least one text: got none. Leave it out.")

    def read(self, item: Any) -> task.Example:
        return task.Example(read_text(item, NAME))

    def encode(self, examples: Sequence[task.Example], setup: Setup) -> list[task.Encoded]:
        if setup.tokenizer.mask_token_id is None:
            raise InputError(f"`{NAME}` needs a tokenizer with a `mask_token`: this one has none.")
        encoded = task.encode(setup.tokenizer, examples)
        for example, one in zip(examples, encoded, strict=True):
            if not len(one.masks):
                mask = setup.tokenizer.convert_ids_to_tokens([setup.tokenizer.mask_token_id])[0]
                raise InputError(
                    f"`{NAME}` needs at least one {mask} in the text: got {example.text[:80]!r}."
                )
        return encoded

    def n_tokens(self, encoded: task.Encoded) -> int:
        return len(encoded.ids)

    def answers(
        self, encoded: Sequence[task.Encoded], setup: Setup, run: Evaluate
    ) -> Iterator[list[Any]]:
        targets = None if self.targets is None else target_pieces(self.targets, setup)
        if self.joint:
            yield from self._joint(encoded, targets, setup, run)
            return
        found = self._singles(encoded, targets, setup, run)
        if targets is not None and any(len(pieces) > 1 for pieces in targets):
            self._add_long_targets(found, encoded, targets, setup, run)
        for one, per_mask in zip(encoded, found, strict=True):
            rows = [
                [_as_dict(answer, one, int(mask), setup) for answer in answers[: self.top_k]]
                for mask, answers in zip(one.masks, per_mask, strict=True)
            ]
            yield rows[0] if len(rows) == 1 else rows

    def _singles(
        self,
        encoded: Sequence[task.Encoded],
        targets: Sequence[tuple[int, ...]] | None,
        setup: Setup,
        run: Evaluate,
    ) -> list[list[list[task.Answer]]]:
        """Per text and mask the likeliest tokens, or all targets of one piece."""
        pool = None if targets is None else [pieces[0] for pieces in targets if len(pieces) == 1]
        top_k = self.top_k if pool is None else len(pool)
        views: list[task.View] = []
        places: list[list[int]] = []
        for one in encoded:
            masks = one.masks.tolist()
            whole = len(one.ids) + 2 <= setup.max_length
            for group in [masks] if whole else [[mask] for mask in masks]:
                shown = task.view(
                    setup.tokenizer,
                    one.ids,
                    first=group[0],
                    last=group[-1],
                    max_length=setup.max_length,
                )
                assert shown is not None  # one mask always fits
                views.append(shown)
                places.append([mask + shown.shift for mask in group])
        if pool == []:
            return [[[] for _ in one.masks] for one in encoded]

        def keep(number: int, outputs: Mapping[str, np.ndarray]) -> list[list[task.Answer]]:
            logits = outputs["logits"]
            return [task.decode(logits[p], top_k=top_k, targets=pool) for p in places[number]]

        answers = (one for group in run([v.ids for v in views], keep) for one in group)
        return [[next(answers) for _ in one.masks] for one in encoded]

    def _add_long_targets(
        self,
        found: list[list[list[task.Answer]]],
        encoded: Sequence[task.Encoded],
        targets: Sequence[tuple[int, ...]],
        setup: Setup,
        run: Evaluate,
    ) -> None:
        long = [pieces for pieces in targets if len(pieces) > 1]
        gaps = [
            widen(one, int(mask), pieces)
            for one in encoded
            for mask in one.masks
            for pieces in long
        ]
        scores = iter(score_gaps(gaps, setup, run))
        for per_mask in found:
            for answers in per_mask:
                answers.extend(task.Answer(pieces, exp(next(scores))) for pieces in long)
                answers.sort(key=lambda answer: -answer.score)

    def _joint(
        self,
        encoded: Sequence[task.Encoded],
        targets: Sequence[tuple[int, ...]] | None,
        setup: Setup,
        run: Evaluate,
    ) -> Iterator[list[dict[str, Any]]]:
        pool = None
        if targets is not None:
            long = [pieces for pieces in targets if len(pieces) > 1]
            if long:
                names = [setup.tokenizer.decode(list(pieces)) for pieces in long]
                raise InputError(
                    "`targets` must be single tokens with `joint=True`, one per mask: "
                    f"got {', '.join(names)}, which have several pieces."
                )
            pool = [pieces[0] for pieces in targets]
        width = max(BEAM_WIDTH, self.top_k)
        for fillings in fill_jointly(encoded, setup, run, width=width, targets=pool):
            yield [_joint_dict(filling, setup) for filling in fillings[: self.top_k]]


def target_pieces(targets: str | Sequence[str], setup: Setup) -> list[tuple[int, ...]]:
    """The token ids of each target, without repetitions; a token of the vocabulary is itself.

    Raises:
        InputError: a target is no text, is empty, or cannot be written with this vocabulary.
    """
    tokenizer = setup.tokenizer
    listed = [targets] if isinstance(targets, str) else list(targets)
    texts = [read_text(target, NAME) for target in listed]
    found = []
    for text, tokens in zip(texts, tokenize(tokenizer, texts), strict=True):
        known = tokenizer.convert_tokens_to_ids(text)
        pieces = tuple(tokens.ids.tolist()) if known == tokenizer.unk_token_id else (known,)
        if not pieces or tokenizer.unk_token_id in pieces:
            raise InputError(
                f"`targets` must be words this vocabulary can write: got {text!r}. Leave it out."
            )
        found.append(pieces)
    return list(dict.fromkeys(found))


def _as_dict(answer: task.Answer, one: task.Encoded, mask: int, setup: Setup) -> dict[str, Any]:
    ids = one.ids.tolist()
    ids[mask : mask + 1] = answer.ids
    return {
        "score": answer.score,
        "token": answer.ids[0] if len(answer.ids) == 1 else list(answer.ids),
        "token_str": setup.tokenizer.decode(list(answer.ids)),
        "sequence": setup.tokenizer.decode(ids),
    }


def _joint_dict(filling: Filling, setup: Setup) -> dict[str, Any]:
    return {
        "score": exp(filling.score),
        "token": list(filling.pieces),
        "token_str": [setup.tokenizer.decode([piece]) for piece in filling.pieces],
        "sequence": setup.tokenizer.decode(filling.ids.tolist()),
    }
