"""Data sets as rows: files of many formats and hub data sets in, rows with their places out.

Knows no task and no tokenizer. What is wrong with rows is gathered in `problems`, never raised one
by one.
"""
