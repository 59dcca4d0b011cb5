"""The front door: from a prompt, a model or tensors to an explorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attnwidget import demo_model
from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord, ModelInfo, Token
from attnwidget.widget import AttentionExplorer
from attnwidget.wire.schema import HeadNote, State

VIEW_OPTIONS = frozenset(State.__annotations__) - {
    "protocol",
    "version",
    "record_id",
    "status",
    "can_run",
    "detectors",
} | {"layout", "snapshot"}
"""Keyword arguments that set the explorer's traits; the others go to the model's `from_pretrained`."""

LONG_TOKENS = 4096
"""An explorer of a longer prompt opens before the prompt has run."""

OPENING_JOBS = ("pronoun → antecedent", "verb → subject")
"""The embedded model opens on the layer of the first of these jobs, with the heads that do them."""


def explore(
    prompt: Any = None,
    context: str | None = None,
    *,
    model: Any = None,
    tokenizer: Any = None,
    runner: Any = None,
    record: AttentionRecord | None = None,
    attentions: Any = None,
    tokens: Sequence[str] | Sequence[Token] | None = None,
    encoder_attention: Any = None,
    decoder_attention: Any = None,
    cross_attention: Any = None,
    encoder_tokens: Sequence[str] | Sequence[Token] | None = None,
    decoder_tokens: Sequence[str] | Sequence[Token] | None = None,
    exact: bool = False,
    cache: int | str = "auto",
    wait: bool | None = None,
    **options: Any,
) -> AttentionExplorer:
    """Open an attention explorer.

    Without arguments it shows the embedded model on an example prompt; nothing is downloaded.

    Parameters
    ----------
    prompt : str, list of chat messages, or list of int, optional
        What to run. Text is tokenised; messages go through the model's chat template; numbers are token ids.
    context : str, optional
        The second text of a pair.
    model : str, path, or loaded model, optional
        A Hugging Face id, a local folder, or an object. The embedded model if not given.
    tokenizer : tokenizer, optional
        Needed with a loaded model.
    runner : ModelRunner, optional
        Share one loaded model between explorers.
    record : AttentionRecord, optional
        Show a record that exists; with `runner`, new prompts can be typed as well.
    attentions, tokens
        Show weights of any source: one array [1, heads, queries, keys] per layer, and the tokens.
    encoder_attention, decoder_attention, cross_attention, encoder_tokens, decoder_tokens
        The same for encoder-decoder models.
    exact : bool
        Run eager attention and show exactly what `output_attentions` returns (slower, more memory).
    cache : int or str
        Bytes of memory that the records may take that are kept, such as "8 GB"; see `ModelRunner`.
    wait : bool, optional
        Whether to return only once the prompt has run. By default long prompts, of more than 4,096 tokens,
        are not waited for: the explorer opens at once and shows how far they are. Its `record` and its `wait`
        wait for them; its `cancel` cancels.
    **options
        Traits of the explorer (`view`, `layer`, `heads`, `theme`, `height`, ...), and `snapshot`: how much of
        the record a saved notebook keeps ("auto", a size, "full", False); everything else is passed to
        `ModelRunner` (`spill`, `cache_dtype`, `chunk`) and `from_pretrained` (`device`, `dtype`,
        `device_map`, `revision`, ...).

    Returns
    -------
    AttentionExplorer
        A widget: show it by putting it last in a cell, or with `display`.

    Raises
    ------
    AttnWidgetError
        What is wrong, and what to do about it.

    Examples
    --------
    >>> import attnwidget as aw
    >>> ex = aw.explore("The cat chased the dog because it", layer=2, heads=[0])
    >>> ex.view
    'head'
    """
    view = {name: options.pop(name) for name in VIEW_OPTIONS & options.keys()}
    given = {
        "attentions": attentions,
        "tokens": tokens,
        "encoder_attention": encoder_attention,
        "decoder_attention": decoder_attention,
        "cross_attention": cross_attention,
        "encoder_tokens": encoder_tokens,
        "decoder_tokens": decoder_tokens,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if given and (record is not None or runner is not None or model is not None):
        raise InputError(
            f"Both {next(iter(given))} and a model or record were given.",
            "Pass one of them: which is to be shown?",
        )
    if (given or record is not None or runner is not None) and options:
        raise TypeError(f"explore has no argument {', '.join(sorted(options))} where no model is loaded.")
    if given:
        record = AttentionRecord.from_attentions(**given, prompt=prompt)
    elif runner is None and record is None:
        from attnwidget.runner import ModelRunner

        runner = ModelRunner(model, tokenizer, exact=exact, cache=cache, **options)
    if record is None:
        prompt = demo_model.EXAMPLE_PROMPT if prompt is None else prompt
        long = _is_long(runner, prompt, context, look=wait is False)
        if long if wait is None else not wait:
            notes = _head_notes(runner.info) if hasattr(runner, "info") else []
            return AttentionExplorer(None, runner=runner, running=(prompt, context), head_notes=notes, **view)
        record = runner.run(prompt, context, progress=True) if long else runner.run(prompt, context)
    notes = _head_notes(record.model)
    placed = view.keys() & {"site", "layer", "heads", "selection"}
    view = view if placed else _opening(record, notes) | view
    return AttentionExplorer(record, runner=runner, head_notes=notes, **view)


def _is_long(runner: Any, prompt: Any, context: str | None, *, look: bool) -> bool:
    """Whether nobody wants to wait for a prompt; raises what can be seen to be wrong with it.

    Prompts that are short at first sight are looked at only if `look` is set.
    """
    texts = [text for text in (prompt, context) if text is not None]
    # A token is at least one byte.
    short = (
        all(isinstance(text, str) for text in texts) and sum(len(t.encode()) for t in texts) <= LONG_TOKENS
    )
    if (short and not look) or not hasattr(runner, "plan"):
        return False
    plan = runner.plan(prompt, context)
    plan.demand()
    return bool(plan.tokens > LONG_TOKENS)


def _head_notes(model: ModelInfo) -> list[HeadNote]:
    """Return what is known about the heads of a model."""
    if not model.embedded:
        return []
    return [
        {"layer": note.layer, "head": note.head, "title": note.title, "score": note.score, "text": note.text}
        for note in demo_model.card().heads
        if note.title and note.score is not None
    ]


def _opening(record: AttentionRecord, notes: Sequence[HeadNote]) -> dict[str, Any]:
    """Return where the embedded model opens: on its pronoun head and, in example prompts, on the pronoun."""
    layers = [note["layer"] for note in notes if note["title"] == OPENING_JOBS[0]]
    if not layers:
        return {}
    heads: dict[str, int] = {}
    for note in notes:
        if note["layer"] == layers[0] and note["title"] in OPENING_JOBS:
            heads.setdefault(note["title"], note["head"])
    opening: dict[str, Any] = {"layer": layers[0], "heads": sorted(heads.values())}
    labels = [token.label for token in record.tokens]
    for example in demo_model.card().examples:
        if example.prompt == record.prompt and example.layer == layers[0] and example.query in labels:
            opening["selection"] = {"query": labels.index(example.query)}
            break
    return opening
