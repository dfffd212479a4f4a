"""A student starts from its teacher: copied layers, a kept head, or projected embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.student import (
    TeacherWeights,
    evenly_spaced,
    read_teacher,
    student_of,
)
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "dim": 16,
    "n_heads": 4,
    "n_layers": 6,
    "hidden_dim": 24,
    "max_position_embeddings": 12,
}
WORDS = "distilbert.embeddings.word_embeddings.weight"
QUERY = "distilbert.transformer.layer.{}.attention.q_lin.weight"


def teacher(head: str = "masked_lm", **changes: Any) -> TeacherWeights:
    config = DistilBertConfig(**{**SIZES, **changes})
    arrays = initial_weights(config, "masked_lm", seed=3)
    has_head = head == "masked_lm"
    kept = {n: a for n, a in arrays.items() if has_head or n.startswith("distilbert.")}
    return TeacherWeights(config, kept, has_head)


@pytest.mark.parametrize(
    ("n_teacher", "n_student", "layers"),
    [
        (12, 6, (0, 2, 4, 7, 9, 11)),
        (6, 3, (0, 2, 5)),
        (12, 3, (0, 6, 11)),
        (4, 4, (0, 1, 2, 3)),
        (5, 1, (0,)),
    ],
)
def test_layers_are_evenly_spaced(n_teacher: int, n_student: int, layers: Any) -> None:
    assert evenly_spaced(n_teacher, n_student) == layers


def test_half_of_the_layers_are_copied_with_embeddings_and_head() -> None:
    source = teacher()
    student = student_of(source)
    assert (student.config.n_layers, student.layers) == (3, (0, 2, 5))
    assert student.projection is None
    for name in (WORDS, "vocab_transform.weight", "vocab_projector.bias"):
        np.testing.assert_array_equal(student.arrays[name], source.arrays[name])
    for new, old in enumerate((0, 2, 5)):
        own, theirs = student.arrays[QUERY.format(new)], source.arrays[QUERY.format(old)]
        np.testing.assert_array_equal(own, theirs)
    assert student.arrays.keys() == initial_weights(student.config, "masked_lm", 0).keys()


def test_any_list_of_layers_can_be_copied() -> None:
    source = teacher()
    student = student_of(source, layers=[5, 5])
    for new in range(2):
        np.testing.assert_array_equal(
            student.arrays[QUERY.format(new)], source.arrays[QUERY.format(5)]
        )
    assert student_of(source, n_layers=6).layers == (0, 1, 2, 3, 4, 5)


def test_without_a_head_there_is_none_to_copy() -> None:
    assert all(name.startswith("distilbert.") for name in student_of(teacher("base")).arrays)


def test_pruned_heads_follow_their_layers() -> None:
    config = DistilBertConfig(**SIZES, pruned_heads={2: [1], -1: [0, 3]})
    arrays = initial_weights(config, "masked_lm", seed=3)
    student = student_of(TeacherWeights(config, arrays, has_head=True))
    assert student.config.pruned_heads == {1: [1], 2: [0, 3]}
    assert student.arrays[QUERY.format(2)].shape == (8, 16)


def test_random_weights_follow_from_the_seed_alone() -> None:
    source = teacher()
    first, again, other = (student_of(source, init="random", seed=seed) for seed in (1, 1, 2))
    assert (first.config.n_layers, first.layers) == (3, ())
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])
    assert not np.array_equal(first.arrays[WORDS], other.arrays[WORDS])
    assert not np.array_equal(first.arrays[WORDS], source.arrays[WORDS])


def test_a_narrow_student_starts_from_the_strongest_directions_of_the_embeddings() -> None:
    source = teacher()
    student = student_of(source, dim=8)
    assert (student.config.dim, student.config.n_heads, student.config.hidden_dim) == (8, 2, 12)
    assert student.layers == ()
    assert student.projection is not None
    back = student.arrays[WORDS] @ student.projection.T
    words = source.arrays[WORDS]
    u, s, v = np.linalg.svd(words, full_matrices=False)
    np.testing.assert_allclose(back, (u[:, :8] * s[:8]) @ v[:8], atol=1e-6)


def test_a_wide_student_keeps_all_directions() -> None:
    source = teacher()
    student = student_of(source, dim=20, n_heads=5)
    assert student.projection is not None
    back = student.arrays[WORDS] @ student.projection.T
    np.testing.assert_allclose(back, source.arrays[WORDS], atol=1e-6)
    assert student.arrays[WORDS][:, 16:].any()


def test_other_inner_sizes_keep_the_tables() -> None:
    source = teacher()
    student = student_of(source, n_layers=2, hidden_dim=32)
    assert (student.layers, student.projection) == ((), None)
    np.testing.assert_array_equal(student.arrays[WORDS], source.arrays[WORDS])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [0, 6]}, r"`layers` must be numbers of the teacher's layers, 0 to 5: got"),
        ({"layers": []}, "`layers` must be numbers"),
        ({"layers": [0, 1], "n_layers": 3}, r"`n_layers` must be the number of `layers`: got 3"),
        ({"n_layers": 7}, "between 1 and 6 layers, as many as its teacher: got 7"),
        ({"n_layers": 0}, "between 1 and 6 layers"),
    ],
)
def test_impossible_students_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        student_of(teacher(), **options)


@pytest.mark.parametrize("head", ["base", "masked_lm", "sequence_classification"])
def test_a_distilbert_is_read_with_its_masked_lm_head_if_it_has_one(
    tmp_path: Path, head: str
) -> None:
    config = DistilBertConfig(**SIZES)
    arrays = initial_weights(config, head, 3)
    save_checkpoint(tmp_path, arrays, config, head=head)
    found = read_teacher(tmp_path)
    assert found.has_head == (head == "masked_lm")
    assert all(name.startswith("distilbert.") or found.has_head for name in found.arrays)
    own = arrays["embeddings.word_embeddings.weight" if head == "base" else WORDS]
    np.testing.assert_array_equal(found.arrays[WORDS], own)


def test_a_teacher_without_its_encoder_is_refused(tmp_path: Path) -> None:
    config = DistilBertConfig(**SIZES)
    arrays = initial_weights(DistilBertConfig(**{**SIZES, "n_layers": 4}), "base", 3)
    save_checkpoint(tmp_path, arrays, config, head="base")
    with pytest.raises(CheckpointError, match="A teacher must have its encoder"):
        read_teacher(tmp_path)
