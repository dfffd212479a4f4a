"""Runs exported files: one module per runtime, each with a `Runner`. Imports no model of ours."""
