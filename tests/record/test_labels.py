"""Labels: everything can be seen, nothing acts on the screen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.record.labels import bytes_label, id_label, special_label, text_label, visible


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("cat", "cat"),
        (" cat", "cat"),
        ("  cat", "␣cat"),
        ("cat ", "cat␣"),
        (" ", "␣"),
        ("   ", "␣␣␣"),
        ("    ", "␣×4"),
        ("     x", "␣×4x"),
        ("\n", "↵"),
        ("\n\n\n\n\n", "↵×5"),
        ("\r\n", "␍↵"),
        ("\t", "⇥"),
        (" \n", "↵"),
        ("", "∅"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x00", "␀"),
        ("\x7f", "␡"),
        ("\x85", "⟨U+0085⟩"),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("\u2066", "⟨U+2066⟩"),
        ("\u00a0", "⟨U+00A0⟩"),
        ("\u200d", "⟨U+200D⟩"),
        ("\ufe0f", "⟨U+FE0F⟩"),
        ("\ufeff", "⟨U+FEFF⟩"),
        ("\u3164", "⟨U+3164⟩"),
        ("\u0301", "◌\u0301"),
        (" \u0301", "◌\u0301"),
        ("e\u0301", "e\u0301"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("中国", "中国"),
        (" the cat", "the cat"),
        ("a  b", "a␣␣b"),
        ("שלום", "שלום"),
    ],
)
def test_text_labels(text: str, label: str) -> None:
    assert text_label(text) == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("<|bos|>", "⟨bos⟩"),
        ("<s>", "⟨s⟩"),
        ("</s>", "⟨/s⟩"),
        ("[CLS]", "[CLS]"),
        ("<extra_id_0>", "⟨extra_id_0⟩"),
        ("<｜begin▁of▁sentence｜>", "⟨begin of sentence⟩"),
        ("<>", "<>"),
        ("<||>", "⟨||⟩"),
        ("", "⟨7⟩"),
        ("  ", "⟨7⟩"),
        ("<|\x1b|>", "⟨␛⟩"),
    ],
)
def test_special_labels(name: str, label: str) -> None:
    assert special_label(name, 7) == label


def test_labels_of_what_has_no_name() -> None:
    assert id_label(50300) == "⟨50300⟩"
    assert id_label(None) == "⟨?⟩"
    assert bytes_label(b"\xf0\x9f") == "⟨F0 9F⟩"


@given(st.text())
def test_every_label_shows_something_and_nothing_acts(text: str) -> None:
    label = text_label(text)
    assert label.strip()
    kinds = {unicodedata.category(char) for char in label if char not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(alphabet="ab ", max_size=12))
def test_spaces_are_counted(text: str) -> None:
    shown = visible(text)
    edge = len(text) - len(text.strip(" ")) if text.strip(" ") else len(text)
    if edge <= 3:
        assert shown.count("␣") >= edge
