"""Known defects of the reference and similar packages, one test each, not tested elsewhere.

Numbers are those of the specification's list of flaws, letters those of the list of traps in the
survey of peers.
"""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contract.samples import random_weights, some_inputs, some_labels, tiny_config

import distilbert
from distilbert import (
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertModel,
    DistilBertTokenizer,
    DistilBertTokenizerFast,
)
from distilbert.errors import InputError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "was", "##s", "c", "d"]
TOKENIZERS = [DistilBertTokenizer, DistilBertTokenizerFast]


@pytest.fixture
def vocab_file(tmp_path: Path) -> str:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    return str(tmp_path / "vocab.txt")


@pytest.fixture(params=TOKENIZERS, ids=["slow", "fast"])
def tokenizer(request: pytest.FixtureRequest, vocab_file: str) -> Any:
    return request.param(vocab_file)


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def example(head: str, **changes: Any) -> tuple[DistilBertConfig, dict, dict]:
    config = tiny_config(head, **changes)
    inputs = some_inputs(config, head)
    return config, tensors(inputs), tensors(some_labels(config, head, inputs))


def test_1_and_15_missing_sinusoidal_positions_become_the_table_on_load() -> None:
    config = tiny_config(sinusoidal_pos_embds=True)
    state = tensors(random_weights(config, "base"))
    del state["embeddings.position_embeddings.weight"]
    loaded = DistilBertModel.from_pretrained(None, config=config, state_dict=state)
    created = DistilBertModel(config)
    weight = loaded.embeddings.position_embeddings.weight
    assert torch.equal(weight, created.embeddings.position_embeddings.weight)
    assert not weight.requires_grad


def test_3_the_pages_spelling_of_the_sinusoid_flag_works() -> None:
    config = DistilBertConfig(sine_pos_embds=True)
    assert config.sinusoidal_pos_embds is True
    assert config.sine_pos_embds is True
    assert "sine_pos_embds" not in config.to_dict()
    assert DistilBertConfig.from_dict({"sine_pos_embds": True}).sinusoidal_pos_embds is True


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.uint8, torch.int32])
def test_10_integers_of_any_width_are_classes(dtype: torch.dtype) -> None:
    config, inputs, labels = example("sequence_classification")
    model = DistilBertForSequenceClassification(config).eval()
    wide = model(**inputs, **labels).loss
    narrow = model(**inputs, labels=labels["labels"].to(dtype)).loss
    assert torch.equal(narrow, wide)


def test_11_answers_outside_the_sequence_give_a_finite_loss_without_gradient() -> None:
    config, inputs, _ = example("question_answering")
    model = DistilBertForQuestionAnswering(config)
    outside = torch.full((3,), 50)
    loss = model(**inputs, start_positions=outside, end_positions=outside).loss
    assert torch.isfinite(loss)
    loss.backward()
    assert all(not p.grad.any() for p in model.parameters() if p.grad is not None)


def test_16_regression_labels_of_another_shape_are_refused_not_broadcast() -> None:
    config, inputs, _ = example("sequence_classification", num_labels=1)
    model = DistilBertForSequenceClassification(config).eval()
    with pytest.raises(InputError, match="`labels`"):
        model(**inputs, labels=torch.zeros(3, 3))


@pytest.mark.parametrize("sinusoidal", [False, True])
def test_18_and_a_longer_inputs_work_after_growing_the_positions(sinusoidal: bool) -> None:
    config = tiny_config(sinusoidal_pos_embds=sinusoidal, max_position_embeddings=8)
    model = DistilBertModel(config).eval()
    short = torch.arange(8)[None]
    before = model(short).last_hidden_state
    model.resize_position_embeddings(20)
    assert model.config.max_position_embeddings == 20
    assert torch.allclose(model(short).last_hidden_state, before)
    assert model(torch.arange(20)[None]).last_hidden_state.shape == (1, 20, 32)
    if sinusoidal:
        created = DistilBertModel(
            tiny_config(sinusoidal_pos_embds=True, max_position_embeddings=20)
        )
        expected = created.embeddings.position_embeddings.weight
        assert torch.equal(model.embeddings.position_embeddings.weight, expected)


def test_19_overflow_without_truncation_does_not_crash(tokenizer: Any) -> None:
    encoded = tokenizer("a b", return_overflowing_tokens=True)
    assert np.array_equal(np.ravel(encoded["input_ids"]), [2, 5, 6, 3])


def test_19_lower_casing_can_be_asked_without_the_basic_tokenizer(vocab_file: str) -> None:
    assert DistilBertTokenizer(vocab_file, do_basic_tokenize=False).do_lower_case in (True, False)


def test_20_the_special_tokens_mask_of_ids_needs_no_flag(tokenizer: Any) -> None:
    assert tokenizer.get_special_tokens_mask([5, 6]) == [1, 0, 0, 1]


def test_20_an_empty_batch_is_empty(tokenizer: Any) -> None:
    assert tokenizer([]) == {"input_ids": [], "attention_mask": []}


def test_21_a_stride_as_long_as_the_window_is_a_python_error(tokenizer: Any) -> None:
    options = {"max_length": 4, "truncation": True, "stride": 2, "return_overflowing_tokens": True}
    if tokenizer.is_fast:
        with pytest.raises(ValueError, match="`stride`"):
            tokenizer("a b c d a b", **options)
    else:
        assert tokenizer("a b c d a b", **options)["num_truncated_tokens"] == 4


def test_25_one_id_decodes_like_a_list_of_one(tokenizer: Any) -> None:
    assert tokenizer.decode(7) == tokenizer.decode([7]) == "was"


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_28_and_k_a_fully_masked_row_is_finite_in_every_type(
    dtype: torch.dtype, implementation: str
) -> None:
    model = DistilBertModel(tiny_config()).to(dtype).eval()
    model.set_attn_implementation(implementation)
    mask = torch.tensor([[0, 0, 0], [1, 1, 0]])
    answer = model(torch.tensor([[5, 6, 7], [5, 6, 0]]), mask)
    assert torch.isfinite(answer.last_hidden_state).all()


@pytest.mark.parametrize("use_fast", [True, False])
def test_d_the_auto_tokenizer_never_adds_token_types(vocab_file: str, use_fast: bool) -> None:
    folder = Path(vocab_file).parent
    tiny_config().save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=use_fast)
    assert tokenizer.is_fast is use_fast
    assert list(tokenizer("a", "b")) == ["input_ids", "attention_mask"]
    assert "token_type_ids" in tokenizer("a", "b", return_token_type_ids=True)


def test_i_one_tokenizer_serves_many_threads(tokenizer: Any) -> None:
    """Each thread asks for another padding and truncation; none may see another's."""

    def ask(n: int) -> bool:
        length = 3 + n % 5
        encoded = tokenizer("a b c d a b", padding="max_length", truncation=True, max_length=length)
        plain = tokenizer("a b c d a b")
        return len(encoded["input_ids"]) == length and len(plain["input_ids"]) == 8

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


def test_a_model_never_takes_token_types() -> None:
    for name in ("DistilBertModel", "DistilBertForMaskedLM"):
        parameters = inspect.signature(getattr(distilbert, name).forward).parameters
        kinds = {parameter.kind for parameter in parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds
