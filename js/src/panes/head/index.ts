// The head pane: queries on the left, keys on the right, one line per weight in the colour of its head.
import { effect } from "@preact/signals-core";
import type { CreatePane, ExactRow, Explorer, Focus, LayerData } from "../../core/types";
import { drawBlocks } from "../../draw/blocks";
import type { LinesView } from "../../draw/lines";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { type Columns, layoutColumns, rowCentre, SINK_RULE } from "../../math/columns";
import { formatCount, formatLimit, formatShare, formatWeight } from "../../math/format";
import { lineAt } from "../../math/hit";
import { widestLabel } from "../../math/labels";
import {
  hiddenBelow,
  type LineSet,
  linesFromQuery,
  linesToKey,
  type Range,
  selectLines,
} from "../../math/lines";
import { isMasked, isWeight, readColumn, topIndices } from "../../math/weights";
import type { Tokens } from "../../wire/schema.gen";
import { element, onFrame, onResize, setText } from "../kit/dom";
import { isSelf, type RowReading, readingOf } from "../kit/readings";
import { labelOf } from "../kit/tokens";
import { type RowLook, TokenColumn } from "./column";
import { type Hint, type HintPlace, Hints } from "./hints";
import { LinePainter } from "./painter";

/** Most lines that the pane draws at once; it says so when there are more. */
const MOST_LINES = 40_000;
const FEW_LINES = 2_000;
const MOST_FOCUS_LINES = 4_000;
/** Labels longer than this are cut with an ellipsis; the tooltip has the whole. */
const LABEL_UNITS = 18;
const TOP_KEYS = 4;
/** Pixels between the pointer and a line that it stands for. */
const LINE_SLACK = 3;
/** Tokens out of sight are pointed to from this weight on. */
const LEAST_HINT = 0.05;

/** What the pane is about right now. */
interface Aim {
  readonly query: number | null;
  readonly key: number | null;
  /** Each chosen head's row of the query in focus; empty without one. */
  readonly rows: readonly RowReading[];
  /** What each chosen head's queries give to the key in focus; empty while a query is in focus. */
  readonly columns: readonly Float32Array[];
}

const NO_AIM: Aim = { query: null, key: null, rows: [], columns: [] };

export const createHeadPane: CreatePane = (host, explorer) => {
  const pane = new HeadPane(host, explorer);
  return { destroy: () => pane.destroy() };
};

class HeadPane {
  private readonly abort = new AbortController();
  private readonly root = element("div", "ap-head");
  private readonly body = element("div", "ap-head-body");
  private readonly base = element("canvas", "ap-layer ap-head-base", { "aria-hidden": true });
  private readonly marks = element("canvas", "ap-layer", { "aria-hidden": true });
  private readonly queryCaption = element("span", "ap-caption");
  private readonly keyCaption = element("span", "ap-caption");
  private readonly note = element("div", "ap-note");
  private readonly sinkRow = element("div", "ap-sink");
  private readonly sinkNumber = element("span", "ap-number");
  private readonly hints: Hints;
  private readonly queries: TokenColumn;
  private readonly keys: TokenColumn;
  private readonly all = new LinePainter({ width: 1.2, wide: 1_000 });
  private readonly focused = new LinePainter({ width: 2.4, wide: 300 });
  private readonly frame;
  private readonly stops: (() => void)[] = [];
  private columns: Columns | null = null;
  private record = "";
  private allLines: LineSet | null = null;
  /** Lines of what is held, for the pointer. */
  private heldLines: LineSet | null = null;
  /** The line under the pointer. */
  private line: Focus | null = null;
  private dirty = { layout: true, base: true, marks: true };
  private hiddenShare = 0;
  private linesFound = 0;

  constructor(
    host: HTMLElement,
    private readonly explorer: Explorer,
  ) {
    const { signal } = this.abort;
    const handlers = (side: "query" | "key") => ({
      hover: (index: number | null) => this.hover(side, index),
      hold: (index: number) => this.hold(side, index),
      scrolled: () => this.redraw("base"),
      cross: (index: number) => (side === "query" ? this.keys : this.queries).focusRow(index),
    });
    this.queries = new TokenColumn("query", "Query tokens", handlers("query"), signal);
    this.keys = new TokenColumn("key", "Key tokens", handlers("key"), signal);
    this.sinkRow.append(element("span", "ap-label", {}, "sink"), this.sinkNumber);
    this.hints = new Hints(
      (which, index) => (which === "query" ? this.queries : this.keys).reveal(index),
      signal,
    );
    this.body.append(
      this.base,
      this.marks,
      this.queries.scroller,
      this.keys.scroller,
      this.sinkRow,
      ...this.hints.elements,
    );
    this.root.append(
      element("div", "ap-captions", {}, this.queryCaption, this.keyCaption),
      this.body,
      this.note,
    );
    host.append(this.root);
    this.frame = onFrame(() => this.work(), signal);
    onResize(this.body, () => this.redraw("layout"), signal);
    this.body.addEventListener("pointermove", (event) => this.onMove(event), { signal });
    this.body.addEventListener("pointerleave", () => this.leaveLine(), { signal });
    this.body.addEventListener("click", (event) => this.onClick(event), { signal });
    this.body.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
    this.follow(() => {
      explorer.data.value;
      this.redraw("layout");
    });
    this.follow(() => {
      explorer.palette.value;
      explorer.threshold.value;
      this.redraw("base");
    });
    this.follow(() => {
      explorer.selection.value;
      this.revealHeld();
    });
    this.follow(() => {
      explorer.focus.value;
      explorer.selection.value;
      explorer.exact.value;
      this.redraw("marks");
    });
  }

  destroy(): void {
    this.abort.abort();
    for (const stop of this.stops) stop();
    this.explorer.hover.value = null;
    this.root.remove();
  }

  private follow(run: () => void): void {
    this.stops.push(effect(run));
  }

  private redraw(what: "layout" | "base" | "marks"): void {
    this.dirty.marks = true;
    if (what !== "marks") this.dirty.base = true;
    if (what === "layout") this.dirty.layout = true;
    this.frame.request();
  }

  /** One frame: what is out of date, else the next lines of a long set. */
  private work(): boolean {
    const data = this.explorer.data.peek();
    if (data === null || this.body.clientWidth === 0) return false;
    if (this.dirty.layout) this.layout(data);
    const { columns } = this;
    if (columns === null) return false;
    const { base, marks } = this.dirty;
    this.dirty = { layout: false, base: false, marks: false };
    const ratio = window.devicePixelRatio || 1;
    if (base) this.startAll(data, columns, ratio);
    if (marks) this.startMarks(data, columns, ratio);
    const moreFocused = this.focused.step();
    // A new focus shows before the rest of the other lines.
    const moreAll = (marks && moreFocused) || this.all.step();
    const more = moreFocused || moreAll;
    this.root.dataset.drawn = more ? "0" : "1";
    return more;
  }

  private layout(data: LayerData): void {
    const tokens = [data.queryTokens, data.keyTokens] as const;
    const fresh = data.record.record !== this.record;
    this.record = data.record.record;
    const unit = this.characterWidth();
    const width = this.body.clientWidth;
    const height = this.body.clientHeight;
    const textWidth = (side: Tokens) => Math.ceil(widestLabel(side.label, LABEL_UNITS) * unit) + 18;
    const columns = layoutColumns({
      width,
      height,
      queries: tokens[0].label.length,
      keys: tokens[1].label.length,
      queryText: textWidth(tokens[0]),
      keyText: textWidth(tokens[1]),
      heads: data.patterns.length,
      keyIndex: !isSelf(data),
      sinks: data.info.sinks,
    });
    this.columns = columns;
    const heldSeen = this.heldInSight();
    const top = this.keyTop(data, columns);
    this.queries.layout(tokens[0], {
      left: 0,
      top: 0,
      width: columns.queryBlocks - 4,
      height,
      row: columns.row,
      indexWidth: columns.indexWidth,
      numberWidth: columns.queryNumberWidth,
    });
    this.keys.layout(tokens[1], {
      left: columns.keyLeft - 4,
      top,
      width: width - columns.keyLeft + 4,
      height: height - top,
      row: columns.row,
      indexWidth: columns.keyIndexWidth,
      numberWidth: columns.numberWidth,
    });
    if (fresh) {
      this.queries.scrollToStart();
      this.keys.scrollToStart();
    }
    this.sinkRow.hidden = !data.info.sinks;
    this.sinkRow.style.left = `${columns.keyLeft}px`;
    this.sinkRow.style.width = `${columns.keyWidth}px`;
    this.sinkRow.style.height = `${columns.row}px`;
    this.queryCaption.style.minWidth = `${columns.queryBlocks - 8}px`;
    this.keyCaption.style.minWidth = `${width - columns.keyBlocks}px`;
    const short = width < 360;
    setText(this.queryCaption, short ? "query" : "query: this token looks …");
    setText(this.keyCaption, short ? "key" : "… at this token: key");
    const lines = columns.lineRight - columns.lineLeft - 8;
    this.hints.place(
      side(columns, "query", this.queries.height, 0, lines),
      side(columns, "key", this.keys.height, top, lines),
    );
    if (fresh || heldSeen) this.revealHeld();
  }

  /** What is held may lie out of sight: at the start, and when it was set from elsewhere. */
  private revealHeld(): void {
    const { query, key, locked } = this.explorer.selection.peek();
    if (!locked) return;
    if (query !== null && query < this.queries.count) this.queries.reveal(query);
    if (key !== null && key < this.keys.count) this.keys.reveal(key);
  }

  private heldInSight(): boolean {
    const { query, key, locked } = this.explorer.selection.peek();
    const within = (index: number | null, { start, end }: Range) =>
      index !== null && index >= start && index < end;
    return locked && (within(query, this.queries.inSight()) || within(key, this.keys.inSight()));
  }

  private keyTop(data: LayerData, columns: Columns): number {
    return data.info.sinks ? columns.row + SINK_RULE : 0;
  }

  private characterWidth(): number {
    const context = this.marks.getContext("2d");
    if (context === null) return 8;
    context.save();
    context.font = `600 13px ${this.explorer.palette.peek().mono}`;
    const { width } = context.measureText("0");
    context.restore();
    return width;
  }

  private lineView(data: LayerData, columns: Columns, strength: number, floor: number): LinesView {
    const keyTop = this.keyTop(data, columns);
    return {
      left: columns.lineLeft,
      right: columns.lineRight,
      row: columns.row,
      height: columns.height,
      keyTop,
      queryScroll: this.queries.scroll,
      keyScroll: this.keys.scroll,
      sinkY: columns.row / 2,
      keys: data.keyTokens.label.length,
      strength,
      floor,
      width: 1,
      only: null,
    };
  }

  private startAll(data: LayerData, columns: Columns, ratio: number): void {
    const theme = this.explorer.palette.peek();
    const context = prepare(this.base, columns.width, columns.height, ratio);
    const { lines, hidden } = selectLines(data.patterns, {
      queries: this.queries.inSight(),
      keys: this.keys.inSight(),
      threshold: this.explorer.threshold.peek(),
      limit: MOST_LINES,
      sinks: data.info.sinks,
    });
    this.hiddenShare = hidden;
    this.allLines = lines;
    this.linesFound = lines.found;
    const heads = data.patterns.map((pattern) => pattern.head);
    // A few faint lines are kept visible; where there are many, that would add up to a weight that is not there.
    const floor = lines.count <= FEW_LINES ? 0.03 : 0;
    this.all.start(context, lines, heads, this.lineView(data, columns, 0.75, floor), theme, ratio);
    this.root.dataset.lines = String(lines.count);
  }

  private startMarks(data: LayerData, columns: Columns, ratio: number): void {
    const theme = this.explorer.palette.peek();
    const context = prepare(this.marks, columns.width, columns.height, ratio);
    const aim = this.aim(data, this.explorer.exact.peek());
    const heads = data.patterns.map((pattern) => pattern.head);
    const threshold = this.explorer.threshold.peek();
    const view = this.lineView(data, columns, 1, 0.06);
    this.focused.stop();
    let shown: LineSet | null = null;
    this.base.classList.toggle("ap-faded", aim.query !== null || aim.key !== null);
    if (aim.query !== null) {
      const rows = aim.rows.map((row) => (row.sink === null ? row.weights : withSink(row.weights, row.sink)));
      shown = linesFromQuery(rows, aim.query, threshold, MOST_FOCUS_LINES);
      this.focused.start(context, shown, heads, { ...view, only: aim.key }, theme, ratio);
    } else if (aim.key !== null) {
      shown = linesToKey(aim.columns, aim.key, threshold, MOST_FOCUS_LINES);
      const left = columns.queryBlocks + columns.blockWidth * heads.length + 3;
      this.focused.start(context, shown, heads, { ...view, left }, theme, ratio);
    }
    if (this.line === null) this.heldLines = shown;
    if (context !== null) this.drawMarks(context, data, columns, aim, heads);
    this.renderRows(data, aim);
    this.describe(data, aim, threshold);
  }

  private aim(data: LayerData, exact: readonly ExactRow[]): Aim {
    const focus = this.explorer.focus.peek();
    const within = (index: number | null, count: number) =>
      index !== null && index >= 0 && index < count ? index : null;
    const query = within(focus.query, data.queryTokens.label.length);
    const key = within(focus.key, data.keyTokens.label.length);
    if (query !== null) {
      const rows = data.patterns.map((pattern) => readingOf(data, pattern, query, exact));
      return { query, key, rows, columns: [] };
    }
    if (key === null) return NO_AIM;
    return { query, key, rows: [], columns: data.patterns.map((pattern) => readColumn(pattern, key)) };
  }

  private drawMarks(
    context: CanvasRenderingContext2D,
    data: LayerData,
    columns: Columns,
    aim: Aim,
    heads: readonly number[],
  ): void {
    const theme = this.explorer.palette.peek();
    const keyTop = this.keyTop(data, columns);
    const common = { blockWidth: columns.blockWidth, blocksWidth: columns.blocksWidth, row: columns.row };
    if (aim.query !== null) {
      const { start, end } = this.keys.inSight();
      const centre = (index: number) => keyTop + rowCentre(index, columns.row, this.keys.scroll);
      context.save();
      context.beginPath();
      context.rect(0, keyTop, columns.width, columns.height - keyTop);
      context.clip();
      drawBlocks(
        context,
        { heads, weight: (slot, index) => aim.rows[slot]?.weights[index] ?? Number.NaN },
        { ...common, x: columns.keyBlocks, start, end, centre },
        theme,
      );
      context.restore();
      if (data.info.sinks) {
        drawBlocks(
          context,
          { heads, weight: (slot) => aim.rows[slot]?.sink ?? 0 },
          { ...common, x: columns.keyBlocks, start: 0, end: 1, centre: () => columns.row / 2 },
          theme,
        );
      }
    } else if (aim.key !== null) {
      const { start, end } = this.queries.inSight();
      const blocks = columns.blockWidth * heads.length;
      context.fillStyle = theme.bg;
      context.fillRect(columns.queryBlocks - 3, 0, blocks + 6, columns.height);
      drawBlocks(
        context,
        { heads, weight: (slot, index) => aim.columns[slot]?.[index] ?? Number.NaN },
        {
          ...common,
          x: columns.queryBlocks,
          start,
          end,
          centre: (index) => rowCentre(index, columns.row, this.queries.scroll),
        },
        theme,
      );
    }
  }

  private renderRows(data: LayerData, aim: Aim): void {
    const { palette, selection } = this.explorer;
    const theme = palette.peek();
    const held = selection.peek();
    const self = isSelf(data);
    const heads = data.patterns.map((pattern) => pattern.head);
    const errors = data.patterns.map((pattern, slot) => aim.rows[slot]?.error ?? pattern.error);
    const seen = aim.query !== null ? aim.rows.map((row) => row.weights) : aim.columns;
    const best = strongest(seen);
    const numbered = new Set(
      topIndices(best.weights, TOP_KEYS).filter((index) => (best.weights[index] as number) >= 0.005),
    );
    if (aim.query !== null && aim.key !== null) numbered.add(aim.key);
    const other = (index: number): Pick<RowLook, "tone" | "number" | "swatch"> => {
      if (seen.length === 0) return { tone: "plain", number: "", swatch: null };
      const weight = best.weights[index] as number;
      if (best.nan[index]) return { tone: "plain", number: "NaN", swatch: null };
      if (isMasked(weight)) return { tone: "masked", number: "", swatch: null };
      const tone = weight > 0.3 ? "strong" : "plain";
      if (!numbered.has(index)) return { tone, number: "", swatch: null };
      const slot = best.slot[index] as number;
      const swatch = heads.length > 1 ? css(theme.head(heads[slot] as number)) : null;
      return { tone, number: formatWeight(weight, errors[slot] ?? 0), swatch };
    };
    const quiet = { tone: "plain", number: "", swatch: null } as const;
    this.queries.render((index) => ({
      ...(aim.query === null ? other(index) : quiet),
      box: index === aim.query ? "focus" : self && aim.query === null && index === aim.key ? "echo" : null,
      pressed: held.locked && held.query === index,
    }));
    this.keys.render((index) => ({
      ...(aim.query !== null ? other(index) : quiet),
      box: index === aim.key ? "focus" : self && aim.key === null && index === aim.query ? "echo" : null,
      pressed: held.locked && held.key === index,
    }));
    this.renderHints(data, aim, best, (slot) => errors[slot] ?? 0);
    const sinks = aim.rows.map((row) => row.sink ?? 0);
    const slot = topIndices(sinks, 1)[0];
    const text =
      !data.info.sinks || slot === undefined ? "" : formatWeight(sinks[slot] ?? 0, errors[slot] ?? 0);
    setText(this.sinkNumber, text);
  }

  /** Points to the strongest token above and below what is in sight. */
  private renderHints(data: LayerData, aim: Aim, best: Strongest, error: (slot: number) => number): void {
    const other = aim.query !== null ? "key" : "query";
    const column = other === "key" ? this.keys : this.queries;
    const tokens = other === "key" ? data.keyTokens : data.queryTokens;
    const sight = column.inSight();
    const strongestIn = (start: number, end: number): Hint | null => {
      let found = -1;
      for (let index = start; index < end; index++) {
        const weight = best.weights[index] ?? -1;
        if (weight >= LEAST_HINT && (found < 0 || weight > (best.weights[found] as number))) found = index;
      }
      if (found < 0) return null;
      const number = formatWeight(best.weights[found] as number, error(best.slot[found] as number));
      return { index: found, label: labelOf(tokens, found), number };
    };
    const above = strongestIn(0, sight.start);
    const below = strongestIn(sight.end, best.weights.length);
    this.hints.show(other, above, below);
  }

  /** Says what is left out and how sure the numbers are. */
  private describe(data: LayerData, aim: Aim, threshold: number): void {
    const parts: string[] = [];
    const limit = formatLimit(threshold);
    if (aim.query !== null) {
      const { count, mass } = hiddenBelow(
        aim.rows.map((row) => row.weights),
        threshold,
      );
      if (count > 0) {
        const lines = count === 1 ? "1 line" : `${formatCount(count)} lines`;
        parts.push(`${lines} below ${limit} hidden, ${formatShare(mass)} of the weight`);
      }
    } else if (aim.key === null && this.hiddenShare > 0) {
      parts.push(`lines below ${limit} hidden, ${formatShare(this.hiddenShare)} of the weight`);
    }
    if (this.linesFound > MOST_LINES) {
      parts.push(`the strongest ${formatCount(MOST_LINES)} of ${formatCount(this.linesFound)} lines`);
    }
    const error = aim.rows.length > 0 ? Math.max(...aim.rows.map((row) => row.error)) : maxError(data);
    if (error > 0) parts.push(`≈ within ${formatWeight(error)}`);
    if (data.info.causal || hasMasked(aim)) parts.push("/// out of reach");
    setText(this.note, parts.join(" · "));
  }

  private hover(side: "query" | "key", index: number | null): void {
    if (index === null) this.explorer.hover.value = null;
    else if (side === "query") this.explorer.hover.value = { query: index, key: null };
    else this.explorer.hover.value = { query: this.heldQuery(), key: index };
  }

  /** Clicking holds; clicking what is held lets go. With a query held, a key is looked at as a cell of its row. */
  private hold(side: "query" | "key", index: number): void {
    const { query, key, locked } = this.explorer.selection.peek();
    const wanted = side === "query" ? { query: index, key: null } : { query: this.heldQuery(), key: index };
    const same = locked && query === wanted.query && key === wanted.key;
    if (same && side === "key" && query !== null) this.explorer.hold({ query, key: null });
    else this.explorer.hold(same ? null : wanted);
  }

  private heldQuery(): number | null {
    const { query, locked } = this.explorer.selection.peek();
    return locked ? query : null;
  }

  /** Between the columns, the line under the pointer stands for its cell; while a token is held, only its lines do. */
  private onMove(event: PointerEvent): void {
    if (event.target !== this.body) {
      this.line = null;
      return;
    }
    const cell = this.lineUnder(event);
    if (cell === null) this.leaveLine();
    else {
      const same = this.line?.query === cell.query && this.line.key === cell.key;
      this.line = cell;
      if (!same) this.explorer.hover.value = cell;
    }
  }

  private leaveLine(): void {
    if (this.line === null) return;
    this.line = null;
    this.explorer.hover.value = null;
  }

  private onClick(event: MouseEvent): void {
    if (event.target !== this.body) return;
    const cell = this.lineUnder(event);
    if (cell !== null) this.explorer.hold(cell);
  }

  private lineUnder(event: MouseEvent): Focus | null {
    const data = this.explorer.data.peek();
    if (data === null || this.columns === null) return null;
    const held = this.explorer.selection.peek().locked;
    const lines = held ? this.heldLines : this.allLines;
    if (lines === null) return null;
    const geometry = this.lineView(data, this.columns, 1, 0);
    const at = lineAt(lines, geometry, data.patterns.length, event.offsetX, event.offsetY, LINE_SLACK);
    if (at === null) return null;
    const key = lines.key[at] as number;
    return { query: lines.query[at] as number, key: key < geometry.keys ? key : null };
  }

  /** Between the columns the wheel moves both. */
  private onWheel(event: WheelEvent): void {
    if (event.ctrlKey || (event.target instanceof Element && event.target.closest(".ap-column") !== null))
      return;
    const pixels = event.deltaMode === 1 ? event.deltaY * (this.columns?.row ?? 16) : event.deltaY;
    const before = this.queries.scroll + this.keys.scroll;
    this.queries.scrollBy(pixels);
    this.keys.scrollBy(pixels);
    if (this.queries.scroll + this.keys.scroll !== before) event.preventDefault();
  }
}

/** Where the hints of one column go: into the lines, beside the column's upper and lower end. */
function side(
  columns: Columns,
  which: "query" | "key",
  height: number,
  top: number,
  most: number,
): HintPlace {
  const edge = which === "query" ? columns.lineLeft : columns.width - columns.lineRight;
  return { edge: edge + 4, top: top + 3, bottom: columns.height - top - height + 3, most };
}

function withSink(weights: Float32Array, sink: number): Float32Array {
  const row = new Float32Array(weights.length + 1);
  row.set(weights);
  row[weights.length] = sink;
  return row;
}

interface Strongest {
  readonly weights: Float32Array;
  readonly slot: Uint8Array;
  readonly nan: Uint8Array;
}

/** Largest weight over the heads at each position, and which head has it. */
function strongest(rows: readonly Float32Array[]): Strongest {
  const length = rows[0]?.length ?? 0;
  const weights = new Float32Array(length).fill(-1);
  const slot = new Uint8Array(length);
  const nan = new Uint8Array(length);
  rows.forEach((row, s) => {
    for (let i = 0; i < length; i++) {
      const weight = row[i] as number;
      if (Number.isNaN(weight)) nan[i] = 1;
      else if (weight > (weights[i] as number)) {
        weights[i] = weight;
        slot[i] = s;
      }
    }
  });
  return { weights, slot, nan };
}

function maxError(data: LayerData): number {
  return Math.max(0, ...data.patterns.map((pattern) => pattern.error));
}

function hasMasked(aim: Aim): boolean {
  return [...aim.rows.map((row) => row.weights), ...aim.columns].some((row) =>
    row.some((w) => !isWeight(w) && isMasked(w)),
  );
}
