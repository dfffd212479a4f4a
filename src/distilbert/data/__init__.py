"""Data sets as rows: reads files of many formats and data sets of the hub into rows.

Knows no task and no tokenizer. Every row carries its place; faults of rows are collected in
`problems` rather than raised one by one.
"""
