// The first bar: which model, which prompt, run or cancel, and how far a run has come.
import type { ExplorerApp } from "../core/explorer";
import { isSnapshot } from "../core/fidelity";
import { unitOf } from "../core/shown";
import { formatCount } from "../math/format";
import type { OpenMeta, SiteInfo } from "../wire/schema.gen";
import { el, follow, onResize, setAttribute, setText } from "./dom";

/** "4 layers × 4 heads"; "up to" where layers differ. */
export function describeSize(site: SiteInfo): string {
  const counts = site.layers.map((info) => info.heads);
  const most = Math.max(0, ...counts);
  const many = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const upTo = counts.some((count) => count !== most) ? "up to " : "";
  return `${many(counts.length, "layer")} × ${upTo}${many(most, "head")}`;
}

/** Everything that is known of the model, one fact a line. */
export function describeModel(meta: OpenMeta, site: SiteInfo): string {
  const { model } = meta;
  const kv = site.layers[0]?.kv_heads;
  const grouped = kv !== undefined && site.layers.some((info) => info.kv_heads !== info.heads);
  return [
    model.name,
    model.architecture,
    model.parameters === null ? "" : `${formatCount(model.parameters)} parameters`,
    [model.dtype, model.device].filter((part) => part !== "").join(" on "),
    `${site.kind} attention: ${describeSize(site)}${grouped ? `, ${kv} key-value heads` : ""}`,
  ]
    .filter((line) => line !== "")
    .join("\n");
}

/** The part of a model's name that tells it apart: "owner/name" and paths lose their front. */
export function shortName(name: string): string {
  return name.split(/[/\\]/).filter(Boolean).at(-1) ?? name;
}

/** Prompts of more characters do not fit into their box: it says how many there are. */
const LONG = 1000;

const NO_KERNEL = "This is a snapshot. A new prompt needs a kernel: run the cell in a notebook.";

function createBadge(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const name = el("b", { class: "aw-model" });
  const size = el("span", { class: "aw-size" });
  const badge = el("div", { class: "aw-badge" }, name, size);
  follow(abort, () => {
    const now = app.data.value;
    badge.hidden = now === null;
    if (now === null) return;
    setText(name, now.record.model.embedded ? "embedded" : shortName(now.record.model.name));
    setText(size, describeSize(now.site));
    badge.title = describeModel(now.record, now.site);
  });
  return badge;
}

function createText(name: string, placeholder: string, abort: AbortSignal): HTMLTextAreaElement {
  const text = el("textarea", {
    class: "aw-prompt",
    rows: 1,
    "aria-label": name,
    placeholder,
    spellcheck: "false",
    autocomplete: "off",
    dir: "auto",
  });
  const grow = () => {
    text.style.height = "auto";
    const border = text.offsetHeight - text.clientHeight;
    text.style.height = `${text.scrollHeight + border}px`;
  };
  text.addEventListener("input", grow, { signal: abort });
  let width = 0;
  onResize(
    text,
    () => {
      if (text.clientWidth === width) return;
      width = text.clientWidth;
      grow();
    },
    abort,
  );
  return text;
}

export function createHeader(app: ExplorerApp, abort: AbortSignal): HTMLElement {
  const prompt = createText("Prompt", "Type a prompt and press Enter", abort);
  const context = createText("Context", "Second text of the pair", abort);
  const button = el("button", { type: "button", class: "aw-run" }, "Run");
  const steps = el("span", { class: "aw-steps" });
  const fixed = el("span", { class: "aw-steps", title: NO_KERNEL }, "snapshot");
  const length = el("div", { class: "aw-length" });
  const bar = el("div", { class: "aw-progress", role: "progressbar", "aria-label": "Progress of the run" });
  const header = el(
    "header",
    { class: "aw-bar aw-header" },
    createBadge(app, abort),
    el("div", { class: "aw-prompts" }, prompt, context, length),
    steps,
    fixed,
    button,
    bar,
  );

  const edited = () => prompt.value !== app.prompt.peek() || context.value !== app.context.peek();
  const mark = () => {
    const changed = edited();
    setAttribute(header, "data-edited", changed);
    const many = prompt.value.length;
    length.hidden = many < LONG;
    const now = app.data.value;
    const read = now === null ? "" : `${formatCount(now.queryTokens.label.length)} ${unitOf(now.record)}s`;
    setText(length, `${formatCount(many)} characters · ${changed ? "not run yet" : read}`);
  };
  const submit = () => {
    if (!app.canRun.peek()) return;
    app.run(prompt.value, context.hidden ? "" : context.value);
  };

  for (const text of [prompt, context]) {
    text.addEventListener("input", mark, { signal: abort });
    text.addEventListener(
      "keydown",
      (event) => {
        // Enter that ends an input method's composition chooses a character, it does not run.
        if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
        if (event.shiftKey || event.altKey) return;
        event.preventDefault();
        submit();
      },
      { signal: abort },
    );
  }
  button.addEventListener("click", () => (app.running.peek() ? app.cancel() : submit()), { signal: abort });

  const take = (text: HTMLTextAreaElement, value: string) => {
    if (text.value === value) return;
    text.value = value;
    text.dispatchEvent(new Event("input"));
  };
  follow(abort, () => {
    take(prompt, app.prompt.value);
    mark();
  });
  follow(abort, () => {
    context.hidden = app.context.value === "";
    take(context, app.context.value);
    mark();
  });
  follow(abort, () => {
    const can = app.canRun.value;
    for (const text of [prompt, context]) text.readOnly = !can;
    const now = app.data.value;
    const saved = now !== null && isSnapshot(now.record);
    const why = now?.info.route === "given" ? "the attention was given as tensors" : "only what was recorded";
    prompt.title = can ? "" : saved ? NO_KERNEL : `There is no model here: ${why}.`;
    fixed.hidden = can || !saved;
    button.hidden = !can && !app.running.value;
  });
  follow(abort, () => {
    const running = app.running.value;
    const { done, total, message } = app.status.value;
    setText(button, running ? "Cancel" : "Run");
    setAttribute(button, "data-mode", running ? "cancel" : "run");
    const known = running && total > 0;
    setText(steps, running ? message || (known ? `layer ${done} of ${total}` : "running") : "");
    steps.hidden = !running;
    setAttribute(steps, "data-long", message.length > 24);
    steps.title = message;
    bar.hidden = !running;
    setAttribute(bar, "aria-valuenow", known ? done : null);
    setAttribute(bar, "aria-valuemin", known ? 0 : null);
    setAttribute(bar, "aria-valuemax", known ? total : null);
    setAttribute(bar, "data-known", known);
    bar.style.setProperty("--done", known ? String(done / total) : "0");
  });
  return header;
}
