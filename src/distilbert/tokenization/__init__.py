"""Text to token ids and back: the two tokenizer classes of the page and their parts.

Knows no framework and no model. The classes live in `slow.py` and `fast.py`.
"""
