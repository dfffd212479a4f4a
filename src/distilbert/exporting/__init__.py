"""Writes models for other programs: `export`, its files, and the check of each export.

Reads checkpoints as arrays; a framework is only needed to check the answers of the file.
"""
