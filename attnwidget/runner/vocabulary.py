"""What there is to know about a tokenizer: its spelling, its special ids, and readable text for ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from attnwidget.record.labels import CONTINUED, bytes_label, id_label, special_label, text_label
from attnwidget.runner.pieces import Piece, Spelling, join_bytes, piece_bytes, read_pieces

_LONGEST_CHARACTER = 8
"""Tokens after which an unfinished character is given up (a character has at most four bytes)."""


def _flatten(state: Any) -> Iterator[dict[str, Any]]:
    """Yield every component of a serialised tokenizers pipeline, nested sequences opened."""
    if isinstance(state, dict):
        nested = [state[key] for key in ("decoders", "pretokenizers", "normalizers") if key in state]
        if not nested:
            yield state
        for part in nested:
            for each in part:
                yield from _flatten(each)


def _components(component: Any) -> list[dict[str, Any]]:
    if component is None:
        return []
    return list(_flatten(json.loads(component.__getstate__())))


def find_spelling(backend: Any) -> Spelling | None:
    """Read off how a fast tokenizer's vocabulary writes text.

    Parameters
    ----------
    backend : tokenizers.Tokenizer
        The tokenizer inside a fast tokenizer.

    Returns
    -------
    Spelling or None
        None where the pipeline is of a kind not known here.
    """
    decoders = _components(backend.decoder)
    parts = decoders or _components(backend.pre_tokenizer)
    kinds = {part["type"]: part for part in parts}
    if "ByteLevel" in kinds:
        return Spelling("bytes", getattr(backend.model, "end_of_word_suffix", None) or "")
    if "WordPiece" in kinds:
        return Spelling("wordpiece", kinds["WordPiece"].get("prefix", "##"))
    replace = kinds.get("Replace")
    marked = (
        replace is not None and replace.get("content") == " " and isinstance(replace.get("pattern"), dict)
    )
    if "Metaspace" in kinds or marked:
        if "Metaspace" in kinds:
            mark = kinds["Metaspace"].get("replacement", "▁")
            leading = kinds["Metaspace"].get("prepend_scheme", "always") != "never"
        else:
            assert replace is not None
            mark = replace["pattern"].get("String", "▁")
            leading = bool(kinds.get("Strip", {}).get("start"))
        return Spelling("space", mark, "ByteFallback" in kinds, leading)
    if "BPEDecoder" in kinds:
        return Spelling("suffix", kinds["BPEDecoder"].get("suffix", "</w>"))
    if backend.model.__class__.__name__ == "WordPiece":
        return Spelling("wordpiece", backend.model.continuing_subword_prefix)
    return None if decoders else Spelling("words")


class Vocabulary:
    """A tokenizer's ids made readable.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase or None
        Any tokenizer of transformers, fast or not; None where there is none, which leaves only numbers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        backend = (
            getattr(tokenizer, "backend_tokenizer", None) if getattr(tokenizer, "is_fast", False) else None
        )
        self.spelling = None if backend is None else find_spelling(backend)
        self.reserved: frozenset[int] = frozenset()
        self.special: frozenset[int] = frozenset()
        self._added: dict[int, str] = {}
        if tokenizer is not None:
            added = getattr(tokenizer, "added_tokens_decoder", {})
            marked = {index for index, token in added.items() if getattr(token, "special", False)}
            self.reserved = frozenset(
                marked | {index for index in tokenizer.all_special_ids if index is not None}
            )
            self.special = self.reserved - self._content_ids()
            self._added = {index: str(token) for index, token in added.items()}
        self._label = lru_cache(maxsize=100_000)(self._read_label)

    def _content_ids(self) -> set[int]:
        """Return reserved ids that stand for something the user typed: the unknown token and the mask."""
        structure = {
            getattr(self.tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "cls", "sep", "pad")
        }
        content = {getattr(self.tokenizer, f"{name}_token_id", None) for name in ("unk", "mask")}
        return {index for index in content - structure if index is not None}

    def is_special(self, token_id: int) -> bool:
        """Tell whether an id frames the text instead of standing for a part of it."""
        return token_id in self.special

    def name(self, token_id: int) -> str | None:
        """Return the name of an id that was added to the vocabulary, as it is typed; else None."""
        return self._added.get(token_id)

    def names(self, ids: Sequence[int]) -> list[str | bytes | None]:
        """Return the vocabulary's own spelling of each id, None for ids that it does not have."""
        return [self._name(index) for index in ids]

    def _name(self, token_id: int) -> str | bytes | None:
        if self.tokenizer is None:
            return None
        try:
            name = self.tokenizer.convert_ids_to_tokens(token_id)
        except (IndexError, KeyError, OverflowError, TypeError, ValueError):
            return None
        return name if isinstance(name, (str, bytes)) else None

    def read(self, ids: Sequence[int]) -> list[Piece]:
        """Read consecutive ids, characters put together across tokens.

        Parameters
        ----------
        ids : sequence of int
            Token ids in order; special tokens among them read as their names and begin a new run of text.

        Returns
        -------
        list of Piece
            One per id.
        """
        names = self.names(ids)
        read: list[Piece | None] = [None] * len(ids)
        run: list[int] = []

        def close() -> None:
            for position, piece in zip(run, self._read_run([ids[each] for each in run]), strict=True):
                read[position] = piece
            run.clear()

        for position, (index, name) in enumerate(zip(ids, names, strict=True)):
            alone = self._stands_alone(index, name)
            if alone is None:
                run.append(position)
            else:
                close()
                read[position] = Piece(alone, False, alone.encode("utf-8", "replace"))
        close()
        return [piece for piece in read if piece is not None]

    def _stands_alone(self, index: int, name: str | bytes | None) -> str | None:
        """Return the text of an id that no spelling applies to (added to the vocabulary, or not in it)."""
        if name is None:
            return ""
        if index in self.special or (index in self._added and index not in self.reserved):
            return self._added.get(index, str(name))
        return None

    def _read_run(self, ids: Sequence[int]) -> list[Piece]:
        names = self.names(ids)
        raw = [name for name in names if isinstance(name, bytes)]
        if len(raw) == len(ids):
            return join_bytes(raw)
        texts = [name for name in names if isinstance(name, str)]
        if self.spelling is not None and len(texts) == len(ids):
            return read_pieces(texts, self.spelling)
        return self._read_by_decoding(ids)

    def _read_by_decoding(self, ids: Sequence[int]) -> list[Piece]:
        """Find what each further id adds to the decoded text, where the spelling is unknown.

        An id that adds nothing, or an unfinished character, is held until one completes it.
        """
        pieces: list[Piece] = []
        start = done = 0
        for index in range(len(ids)):
            before, now = self._decode(ids[start:done]), self._decode(ids[start : index + 1])
            new = now[len(before) :] if now.startswith(before) else self._decode(ids[done : index + 1])
            full = index + 1 - done >= _LONGEST_CHARACTER or index + 1 == len(ids)
            if not full and (not new or new.endswith("\ufffd")):
                continue
            held = index - done
            together = held > 0 and self._decode([ids[index]]).strip() != new.strip()
            data = new.encode("utf-8", "replace")
            if together:
                pieces += [Piece(new, False, data), *[Piece("", True, b"")] * held]
            else:
                pieces += [*[Piece("", False, b"")] * held, Piece(new, False, data)]
            start, done = done, index + 1
        return pieces

    def _decode(self, ids: Sequence[int]) -> str:
        if not ids:
            return ""
        return str(
            self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def token_label(self, token_id: int, piece: Piece) -> str:
        """Label one token in its place.

        Parameters
        ----------
        token_id : int
            Its id.
        piece : Piece
            What `read` says it is.

        Returns
        -------
        str
            Never empty. WordPiece entries stay as the vocabulary writes them ("##ing").
        """
        if token_id in self.reserved or (self.spelling is not None and self.spelling.kind == "wordpiece"):
            return self.label(token_id)
        if piece.text:
            return self._text_label(piece.text)
        return CONTINUED if piece.continued else self.label(token_id)

    def _text_label(self, text: str) -> str:
        ends_word = self.spelling is not None and self.spelling.ends_words and bool(text.strip(" "))
        return text_label(text.removesuffix(" ") if ends_word else text)

    def label(self, token_id: int) -> str:
        """Label one id by itself, as for a predicted token; bytes that are no character show as "⟨F0 9F⟩"."""
        return self._label(token_id)

    def _read_label(self, token_id: int) -> str:
        name = self._name(token_id)
        if name is None:
            return id_label(token_id)
        if token_id in self.reserved:
            return special_label(self._added.get(token_id, str(name)), token_id)
        if token_id in self._added:
            return text_label(self._added[token_id])
        if isinstance(name, bytes):
            data = name
        elif self.spelling is None:
            return text_label(self._decode([token_id]))
        elif self.spelling.kind == "wordpiece":
            return text_label(name)
        else:
            data = piece_bytes(name, self.spelling)
        try:
            return self._text_label(data.decode())
        except UnicodeDecodeError:
            return bytes_label(data)
