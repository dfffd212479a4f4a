"""Masked language modelling: predict the tokens at masks."""
