"""A prompt of some thousand tokens, whose patterns are never sent whole: run, read, searched, saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Open
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import Explorer, explorers
from tests.e2e.harness.notebook import Notebook

N, NEEDLE = 3000, 1234
TEXT = " ".join(f"w{at * 7919 % 400}" if at != NEEDLE else "needle" for at in range(N))

MODEL = """
import threading
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
import attnwidget as aw

words = {word: at for at, word in enumerate(["needle", "?", *(f"w{at}" for at in range(400))])}
fast = Tokenizer(models.WordLevel(words, unk_token="?"))
fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=fast, unk_token="?")
torch.manual_seed(0)
config = GPT2Config(vocab_size=402, n_positions=4096, n_layer=2, n_head=4, n_embd=64, initializer_range=0.3,
                    bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(config).eval()
gate = threading.Event()
gate.set()
model.transformer.h[1].register_forward_pre_hook(lambda *_: gate.wait() and None)
ex = aw.explore("w1 w2 w3 w1 w2", model=model, tokenizer=tokenizer)
"""

BUSY = "[thread.name for thread in threading.enumerate() if thread.name == 'attnwidget']"
"""Threads that answer a request or run a prompt; those that share work out wait idle."""

MOST_NODES = 3000


def words(explorer: Explorer) -> Locator:
    """Return the words of the text view that have elements now."""
    return explorer.root.locator(".ap-scroller [role='option']")


@pytest.fixture
def opened(open_cells: Open) -> tuple[Notebook, Explorer]:
    """A short prompt on screen, of a model that waits in its second layer while `gate` is closed."""
    notebook = open_cells(MODEL, "ex")
    return notebook, explorers(notebook.page)[0]


def run(explorer: Explorer, text: str) -> None:
    """Type a prompt and press Enter."""
    explorer.prompt.fill(text)
    explorer.prompt.press("Enter")


@pytest.mark.timeout(300)
def test_a_long_prompt_is_run_and_read_to_the_cell(
    opened: tuple[Notebook, Explorer], browser: Browser, tmp_path: Path
) -> None:
    notebook, explorer = opened
    page, short = notebook.page, explorer.record()
    page.set_viewport_size({"width": 1280, "height": 1700})
    before = explorer.pixels()

    # Cancelled in the middle: the earlier view stands.
    notebook.execute("gate.clear()")
    run(explorer, TEXT)
    expect(explorer.root.get_by_role("progressbar", name="Progress of the run")).to_be_visible()
    notebook.until("ex.status['done']", lambda done: done == 1)
    explorer.cancel.click()
    notebook.execute("gate.set()")
    notebook.until("ex.status['phase']", lambda phase: phase == "idle")
    assert explorer.record() == short == notebook.kernel("ex.record.id")
    assert explorer.pixels() == before

    # A second prompt, from Python, while the first runs: the first gives way, the second is shown.
    notebook.execute("gate.clear()")
    run(explorer, "w5 " * (N - 7))
    notebook.until("ex.status['done']", lambda done: done == 1)
    notebook.execute(f"threading.Timer(0.1, gate.set).start(); ex.prompt = {TEXT!r}")
    record = explorer.wait_record(short)
    assert notebook.kernel("ex.record.id") == record
    assert notebook.kernel("len(ex.record.tokens)") == N
    expect(explorer.alert).to_have_count(0)

    # The text: few elements, to the last word; a click shows what its row is.
    explorer.tab("Text").click()
    expect(words(explorer).first).to_have_attribute("aria-setsize", str(N))
    words(explorer).first.click()
    page.keyboard.press("End")
    last = explorer.root.locator(f"[aria-posinset='{N}']")
    expect(last).to_be_in_viewport()
    assert words(explorer).count() < N / 2
    assert explorer.root.locator("*").count() < MOST_NODES
    last.click()
    expect(explorer.live.last).to_contain_text(f"token {N - 1}")
    layer, head = notebook.kernel("[ex.layer, ex.heads[0]]")
    row = f"ex.record.weights({layer}, {head}, queries={N - 1})[0]"
    strongest = notebook.kernel(f"int({row}.argmax())")
    expect(explorer.live.last).to_contain_text(f"at {strongest} {short_weight(notebook, row, strongest)}")
    expect(explorer.root.get_by_role("slider", name="Map of the prompt")).to_be_visible()

    # A word is found.
    explorer.root.get_by_role("button", name="Find", exact=True).click()
    page.keyboard.type("needle")
    page.keyboard.press("Enter")
    expect(explorer.root.locator(f"[aria-posinset='{NEEDLE + 1}']")).to_be_in_viewport()
    page.keyboard.press("Escape")

    # Which head, and which token, attends most to it: the kernel's own answer, and there with a click.
    explorer.root.get_by_role("button", name="f search").click()
    asked = explorer.root.get_by_role("textbox", name="Words to search attention for")
    asked.fill("needle")
    asked.press("Enter")
    expect(explorer.root.locator(".al-search-said")).to_have_text("Searched 8 heads: exact")
    explorer.root.get_by_role("listbox", name="Where the most attention is").get_by_role(
        "option"
    ).first.click()
    best = notebook.kernel(
        f"[[hit.layer, hit.head, hit.query, hit.key] for hit in ex.record.top({NEEDLE}, k=1, plain=True)][0]"
    )
    shown = "[ex.layer, ex.heads[0], ex.selection['query'], ex.selection['key']]"
    notebook.until(shown, lambda place: place == best)
    layer, head = best[:2]

    # The matrix, from the whole down to one cell, with its exact weight.
    explorer.tab("Matrix").click()
    query, key = 2500, notebook.kernel(f"int(ex.record.weights({layer}, {head}, queries=2500)[0].argmax())")
    goto = explorer.root.get_by_role("textbox", name="Go to query, key")
    goto.fill(f"{query}, {key}")
    goto.press("Enter")
    cell = f"ex.record.weights({layer}, {head}, queries={query})[0]"
    expect(explorer.live.last).to_contain_text(f"head {head}: {short_weight(notebook, cell, key)}")
    selection = notebook.kernel("[ex.selection['query'], ex.selection['key'], ex.selection['locked']]")
    assert selection == [query, key, True]
    # The module as it is packed draws the tiles that come: a minifier may drop what only looks unused.
    expect(explorer.root.locator(".ap-legend-note")).to_have_text("a dot is a cell, within .004")
    assert explorer.pixels().colours > 5

    # Nothing goes on once nothing is asked for, and the page has heard no error.
    explorer.tab("Text").click()
    notebook.until(BUSY, lambda busy: busy == [])
    assert notebook.errors() == []

    # Saved, it opens without a kernel and says what it holds.
    path = tmp_path / "long.html"
    notebook.execute(f"ex.save_html({str(path)!r})")
    saved = browser.new_page()
    saved.goto(path.as_uri())
    (again,) = explorers(saved)
    footer = again.root.locator(".aw-footer")
    expect(footer).to_contain_text("long prompt: a snapshot of thumbnails")
    expect(footer).to_contain_text(str(query))
    expect(again.live.last).to_contain_text(f"token {query}")
    expect(words(again).first).to_have_attribute("aria-setsize", str(N))
    assert again.root.locator("*").count() < MOST_NODES
    words(again).first.click()
    expect(again.alert).to_contain_text("The snapshot keeps the rows of")


def short_weight(notebook: Notebook, row: str, key: int) -> str:
    """Return a weight as the page says it, from the kernel's own."""
    return f"{notebook.kernel(f'float({row}[{key}])'):.3f}".removeprefix("0")
