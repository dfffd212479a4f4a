"""The fixture `tokenizer`: each of the two tokenizers over a small vocabulary."""

from stand_ins import tokenizer as tokenizer
