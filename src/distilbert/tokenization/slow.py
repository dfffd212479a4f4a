"""`DistilBertTokenizer`: the tokenizer in pure Python, on `WordPieceEngine`.

Calls work on ids alone; offsets, words and tokens are worked out when somebody asks for them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization.base import Rows, TokenizerBase
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.encoding import Encoding
from distilbert.tokenization.from_ids import Columns, plan_cut
from distilbert.tokenization.inputs import Examples, Text
from distilbert.tokenization.special_tokens import as_special_token, copy_token
from distilbert.tokenization.vocab import load_vocab
from distilbert.tokenization.wordpiece import TextPieces, WordPieceEngine


class DistilBertTokenizer(TokenizerBase):
    """The slow tokenizer of the page.

    Args:
        vocab_file: path of `vocab.txt`, or the vocabulary itself as a dict.
        never_split: words that stay whole; with `do_lower_case` only lower-case ones can match.

    Raises:
        InputError: `vocab_file` is not a file.
    """

    is_fast = False

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Mapping[str, int],
        do_lower_case: bool = True,
        do_basic_tokenize: bool = True,
        never_split: Collection[str] | None = None,
        unk_token: str | AddedToken = "[UNK]",
        sep_token: str | AddedToken = "[SEP]",
        pad_token: str | AddedToken = "[PAD]",
        cls_token: str | AddedToken = "[CLS]",
        mask_token: str | AddedToken = "[MASK]",
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.do_lower_case = do_lower_case
        self._vocab = _read_vocabulary(vocab_file)
        self._tokens = {index: token for token, index in self._vocab.items()}
        added = kwargs.pop("added_tokens_decoder", None) or {}
        options = {
            "do_lower_case": do_lower_case,
            "do_basic_tokenize": do_basic_tokenize,
            "never_split": None if never_split is None else list(never_split),
            "tokenize_chinese_chars": tokenize_chinese_chars,
            "strip_accents": strip_accents,
        }
        special = {
            "unk_token": unk_token,
            "sep_token": sep_token,
            "pad_token": pad_token,
            "cls_token": cls_token,
            "mask_token": mask_token,
        }
        self._set_up(options, {**special, **kwargs})
        self._added: dict[int, AddedToken] = dict(sorted(added.items()))
        self._register(self._special_token_objects())
        self._rebuild()

    # ---- calls

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """The tokens of a text or a pair."""
        if pair is None and not add_special_tokens and not kwargs and isinstance(text, str):
            return self._engine.tokens(text)
        return super().tokenize(text, pair, add_special_tokens, **kwargs)

    def _columns(self, examples: Examples, options: CallOptions) -> tuple[Columns, Rows]:
        first = [self._ids(text) for text in examples.first]
        second = None
        if examples.second is not None:
            second = [None if text is None else self._ids(text) for text in examples.second]
        columns = self._columns_of_ids(first, second, options)
        if options.return_length and examples.is_batch:
            # As in the reference: lengths in a batch leave padding out, that of one text does not.
            columns["length"] = [len(row) for row in columns["input_ids"]]
        if not options.return_offsets_mapping:
            return columns, lambda: self._rows(examples, options)
        rows = self._rows(examples, options)
        columns["offset_mapping"] = [row.offsets for row in rows]
        return columns, lambda: rows

    def _rows(self, examples: Examples, options: CallOptions) -> list[Encoding]:
        """The rows of a call with tokens, words and offsets."""
        rows: list[Encoding] = []
        for text, pair in examples.rows():
            a = self._pieces(text)
            b = None if pair is None else self._pieces(pair)
            n_pair = None if b is None else len(b.ids)
            cut = plan_cut(len(a.ids), n_pair, options)
            complete = options.add_special_tokens
            rows.append(self._row(a, cut.first, b, cut.second, complete=complete))
        return rows

    def _text_ids(self, texts: Sequence[Text], *, split: bool) -> list[list[int]]:
        return [self._ids(text) for text in texts]

    def _text_pieces(self, texts: Sequence[Text], *, split: bool) -> list[TextPieces]:
        return [self._pieces(text) for text in texts]

    def _ids(self, text: Text) -> list[int]:
        if isinstance(text, str):
            return self._engine.ids(text)
        return [index for word in text for index in self._engine.ids(word)]

    def _pieces(self, text: Text) -> TextPieces:
        """The pieces of a text; of a list of words with offsets inside each word."""
        if isinstance(text, str):
            return self._engine.pieces(text)
        joined = TextPieces()
        for number, word in enumerate(text):
            pieces = self._engine.pieces(word)
            joined.ids += pieces.ids
            joined.tokens += pieces.tokens
            joined.offsets += pieces.offsets
            joined.words += [number] * len(pieces.ids)
        return joined

    def _unbatch(self, columns: Columns, options: CallOptions) -> dict[str, Any]:
        return {name: column[0] for name, column in columns.items()}

    def _refuse_keywords(self, names: Sequence[str]) -> None:
        warnings.warn(f"A call ignores unknown keywords: got {', '.join(names)}.", stacklevel=4)

    # ---- tokens

    @property
    def vocab_size(self) -> int:
        """How many tokens the vocabulary has, without added ones."""
        return len(self._vocab)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens (special ones included) by id, in the order of their ids."""
        return dict(sorted(self._added.items()))

    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added tokens included."""
        return {**self._vocab, **self.added_tokens_encoder}

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of word pieces: joined with spaces, `##` pieces glued on."""
        return " ".join(tokens).replace(" ##", "").strip()

    def _find_id(self, token: str) -> int | None:
        found = self._added_ids.get(token)
        return self._vocab.get(token) if found is None else found

    def _find_token(self, token_id: int) -> str | None:
        added = self._added.get(token_id)
        return self._tokens.get(token_id, self.unk_token) if added is None else added.content

    def _decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        """Stretches between tokens from beyond the vocabulary, which stand alone between spaces."""
        tokens = self.convert_ids_to_tokens(ids, skip_special_tokens)
        alone = {t.content for i, t in self._added.items() if i >= self.vocab_size}
        alone -= set(self.all_special_tokens)
        texts: list[str] = []
        stretch: list[str] = []
        for token in tokens:
            if token not in alone:
                stretch.append(token)
                continue
            if stretch:
                texts.append(self.convert_tokens_to_string(stretch))
            texts.append(token)
            stretch = []
        if stretch:
            texts.append(self.convert_tokens_to_string(stretch))
        return " ".join(texts)

    def _add(self, tokens: Sequence[str | AddedToken], *, special: bool) -> int:
        n_added = self._register(self._as_added(token, special=special) for token in tokens)
        self._rebuild()
        return n_added

    def _as_added(self, token: str | AddedToken, *, special: bool) -> AddedToken:
        text = token if isinstance(token, str) else token.content
        if special or text in self.all_special_tokens:
            return as_special_token(token, name="add_tokens")
        token = AddedToken(token) if isinstance(token, str) else token
        if self.do_lower_case and token.normalized and not token.special:
            return copy_token(token, content=text.lower())
        return token

    def _register(self, tokens: Iterable[AddedToken]) -> int:
        """Give every token an id, a new one where the vocabulary has none; how many are new."""
        known = self.get_vocab()
        added = dict(self._added)
        listed = {token.content for token in added.values()}
        n_before = len(known)
        for token in tokens:
            if token.content and token.content not in listed:
                listed.add(token.content)
                added[known.setdefault(token.content, len(known))] = token
                if token.special and token.content not in self.all_special_tokens:
                    self._additional_special_tokens = [*self._additional_special_tokens, token]
        self._added = added
        return len(known) - n_before

    def _special_tokens_changed(self) -> None:
        self._rebuild()

    def _rebuild(self) -> None:
        """A new engine for the present tokens; the old one serves calls that are under way."""
        self._revision += 1
        self._added_ids = {token.content: index for index, token in self._added.items()}
        options = self.init_kwargs
        self._engine = WordPieceEngine(
            self._vocab,
            do_lower_case=self.do_lower_case,
            strip_accents=options["strip_accents"],
            tokenize_chinese_chars=options["tokenize_chinese_chars"],
            do_basic_tokenize=options["do_basic_tokenize"],
            never_split=options["never_split"] or (),
            unk_token=str(self.unk_token),
            special_tokens=self.all_special_tokens,
            added_tokens=self._added,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_engine"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._rebuild()  # what the engine remembers is not worth carrying

    def _vocabulary(self) -> Mapping[str, int]:
        return self._vocab

    def _backend_files(self) -> dict[str, str]:
        return {}


def _read_vocabulary(vocab: str | os.PathLike[str] | Mapping[str, int]) -> dict[str, int]:
    if isinstance(vocab, Mapping):
        return dict(vocab)
    path = Path(vocab)
    if not path.is_file():
        raise InputError(
            f"`vocab_file` must be a vocabulary file: got {str(vocab)!r}, which is none. "
            "Use `DistilBertTokenizer.from_pretrained(folder)` for a folder."
        )
    return load_vocab(path)
