"""Text to token ids and back: the two tokenizer classes of the page and what they are made of.

Knows no framework and no model. The classes live in `slow.py` and `fast.py`.
"""
