"""A marimo notebook: an explorer as it is, one wrapped so that other cells follow it, and one shared."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    import attnwidget as aw
    from tests.sharing.reading import made

    weights, tokens = made()
    return aw, mo, tokens, weights


@app.cell
def _(aw, tokens, weights):
    ex = aw.explore(attentions=weights, tokens=tokens, layer=1, heads=[0, 2])
    ex  # noqa: B018
    return (ex,)


@app.cell
def _(aw, mo):
    wrapped = mo.ui.anywidget(aw.explore("The cat sat."))
    wrapped  # noqa: B018
    return (wrapped,)


@app.cell
def _(mo, wrapped):
    mo.md(f"followed: layer {wrapped.value['layer']}")
    return


@app.cell
def _(ex):
    ex.share()
    return


if __name__ == "__main__":
    app.run()
