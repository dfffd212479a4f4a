"""Ready-made predictors: tokenizer, runner and task put together. See `pipeline`."""

from __future__ import annotations

from distilbert.pipelines.factory import pipeline

__all__ = ["pipeline"]
