"""`fill-mask`: which tokens are likely at the masks of a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, ClassVar

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text
from distilbert.pipelines.job import Job
from distilbert.tasks.masked_lm import predict as task
from distilbert.tasks.masked_lm.filling import (
    BEAM_WIDTH,
    Filling,
    MaskedModel,
    Pieces,
    fill_jointly,
    fill_masks,
)
from distilbert.tasks.windows import Tokenizer

NAME = "fill-mask"
# Masks of one text: each has a window of its own, and answers that repeat the text.
MAX_MASKS = 256


@dataclass(frozen=True, kw_only=True)
class FillMask(Job):
    """The likely tokens at the masks: {"score", "token", "token_str", "sequence"}, best first.

    One mask gives a list of `top_k` dicts, k masks a list of k such lists, each mask predicted
    while the others stay masks. `sequence` is the text alone, without `[CLS]` and `[SEP]`.
    `joint` fills all masks together by beam search and returns one list of `top_k` dicts whose
    `token` and `token_str` are lists with one entry per mask and whose `score` is their joint
    probability.
    `targets`: only these compete, with their probabilities among the full vocabulary. For a target
    of several pieces the mask is widened to as many masks and the pieces are predicted one after
    the other, so its `score` is the joint probability of its pieces given their number, and `token`
    is a list.
    Of a text longer than `max_length` tokens, by default as many as the model takes, the model sees
    the part around each mask.
    """

    top_k: int = 5
    targets: str | Sequence[str] | None = None
    joint: bool = False
    max_length: int | None = None

    name: ClassVar[str] = NAME
    head: ClassVar[str] = "masked_lm"
    stored: ClassVar[Mapping[str, str]] = {"max_length": "max_length"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.targets is not None and not len(self.targets):
            raise InputError("`targets` must hold at least one text: got none. Leave it out.")

    def encode(self, examples: Sequence[str], model: OpenModel) -> list[task.Encoded]:
        if model.tokenizer.mask_token_id is None:
            raise InputError(f"`{NAME}` needs a tokenizer with a `mask_token`: this one has none.")
        encoded = task.encode(model.tokenizer, examples)
        for text, of_text in zip(examples, encoded, strict=True):
            if not len(of_text.masks):
                mask = model.tokenizer.convert_ids_to_tokens([model.tokenizer.mask_token_id])[0]
                raise InputError(
                    f"`{NAME}` needs at least one {mask} in the text: got {text[:80]!r}."
                )
            if len(of_text.masks) > MAX_MASKS:
                raise InputError(
                    f"`{NAME}` takes at most {MAX_MASKS} masks in a text: got "
                    f"{len(of_text.masks)}. Divide the text."
                )
        return encoded

    def n_tokens(self, encoded: task.Encoded) -> int:
        return len(encoded.ids)

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        if not answer or isinstance(answer[0], list):
            return {"answers": answer}
        best = {"prediction": answer[0]["token_str"], "score": answer[0]["score"]}
        return {**best, "sequence": answer[0]["sequence"], "answers": answer}

    def answers(
        self, encoded: Sequence[task.Encoded], model: OpenModel, run: Evaluate
    ) -> Iterator[list[Any]]:
        tokenizer = model.tokenizer
        masked = MaskedModel(tokenizer, model.window_length(self.max_length), run)
        targets = None if self.targets is None else target_pieces(self.targets, tokenizer)
        if self.joint:
            pool = None if targets is None else _single_tokens(targets, tokenizer)
            width = max(BEAM_WIDTH, self.top_k)
            for fillings in fill_jointly(masked, encoded, width=width, targets=pool):
                yield [_joint_dict(filling, tokenizer) for filling in fillings[: self.top_k]]
            return
        found = fill_masks(masked, encoded, top_k=self.top_k, targets=targets)
        for text, per_mask in zip(encoded, found, strict=True):
            rows = [
                [_as_dict(answer, text, int(mask), tokenizer) for answer in answers]
                for mask, answers in zip(text.masks, per_mask, strict=True)
            ]
            yield rows[0] if len(rows) == 1 else rows


def target_pieces(targets: str | Sequence[str], tokenizer: Tokenizer) -> list[Pieces]:
    """The token ids of each target, without repetitions; a token of the vocabulary is itself.

    Raises:
        InputError: a target is not a string, is empty, or has characters outside the vocabulary.
    """
    listed = [targets] if isinstance(targets, str) else list(targets)
    texts = [read_text(target, NAME) for target in listed]
    found = []
    for text, ids in zip(texts, tokenizer.token_ids(texts), strict=True):
        known = tokenizer.convert_tokens_to_ids(text)
        pieces = tuple(ids.tolist()) if known == tokenizer.unk_token_id else (known,)
        if not pieces or tokenizer.unk_token_id in pieces:
            raise InputError(
                f"`targets` must be words this vocabulary can write: got {text!r}. Leave it out."
            )
        found.append(pieces)
    return list(dict.fromkeys(found))


def _single_tokens(targets: Sequence[Pieces], tokenizer: Tokenizer) -> list[int]:
    long = [tokenizer.decode(list(pieces)) for pieces in targets if len(pieces) > 1]
    if long:
        raise InputError(
            "`targets` must be single tokens with `joint=True`, one per mask: "
            f"got {', '.join(long)}, which have several pieces."
        )
    return [pieces[0] for pieces in targets]


def _as_dict(
    answer: task.Answer, text: task.Encoded, mask: int, tokenizer: Tokenizer
) -> dict[str, Any]:
    ids = text.ids.tolist()
    ids[mask : mask + 1] = answer.ids
    return {
        "score": answer.score,
        "token": answer.ids[0] if len(answer.ids) == 1 else list(answer.ids),
        "token_str": tokenizer.decode(list(answer.ids)),
        "sequence": tokenizer.decode(ids),
    }


def _joint_dict(filling: Filling, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "score": exp(filling.score),
        "token": list(filling.pieces),
        "token_str": [tokenizer.decode([piece]) for piece in filling.pieces],
        "sequence": tokenizer.decode(filling.ids.tolist()),
    }
