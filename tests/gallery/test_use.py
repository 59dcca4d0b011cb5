"""Pointer and keyboard: hover, hold, tabs, layers, heads, prompt; nothing leaks to host or neighbour."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.pages import Gallery, drawn, pixels, rest

# Stands for the notebook around the widget: keys that reach it would act on the user's cell.
HOST = """() => {
  window.leaked = [];
  document.addEventListener("keydown", event => window.leaked.push(event.key));
}"""


def inspector(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Inspector")


def query_token(page: Page, at: int) -> Locator:
    return page.locator(".ap-column-query .ap-token").nth(at)


def trait(page: Page, name: str) -> object:
    return page.evaluate("name => window.gallery[0].state.get(name)", name)


def test_hover_changes_the_canvas_and_the_inspector(gallery: Gallery) -> None:
    page = gallery.open("default", theme="light")
    before = pixels(page)
    query_token(page, 7).hover()
    expect(inspector(page).locator(".aw-where")).to_have_text("token 7")
    expect(inspector(page)).to_contain_text("Layer 2, head 0 looks at")
    rest(page)
    during = pixels(page)
    assert during != before
    query_token(page, 13).hover()
    expect(inspector(page).locator(".aw-where")).to_have_text("token 13")
    rest(page)
    assert pixels(page) != during
    page.get_by_role("textbox", name="Prompt").hover()
    expect(inspector(page)).to_contain_text("Point at a token")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.aw-pane canvas')]"
        ".map(canvas => canvas.toDataURL()).join() === before",
        arg=before,
    )


def test_click_holds_and_escape_lets_go(gallery: Gallery) -> None:
    page = gallery.open("default")
    query_token(page, 7).click()
    page.mouse.move(5, 5)
    expect(inspector(page).locator(".aw-where")).to_have_text("token 7 · held")
    assert trait(page, "selection") == {"query": 7, "key": None, "locked": True}
    page.keyboard.press("Escape")
    expect(inspector(page)).to_contain_text("Point at a token")
    assert trait(page, "selection") == {"query": None, "key": None, "locked": False}


def test_the_inspector_has_exact_numbers_and_predictions(gallery: Gallery) -> None:
    page = gallery.open("default", hold="7,2")
    panel = inspector(page)
    expect(panel).to_contain_text("1st of 8")
    expect(panel).to_contain_text("score")
    expect(panel).to_contain_text("The model expects next")
    expect(panel).to_contain_text("pronoun → antecedent")
    row = "window.gallery[0].app.explorer.exact.value[0].weights[2].toFixed(3).slice(1)"
    expect(panel).to_contain_text(str(page.evaluate(row)))
    expect(page.get_by_role("status")).to_contain_text("it to cat")


@pytest.mark.parametrize("view", ["matrix", "text"])
def test_a_token_held_in_one_pane_is_held_in_all(gallery: Gallery, view: str) -> None:
    page = gallery.open("default", hold="7", view="head")
    page.get_by_role("tab", name=view.capitalize()).click()
    expect(inspector(page).locator(".aw-where")).to_have_text("token 7 · held")


def test_heads_toggle_and_double_click_shows_one_alone(gallery: Gallery) -> None:
    page = gallery.open("default")
    heads = page.get_by_role("group", name="Heads")
    expect(heads.get_by_role("button")).to_have_count(4)
    heads.get_by_role("button", name="Head 2", exact=True).click()
    assert trait(page, "heads") == [0, 1, 2]
    expect(heads.get_by_role("button", name="Head 2", exact=True)).to_have_attribute("aria-pressed", "true")
    heads.get_by_role("button", name="Head 3", exact=True).dblclick()
    assert trait(page, "heads") == [3]
    heads.get_by_role("button", name="Head 3", exact=True).click()
    assert trait(page, "heads") == []
    expect(inspector(page)).to_contain_text("No head is chosen")


def test_sliders_by_keyboard(gallery: Gallery) -> None:
    page = gallery.open("default")
    layer = page.get_by_role("slider", name="Layer")
    layer.focus()
    page.keyboard.press("ArrowRight")
    assert trait(page, "layer") == 3
    expect(layer).to_have_attribute("aria-valuetext", "3")
    head = page.get_by_role("slider", name="Head")
    head.focus()
    page.keyboard.press("End")
    assert trait(page, "heads") == [3]
    page.get_by_role("slider", name="Hide weights below").focus()
    page.keyboard.press("ArrowRight")
    assert trait(page, "threshold") == 0.03


def test_keyboard_path(gallery: Gallery) -> None:
    page = gallery.open("default")
    page.evaluate(HOST)
    page.locator(".attnwidget").focus()
    page.keyboard.press("ArrowRight")
    assert trait(page, "layer") == 3
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert [trait(page, "layer"), trait(page, "heads")] == [2, [1]]
    views = ("head", "model", "neuron", "matrix", "text", "metrics")
    for digit, view in [*enumerate(views[1:], start=2), (1, views[0])]:
        page.keyboard.press(str(digit))
        assert trait(page, "view") == view
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("]")
    assert trait(page, "layer") == 3
    for key in ("d", "d", "a", "x", "Enter", "Shift+Enter", "Control+Enter", "0"):
        page.keyboard.press(key)
    assert page.evaluate("window.leaked") == []
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="Prompt")).not_to_be_focused()
    page.keyboard.press("d")
    assert page.evaluate("window.leaked") == []
    page.keyboard.press("Control+b")
    assert "b" in page.evaluate("window.leaked")


def test_every_control_is_reached_with_tab(gallery: Gallery) -> None:
    page = gallery.open("default")
    page.locator(".attnwidget").focus()
    names = []
    for _ in range(9):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "() => { const at = document.activeElement; return at.ariaLabel || at.textContent.trim() }"
            )
        )
        assert page.evaluate("document.activeElement.matches('.attnwidget :focus-visible')")
    wanted = ["Prompt", "Run", "Head", "Layer", "Head", "Hide weights below", "Filter", "Head 0"]
    assert names[: len(wanted)] == wanted


def test_prompt(gallery: Gallery) -> None:
    page = gallery.open("default")
    page.evaluate(HOST)
    prompt = page.get_by_role("textbox", name="Prompt")
    height = prompt.bounding_box()
    prompt.click()
    page.keyboard.press("End")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("d d")
    assert prompt.input_value().endswith(".\nd d")
    grown = prompt.bounding_box()
    assert height is not None
    assert grown is not None
    assert grown["height"] > height["height"]
    # An input method ends a word with Enter; that must not run the prompt.
    prompt.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(page.get_by_role("alert")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("needs a kernel")
    assert page.evaluate("window.leaked") == []


def test_python_sets_the_prompt(gallery: Gallery) -> None:
    page = gallery.open("default")
    page.evaluate("window.gallery[0].state.set('prompt', 'another one')")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("another one")
    page.evaluate("window.gallery[0].state.set('context', 'and a second')")
    expect(page.get_by_role("textbox", name="Context")).to_have_value("and a second")


def test_two_explorers_do_not_meet(gallery: Gallery) -> None:
    page = gallery.open("default", copies=2)
    first, second = page.locator(".attnwidget").nth(0), page.locator(".attnwidget").nth(1)
    ids = page.locator("[id]").evaluate_all("items => items.map(item => item.id)")
    assert len(ids) == len(set(ids))
    first.locator(".ap-column-query .ap-token").nth(7).click()
    first.get_by_role("tab", name="Text").click()
    expect(first.locator(".aw-where")).to_contain_text("token 7")
    expect(second.locator(".aw-inspector")).to_contain_text("Point at a token")
    expect(second.get_by_role("tab", name="Head")).to_have_attribute("aria-selected", "true")


def test_two_views_of_one_explorer_share_what_is_held_and_not_what_is_hovered(gallery: Gallery) -> None:
    page = gallery.open("default", views=2)
    first, second = page.locator(".attnwidget").nth(0), page.locator(".attnwidget").nth(1)
    first.locator(".ap-column-query .ap-token").nth(5).hover()
    expect(first.locator(".aw-where")).to_have_text("token 5")
    expect(second.locator(".aw-inspector")).to_contain_text("Point at a token")
    first.locator(".ap-column-query .ap-token").nth(5).click()
    expect(second.locator(".aw-where")).to_have_text("token 5 · held")
    page.evaluate("window.gallery[0].app.destroy()")
    expect(page.locator(".attnwidget")).to_have_count(1)
    page.evaluate("window.gallery[1].app.explorer.layer.value = 0")
    expect(page.locator(".aw-inspector")).to_contain_text("Layer 0, head 0")


def test_theme_follows_the_host(gallery: Gallery) -> None:
    page = gallery.open("default")
    root = page.locator(".attnwidget")
    expect(root).to_have_attribute("data-theme", "light")
    light = pixels(page)
    page.evaluate("document.body.setAttribute('data-jp-theme-light', 'false')")
    expect(root).to_have_attribute("data-theme", "dark")
    page.wait_for_function(
        "light => [...document.querySelectorAll('.aw-pane canvas')]"
        ".map(canvas => canvas.toDataURL()).join() !== light",
        arg=light,
    )
    page.evaluate("window.gallery[0].state.set('theme', 'light')")
    expect(root).to_have_attribute("data-theme", "light")


def test_a_theme_that_arrives_while_nothing_has_a_size(gallery: Gallery) -> None:
    page = gallery.open("default")
    light = pixels(page)
    # JupyterLab without style sheets for a frame; the sizes are back before any observer looks.
    page.evaluate(
        """() => {
          const root = document.querySelector(".attnwidget");
          document.body.setAttribute("data-jp-theme-light", "false");
          root.style.display = "none";
          const back = () => { window.sizeThen = root.clientWidth; root.style.display = ""; };
          Promise.resolve().then(() => requestAnimationFrame(back));
        }"""
    )
    page.wait_for_function(
        """light => [...document.querySelectorAll('.aw-pane canvas')]
          .map(canvas => canvas.toDataURL()).join() !== light""",
        arg=light,
    )
    assert page.evaluate("window.sizeThen") == 0


def test_it_draws_when_its_element_joins_the_page_late(gallery: Gallery) -> None:
    page = gallery.open("default", theme="light")
    page.evaluate(
        """() => {
          const host = document.querySelector("#gallery > div");
          const holder = host.parentElement;
          host.remove();
          window.gallery[0].app.explorer.layer.value = 0;
          return new Promise(done => setTimeout(() => { holder.append(host); done(); }, 100));
        }"""
    )
    rest(page)
    assert drawn(page) >= 12


def test_reduced_motion(gallery: Gallery) -> None:
    page = gallery.open("empty", reduced_motion=True)
    moving = page.locator(".attnwidget *").evaluate_all(
        "items => items.filter(item => getComputedStyle(item, '::before').animationName !== 'none').length"
    )
    assert moving == 0
