"""Our PyTorch classes under the training loops that users have: transformers', accelerate's, none.

Each loop learns the same few rows, and must end with a smaller loss than it began with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distilbert import DistilBertConfig
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.pretrained import PreTrainedModel

HEADS = [name for name in MODEL_CLASSES if name != "base"]
ROWS, LENGTH = 8, 7


def model_of(head: str) -> PreTrainedModel:
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=16,
        num_labels=2,
    )
    return MODEL_CLASSES[head](config)


def rows_of(head: str) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    shape = (2, LENGTH) if head == "multiple_choice" else (LENGTH,)
    rows = []
    for number in range(ROWS):
        ids = rng.integers(5, 99, shape)
        row: dict[str, Any] = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if head == "question_answering":
            row |= {"start_positions": number % 3, "end_positions": number % 3 + 1}
        elif head == "masked_lm":
            row["labels"] = np.where(np.arange(LENGTH) < 3, ids, -100)
        elif head == "token_classification":
            row["labels"] = ids % 2
        else:
            row["labels"] = number % 2
        rows.append({name: torch.as_tensor(np.asarray(value)) for name, value in row.items()})
    return rows


def batch_of(head: str) -> dict[str, torch.Tensor]:
    rows = rows_of(head)
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def loss_of(model: PreTrainedModel, head: str) -> float:
    with torch.no_grad():
        return model.eval()(**batch_of(head), return_dict=True).loss.item()


@pytest.mark.parametrize("head", HEADS)
def test_a_plain_loop_learns(head: str) -> None:
    model = model_of(head)
    before = loss_of(model, head)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(10):
        loss = model(**batch_of(head)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss_of(model, head) < before


@pytest.mark.parametrize("head", HEADS)
def test_the_trainer_of_transformers_learns_saves_and_predicts(head: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = model_of(head)
    before = loss_of(model, head)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "run"),
        num_train_epochs=5,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
    )
    names = ["start_positions", "end_positions"] if head == "question_answering" else ["labels"]
    arguments.label_names = names
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=rows_of(head))
    trainer.train()
    assert loss_of(model, head) < before
    found = trainer.predict(rows_of(head))
    logits = found.predictions[0] if head == "question_answering" else found.predictions
    expected = model.eval()(**batch_of(head), return_dict=True)
    first = expected.start_logits if head == "question_answering" else expected.logits
    np.testing.assert_allclose(logits, first.detach().numpy(), atol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    again = MODEL_CLASSES[head].from_pretrained(tmp_path / "saved")
    assert loss_of(again, head) == pytest.approx(loss_of(model, head))


def test_the_trainer_of_transformers_switches_gradient_checkpointing_on(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    head = "sequence_classification"
    model = model_of(head)
    before = loss_of(model, head)
    options = {"max_steps": 10, "learning_rate": 1e-3, "use_cpu": True, "report_to": []}
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        gradient_checkpointing=True,
        disable_tqdm=True,
        save_strategy="no",
        **options,
    )
    transformers.Trainer(model=model, args=arguments, train_dataset=rows_of(head)).train()
    assert model.is_gradient_checkpointing
    assert loss_of(model, head) < before


def test_accelerate_learns_with_accumulation_and_clipping() -> None:
    accelerate = pytest.importorskip("accelerate")
    head = "sequence_classification"
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = model_of(head)
    before = loss_of(model, head)
    loader = torch.utils.data.DataLoader(rows_of(head), batch_size=4)  # pyright: ignore
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    prepared, optimizer, loader = accelerator.prepare(model.train(), optimizer, loader)
    for _ in range(5):
        for batch in loader:
            with accelerator.accumulate(prepared):
                accelerator.backward(prepared(**batch).loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(prepared.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
    assert loss_of(accelerator.unwrap_model(prepared), head) < before
