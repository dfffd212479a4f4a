"""`task.json` of a fine-tuned folder: the settings of its task that a model's config cannot hold.

Fine-tuning writes it, conversion copies it; evaluation and pipelines read it, so that both treat
texts alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbert.json_files import read_optional_json

TASK_FILE = "task.json"
# Names of fields in the result folders of earlier versions, and their present names.
RENAMED = {"join": "join_texts"}


def read_task_file(folder: Path | None) -> dict[str, Any]:
    """The `head` and the settings that fine-tuning stored in a folder, lists as tuples.

    Empty for a folder without the file, and for None, a model without a folder.

    Raises:
        CheckpointError: the file is not a JSON object.
    """
    stored = {} if folder is None else read_optional_json(folder / TASK_FILE)
    return {
        RENAMED.get(name, name): tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
    }
