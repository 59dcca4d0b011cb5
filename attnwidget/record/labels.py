"""How a piece of text is shown in a token column: every token gets a label that can be seen and told apart.

Pure functions on strings; no tokenizer, no torch.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

CONTINUED = "⋯"
"""Label of a token that only carries on a character begun in the token before."""

_SYMBOLS = {" ": "␣", "\n": "↵", "\t": "⇥", "\x7f": "␡"}
_LONGEST_RUN = 3


def _symbol(char: str) -> str | None:
    """Return what stands for a character that shows nothing, or acts, by itself; else None."""
    if char in _SYMBOLS:
        return _SYMBOLS[char]
    if ord(char) < 0x20:
        return chr(0x2400 + ord(char))
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"} or _is_invisible(char):
        return f"⟨U+{ord(char):04X}⟩"
    return None


def _is_invisible(char: str) -> bool:
    """Tell fillers and variation selectors: letters and marks to Unicode, but they show nothing."""
    code = ord(char)
    return (
        0xFE00 <= code <= 0xFE0F
        or 0xE0100 <= code <= 0xE01EF
        or code in {0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0}
    )


def _is_joiner(char: str) -> bool:
    """Tell what only shapes its neighbours in a word or an emoji: joiners and variation selectors."""
    return char in "\u200c\u200d" or 0xFE00 <= ord(char) <= 0xFE0F


def _runs(symbols: str, symbol: str) -> str:
    return symbols if len(symbols) <= _LONGEST_RUN else f"{symbol}×{len(symbols)}"


def visible(text: str) -> str:
    """Write out everything in a text that would be invisible, or would act on the screen.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with line ends as "↵", tabs as "⇥", control characters as their Unicode pictures ("␛"),
        bidirectional and other format characters as "⟨U+202E⟩", spaces at either end as "␣", runs of more
        than three of one symbol as "␣×12", and a combining mark without a letter on a dotted circle. Spaces
        between words stay spaces.
    """
    inner = text.strip(" ")
    lead = len(text) - len(text.lstrip(" "))
    parts = [_runs("␣" * lead, "␣")]
    for char, group in groupby(inner):
        count = len(list(group))
        symbol = _symbol(char)
        if char == " " and count == 1:
            parts.append(" ")
        elif symbol is None or (_is_joiner(char) and inner.strip(char)):
            parts.append(char * count)
        elif len(symbol) == 1:
            parts.append(_runs(symbol * count, symbol))
        else:
            parts.append(symbol if count == 1 else f"{symbol}×{count}")
    if inner:
        parts.append(_runs("␣" * (len(text) - lead - len(inner)), "␣"))
    shown = "".join(parts)
    return f"◌{shown}" if shown and unicodedata.category(shown[0]).startswith("M") else shown


def text_label(text: str) -> str:
    """Label of an ordinary token.

    Parameters
    ----------
    text : str
        The token's decoded text; one leading space is taken for the gap between words and not shown.

    Returns
    -------
    str
        Never empty: " cat" gives "cat", " " gives "␣", "" gives "∅".
    """
    if text == "":
        return "∅"
    if text.startswith(" ") and text.strip(" "):
        return visible(text[1:])
    return visible(text)


def special_label(name: str, token_id: int | None = None) -> str:
    """Label of a special token.

    Parameters
    ----------
    name : str
        The token as the vocabulary writes it, for example "<|bos|>", "</s>" or "[CLS]".
    token_id : int, optional
        Its id, shown where the name is empty.

    Returns
    -------
    str
        "<|bos|>" gives "⟨bos⟩", "</s>" gives "⟨/s⟩"; names in other brackets stay as they are.
    """
    if not name.strip():
        return id_label(token_id)
    if name.startswith("<") and name.endswith(">") and len(name) > 2:
        inner = name[1:-1]
        for bar in ("|", "\uff5c"):
            if inner.startswith(bar) and inner.endswith(bar) and len(inner) > 2:
                inner = inner[1:-1]
                break
        return f"⟨{visible(inner.replace('▁', ' '))}⟩"
    return visible(name)


def id_label(token_id: int | None) -> str:
    """Label of a token that no vocabulary names: "⟨50300⟩"."""
    return "⟨?⟩" if token_id is None else f"⟨{token_id}⟩"


def bytes_label(data: bytes) -> str:
    """Label of bytes that are no complete character: "⟨F0 9F⟩"."""
    return f"⟨{data.hex(' ').upper()}⟩"
