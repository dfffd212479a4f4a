"""Measures how fast a model runs here in each framework, runtime and precision, and recommends one.

Joins the pipelines, which are timed as users call them, with the exporter, which writes the files.
"""
