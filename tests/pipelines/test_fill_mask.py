"""Result shapes and options of mask filling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, ids_of, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    return pipeline("fill-mask", ArithmeticRunner("masked_lm", small_config()), tokenizer)


def test_one_mask_gives_a_list_of_dicts(pipe: Any) -> None:
    found = pipe("the [MASK] sat.")
    assert [list(one) for one in found] == [["score", "token", "token_str", "sequence"]] * 5
    assert found[0]["sequence"] == f"the {found[0]['token_str']} sat.".replace(" ##", "")
    assert [one["score"] for one in found] == sorted((o["score"] for o in found), reverse=True)
    assert len(pipe("the [MASK] sat.", top_k=2)) == 2


def test_several_masks_give_a_list_for_each_and_keep_the_others(pipe: Any) -> None:
    found = pipe("the [MASK] sat on [MASK].", top_k=3)
    assert [len(per_mask) for per_mask in found] == [3, 3]
    first = found[0][0]["sequence"]
    assert first.endswith("sat on [MASK].")
    assert "[CLS]" not in first
    assert "[SEP]" not in first


def test_targets_keep_their_share_of_the_whole_vocabulary(pipe: Any) -> None:
    everything = {one["token_str"]: one["score"] for one in pipe("the [MASK].", top_k=999)}
    found = pipe("the [MASK].", targets=["dog", "cat", "Dog"])
    assert {one["token_str"] for one in found} == {"cat", "dog"}
    for one in found:
        assert one["score"] == pytest.approx(everything[one["token_str"]])
    assert [one["token_str"] for one in pipe("the [MASK].", targets="cat")] == ["cat"]


def log_probability(runner: Any, ids: list[int], place: int, token: int) -> float:
    batch = np.array([ids], dtype=np.int64)
    outputs = runner.run_batch({"input_ids": batch, "attention_mask": np.ones_like(batch)})
    row = outputs["logits"][0, place].astype(np.float64)
    return float(row[token] - np.log(np.exp(row).sum()))


def test_a_target_of_several_pieces_is_scored_whole(pipe: Any) -> None:
    wolf, gang = ids_of("wolf", "##gang")
    cls, the, mask, dot, sep = ids_of("[CLS]", "the", "[MASK]", ".", "[SEP]")
    expected = log_probability(pipe.runner, [cls, the, mask, mask, dot, sep], 2, wolf)
    expected += log_probability(pipe.runner, [cls, the, wolf, mask, dot, sep], 3, gang)
    found = {str(o["token_str"]): o for o in pipe("the [MASK].", targets=["Wolfgang", "wolf"])}
    whole = found["wolfgang"]
    assert whole["score"] == pytest.approx(np.exp(expected))
    assert whole["token"] == [wolf, gang]
    assert whole["sequence"] == "the wolfgang."
    assert found["wolf"]["token"] == wolf
    assert found["wolf"]["score"] != whole["score"]


def test_pieces_are_scored_at_each_of_several_masks(pipe: Any) -> None:
    found = pipe(["the [MASK] on [MASK].", "[MASK]"], targets=["wolfgang", "runner"])
    assert [[o["token_str"] for o in per_mask] for per_mask in found[0]]
    assert all(len(per_mask) == 2 for per_mask in found[0])
    assert len(found[1]) == 2


def test_joint_filling_scores_the_masks_together(pipe: Any) -> None:
    text = "the [MASK] [MASK] sat."
    found = pipe(text, joint=True, top_k=4)
    assert len(found) == 4
    best = found[0]
    cls, the, mask, sat, dot, sep = ids_of("[CLS]", "the", "[MASK]", "sat", ".", "[SEP]")
    one, two = best["token"]
    expected = log_probability(pipe.runner, [cls, the, mask, mask, sat, dot, sep], 2, one)
    expected += log_probability(pipe.runner, [cls, the, one, mask, sat, dot, sep], 3, two)
    assert best["score"] == pytest.approx(np.exp(expected))
    assert len(best["token_str"]) == 2
    assert "[MASK]" not in best["sequence"]
    assert [o["score"] for o in found] == sorted((o["score"] for o in found), reverse=True)


def test_joint_filling_is_at_least_as_likely_as_greedy(pipe: Any) -> None:
    text = "the [MASK] [MASK] [MASK] sat."
    best = pipe(text, joint=True, top_k=1)[0]
    greedy, score = text, 1.0
    for _ in range(3):
        found = pipe(greedy, top_k=1)
        first = found[0] if isinstance(found[0], dict) else found[0][0]
        score *= first["score"]
        greedy = greedy.replace("[MASK]", str(first["token_str"]), 1)
    if "##" not in greedy:  # pieces would be read differently when they are tokenized again
        assert best["score"] >= score - 1e-9


def test_joint_targets_are_single_tokens(pipe: Any) -> None:
    found = pipe("the [MASK] [MASK].", joint=True, targets=["cat", "dog"])
    assert {tuple(o["token_str"]) for o in found} == {
        (a, b) for a in ("cat", "dog") for b in ("cat", "dog")
    }
    with pytest.raises(InputError) as caught:
        pipe("the [MASK].", joint=True, targets=["wolfgang", "cat"])
    assert str(caught.value) == (
        "`targets` must be single tokens with `joint=True`, one per mask: "
        "got wolfgang, which have several pieces."
    )


def test_texts_of_different_numbers_of_masks_are_filled_jointly_in_order(pipe: Any) -> None:
    texts = ["[MASK] sat", "the [MASK] [MASK]", "[MASK] [MASK] [MASK] ."]
    together = pipe(texts, joint=True, top_k=2)
    assert [len(found[0]["token"]) for found in together] == [1, 2, 3]
    for text, found in zip(texts, together, strict=True):
        alone = pipe(text, joint=True, top_k=2)
        assert [o["token"] for o in alone] == [o["token"] for o in found]


def test_long_texts_are_shown_around_their_masks(pipe: Any) -> None:
    text = "[MASK] " + "the cat sat . " * 60 + "in [MASK] ."
    found = pipe(text)
    assert len(found) == 2
    assert found[0][0]["sequence"].endswith("in [MASK].")
    near = pipe("the cat sat . in [MASK] .")  # the runner looks one token to each side
    assert [o["token"] for o in found[1]] == [o["token"] for o in near]
    with pytest.raises(InputError, match=r"Masks that are filled together must lie within one win"):
        pipe(text, joint=True)


def test_a_text_without_masks_and_wrong_targets_are_named(pipe: Any) -> None:
    with pytest.raises(InputError) as caught:
        pipe("the cat")
    assert str(caught.value) == (
        "`fill-mask` needs at least one [MASK] in the text: got 'the cat'."
    )
    with pytest.raises(InputError) as caught:
        pipe("[MASK]", targets=[])
    assert str(caught.value) == "`targets` must hold at least one text: got none. Leave it out."
    for wrong in ("☃", ""):
        with pytest.raises(InputError) as caught:
            pipe("[MASK]", targets=["cat", wrong])
        assert str(caught.value) == (
            f"`targets` must be words this vocabulary can write: got {wrong!r}. Leave it out."
        )


def test_a_tokenizer_without_mask_is_named(pipe: Any) -> None:
    class Maskless:
        mask_token_id = None
        model_max_length = 64

    with pytest.raises(InputError) as caught:
        pipeline("fill-mask", pipe.runner, Maskless())("a")
    assert str(caught.value) == (
        "`fill-mask` needs a tokenizer with a `mask_token`: this one has none."
    )


def test_masks_have_a_limited_number(pipe: Any) -> None:
    with pytest.raises(InputError, match="at most 256 masks in a text: got 257"):
        pipe("[MASK] " * 257)
