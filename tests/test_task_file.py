"""What a fine-tuned folder states of its task."""

from __future__ import annotations

from pathlib import Path

from distilbert.task_file import TASK_FILE, read_task_file


def test_settings_are_read_under_their_present_names(tmp_path: Path) -> None:
    assert read_task_file(None) == read_task_file(tmp_path) == {}
    text = '{"head": "masked_lm", "join": true, "thresholds": [0.5]}'
    (tmp_path / TASK_FILE).write_text(text)
    expected = {"head": "masked_lm", "join_texts": True, "thresholds": (0.5,)}
    assert read_task_file(tmp_path) == expected
