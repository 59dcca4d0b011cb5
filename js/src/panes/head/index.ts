// The head pane: queries on the left, keys on the right, one line per weight in the colour of its head.
import type { ReadonlySignal } from "@preact/signals-core";
import { unitOf } from "../../core/shown";
import type { CreatePane, Explorer, Focus, LayerData } from "../../core/types";
import type { LinesView } from "../../draw/lines";
import { prepare } from "../../draw/surface";
import { css } from "../../math/colour";
import { type Columns, layoutColumns, SINK_RULE } from "../../math/columns";
import { formatWeight } from "../../math/format";
import { lineAt } from "../../math/hit";
import { widestLabel } from "../../math/labels";
import { type LineSet, type Range, selectLines } from "../../math/lines";
import { follow } from "../../ui/dom";
import type { Tokens } from "../../wire/schema.gen";
import { element, onFrame, onResize, setText } from "../kit/dom";
import { isSelf } from "../kit/readings";
import { labelOf, segmentsOf } from "../kit/tokens";
import {
  type Aim,
  across,
  aimAt,
  linesOf,
  noteOf,
  readSink,
  readToken,
  type Side,
  strongestIn,
  type TokenReading,
} from "./aim";
import { type RowLook, TokenColumn } from "./column";
import { type Hint, type HintPlace, Hints } from "./hints";
import { drawMarks } from "./marks";
import { LinePainter } from "./painter";

/** Most lines that the pane draws at once; it says so when there are more. */
const MOST_LINES = 40_000;
const FEW_LINES = 2_000;
const MOST_FOCUS_LINES = 4_000;
/** Labels longer than this are cut with an ellipsis; the tooltip has the whole. */
const LABEL_UNITS = 18;
/** Pixels between the pointer and a line that it stands for. */
const LINE_SLACK = 3;
const OFF: TokenReading = { tone: "hidden", number: "", slot: null };
const QUIET: TokenReading = { tone: "plain", number: "", slot: null };

/** What differs where patterns are not here whole. */
export interface HeadKind {
  /** Told what is in sight while lines are drawn, of which both ends must be; says what a reader must know of them. */
  looked(data: LayerData, queries: Range, keys: Range): string;
  /** What each chosen head's queries give to a key. */
  columns(data: LayerData, key: number): readonly Float32Array[];
  /** What a reader must know of these. */
  ofColumns(data: LayerData): string;
  /** Redraws when it changes. */
  readonly changed: ReadonlySignal<unknown>;
}

export const createHeadPane: CreatePane = (host, explorer) => new HeadPane(host, explorer);

export class HeadPane {
  readonly #abort = new AbortController();
  readonly #root = element("div", "ap-head");
  readonly #body = element("div", "ap-head-body");
  readonly #base = element("canvas", "ap-layer ap-head-base", { "aria-hidden": true });
  readonly #marks = element("canvas", "ap-layer", { "aria-hidden": true });
  readonly #queryCaption = element("span", "ap-caption");
  readonly #keyCaption = element("span", "ap-caption");
  readonly #note = element("div", "ap-note");
  readonly #sinkRow = element("div", "ap-sink");
  readonly #sinkNumber = element("span", "ap-number");
  readonly #hints: Hints;
  readonly #queries: TokenColumn;
  readonly #keys: TokenColumn;
  readonly #all = new LinePainter({ width: 1.2, wide: 1_000 });
  readonly #focused = new LinePainter({ width: 2.4, wide: 300 });
  readonly #frame;
  #columns: Columns | null = null;
  #record = "";
  #allLines: LineSet | null = null;
  /** Lines of what is held, for the pointer. */
  #heldLines: LineSet | null = null;
  /** The line under the pointer. */
  #line: Focus | null = null;
  #dirty = { layout: true, base: true, marks: true };
  #hiddenShare = 0;
  #remark = "";

  readonly #explorer: Explorer;
  readonly #kind: HeadKind | null;

  constructor(host: HTMLElement, explorer: Explorer, kind: HeadKind | null = null) {
    this.#explorer = explorer;
    this.#kind = kind;
    const { signal } = this.#abort;
    const handlers = (side: Side) => ({
      hover: (index: number | null) => this.#hover(side, index),
      hold: (index: number) => this.#hold(side, index),
      scrolled: () => this.#redraw("base"),
      cross: (index: number) => (side === "query" ? this.#keys : this.#queries).focusRow(index),
    });
    this.#queries = new TokenColumn("query", "Query tokens", handlers("query"), signal);
    this.#keys = new TokenColumn("key", "Key tokens", handlers("key"), signal);
    this.#sinkRow.append(element("span", "ap-label", {}, "sink"), this.#sinkNumber);
    this.#hints = new Hints(
      (which, index) => (which === "query" ? this.#queries : this.#keys).reveal(index),
      signal,
    );
    this.#body.append(
      this.#base,
      this.#marks,
      this.#queries.scroller,
      this.#keys.scroller,
      this.#sinkRow,
      ...this.#hints.elements,
    );
    this.#root.append(
      element("div", "ap-captions", {}, this.#queryCaption, this.#keyCaption),
      this.#body,
      this.#note,
    );
    host.append(this.#root);
    this.#frame = onFrame(() => this.#work(), signal);
    onResize(this.#body, () => this.#redraw("layout"), signal);
    this.#body.addEventListener("pointermove", (event) => this.#onMove(event), { signal });
    this.#body.addEventListener("pointerleave", () => this.#leaveLine(), { signal });
    this.#body.addEventListener("click", (event) => this.#onClick(event), { signal });
    this.#body.addEventListener("wheel", (event) => this.#onWheel(event), { signal, passive: false });
    follow(signal, () => {
      explorer.data.value;
      this.#redraw("layout");
    });
    follow(signal, () => {
      explorer.palette.value;
      explorer.threshold.value;
      this.#redraw("base");
    });
    if (kind !== null) {
      follow(signal, () => {
        kind.changed.value;
        this.#redraw("base");
      });
    }
    follow(signal, () => {
      explorer.selection.value;
      this.#revealHeld();
    });
    follow(signal, () => {
      explorer.focus.value;
      explorer.selection.value;
      explorer.exact.value;
      this.#redraw("marks");
    });
  }

  destroy(): void {
    this.#abort.abort();
    this.#explorer.hover.value = null;
    this.#root.remove();
  }

  #redraw(what: "layout" | "base" | "marks"): void {
    this.#dirty.marks = true;
    if (what !== "marks") this.#dirty.base = true;
    if (what === "layout") this.#dirty.layout = true;
    this.#frame.request();
  }

  /** One frame: what is out of date, else the next lines of a long set. */
  #work(): boolean {
    const data = this.#explorer.data.peek();
    if (data === null || this.#body.clientWidth === 0) return false;
    if (this.#dirty.layout) this.#layout(data);
    const columns = this.#columns;
    if (columns === null) return false;
    const { base, marks } = this.#dirty;
    this.#dirty = { layout: false, base: false, marks: false };
    const ratio = window.devicePixelRatio || 1;
    if (base) this.#startAll(data, columns, ratio);
    if (marks) this.#startMarks(data, columns, ratio);
    const moreFocused = this.#focused.step();
    // A new focus shows before the rest of the other lines.
    const moreAll = (marks && moreFocused) || this.#all.step();
    const more = moreFocused || moreAll;
    this.#root.dataset.drawn = more ? "0" : "1";
    return more;
  }

  #layout(data: LayerData): void {
    const tokens = [data.queryTokens, data.keyTokens] as const;
    const fresh = data.record.record !== this.#record;
    this.#record = data.record.record;
    const unit = this.#characterWidth();
    const width = this.#body.clientWidth;
    const height = this.#body.clientHeight;
    const textWidth = (side: Tokens) => Math.ceil(widestLabel(side.label, LABEL_UNITS) * unit) + 18;
    const columns = layoutColumns({
      width,
      height,
      queries: tokens[0].label.length,
      keys: tokens[1].label.length,
      queryText: textWidth(tokens[0]),
      keyText: textWidth(tokens[1]),
      heads: data.patterns.length,
      // Of a long prompt both columns are rarely at the same place.
      keyIndex: !isSelf(data) || data.info.tiled === true,
      sinks: data.info.sinks,
    });
    this.#columns = columns;
    const heldSeen = this.#heldInSight();
    const segments = segmentsOf(data);
    const top = this.#keyTop(data, columns);
    this.#queries.layout(
      tokens[0],
      {
        left: 0,
        top: 0,
        width: columns.queryBlocks - 4,
        height,
        row: columns.row,
        indexWidth: columns.indexWidth,
        numberWidth: columns.queryNumberWidth,
      },
      segments?.queries,
    );
    this.#keys.layout(
      tokens[1],
      {
        left: columns.keyLeft - 4,
        top,
        width: width - columns.keyLeft + 4,
        height: height - top,
        row: columns.row,
        indexWidth: columns.keyIndexWidth,
        numberWidth: columns.numberWidth,
      },
      segments?.keys,
    );
    if (fresh) {
      this.#queries.scrollToStart();
      this.#keys.scrollToStart();
    }
    this.#sinkRow.hidden = !data.info.sinks;
    this.#sinkRow.style.left = `${columns.keyLeft}px`;
    this.#sinkRow.style.width = `${columns.keyWidth}px`;
    this.#sinkRow.style.height = `${columns.row}px`;
    this.#queryCaption.style.minWidth = `${columns.queryBlocks - 8}px`;
    this.#keyCaption.style.minWidth = `${width - columns.keyBlocks}px`;
    const short = width < 360;
    const noun = unitOf(data.record);
    setText(this.#queryCaption, short ? "query" : `query: this ${noun} looks …`);
    setText(this.#keyCaption, short ? "key" : `… at this ${noun}: key`);
    const lines = columns.lineRight - columns.lineLeft - 8;
    this.#hints.place(
      side(columns, "query", this.#queries.height, 0, lines),
      side(columns, "key", this.#keys.height, top, lines),
    );
    if (fresh || heldSeen) this.#revealHeld();
  }

  /** What is held may lie out of sight: at the start, and when it was set from elsewhere. */
  #revealHeld(): void {
    const { query, key, locked } = this.#explorer.selection.peek();
    if (!locked) return;
    const data = this.#explorer.data.peek();
    const at = query === null ? key : key === null ? query : null;
    if (this.#kind !== null && data !== null && isSelf(data) && at !== null && !this.#heldInSight()) {
      // From far away, to the token's own neighbourhood on both sides.
      for (const column of [this.#queries, this.#keys]) column.centre(at);
      return;
    }
    if (query !== null && query < this.#queries.count) this.#queries.reveal(query);
    if (key !== null && key < this.#keys.count) this.#keys.reveal(key);
  }

  #heldInSight(): boolean {
    const { query, key, locked } = this.#explorer.selection.peek();
    const within = (index: number | null, { start, end }: Range) =>
      index !== null && index >= start && index < end;
    return locked && (within(query, this.#queries.inSight()) || within(key, this.#keys.inSight()));
  }

  #keyTop(data: LayerData, columns: Columns): number {
    return data.info.sinks ? columns.row + SINK_RULE : 0;
  }

  #characterWidth(): number {
    const context = this.#marks.getContext("2d");
    if (context === null) return 8;
    context.save();
    context.font = `600 13px ${this.#explorer.palette.peek().mono}`;
    const { width } = context.measureText("0");
    context.restore();
    return width;
  }

  #lineView(data: LayerData, columns: Columns, strength: number, floor: number): LinesView {
    const keyTop = this.#keyTop(data, columns);
    return {
      left: columns.lineLeft,
      right: columns.lineRight,
      row: columns.row,
      height: columns.height,
      keyTop,
      queryScroll: this.#queries.scroll,
      keyScroll: this.#keys.scroll,
      sinkY: columns.row / 2,
      keys: data.keyTokens.label.length,
      strength,
      floor,
      width: 1,
      only: null,
    };
  }

  #startAll(data: LayerData, columns: Columns, ratio: number): void {
    const theme = this.#explorer.palette.peek();
    const context = prepare(this.#base, columns.width, columns.height, ratio);
    const [queries, keys] = [this.#queries.inSight(), this.#keys.inSight()];
    this.#remark = this.#kind?.looked(data, queries, keys) ?? "";
    const { lines, hidden } = selectLines(data.patterns, {
      queries,
      keys,
      inside: this.#kind !== null,
      threshold: this.#explorer.threshold.peek(),
      limit: MOST_LINES,
      sinks: data.info.sinks,
    });
    this.#hiddenShare = hidden;
    this.#allLines = lines;
    const heads = data.patterns.map((pattern) => pattern.head);
    // A few faint lines are kept visible; where there are many, that would add up to a weight that is not there.
    const floor = lines.count <= FEW_LINES ? 0.03 : 0;
    this.#all.start(context, lines, heads, this.#lineView(data, columns, 0.75, floor), theme, ratio);
    this.#root.dataset.lines = String(lines.count);
  }

  #startMarks(data: LayerData, columns: Columns, ratio: number): void {
    const theme = this.#explorer.palette.peek();
    const context = prepare(this.#marks, columns.width, columns.height, ratio);
    const aim = aimAt(data, this.#explorer.focus.peek(), this.#explorer.exact.peek(), this.#kind?.columns);
    const heads = data.patterns.map((pattern) => pattern.head);
    const threshold = this.#explorer.threshold.peek();
    const focused = linesOf(aim, threshold, MOST_FOCUS_LINES);
    this.#base.classList.toggle("ap-faded", focused !== null);
    this.#focused.stop();
    if (focused !== null) {
      const view = this.#lineView(data, columns, 1, 0.06);
      // Lines to a key start beside the blocks of the queries.
      const left =
        aim.query === null ? columns.queryBlocks + columns.blockWidth * heads.length + 3 : view.left;
      const only = aim.query === null ? null : aim.key;
      this.#focused.start(context, focused, heads, { ...view, left, only }, theme, ratio);
    }
    if (this.#line === null) this.#heldLines = focused;
    if (context !== null) {
      const view = {
        columns,
        queries: this.#queries.inSight(),
        keys: this.#keys.inSight(),
        queryScroll: this.#queries.scroll,
        keyScroll: this.#keys.scroll,
        keyTop: this.#keyTop(data, columns),
      };
      drawMarks(context, { aim, heads }, view, theme);
    }
    this.#renderRows(data, aim, heads);
    const all = this.#allLines;
    if (all !== null) {
      const drawn = { threshold, hiddenShare: this.#hiddenShare, all, focused };
      const side = across(aim);
      const remark = side === null ? this.#remark : side === "query" && this.#kind?.ofColumns(data);
      setText(this.#note, [remark, noteOf(data, aim, drawn)].filter(Boolean).join(" · "));
    }
  }

  #renderRows(data: LayerData, aim: Aim, heads: readonly number[]): void {
    const theme = this.#explorer.palette.peek();
    const { query, key, locked } = this.#explorer.selection.peek();
    const other = across(aim);
    const echoes = isSelf(data);
    const rule = data.shown?.rule;
    const look = (side: Side, focus: number | null, twin: number | null, held: number | null) => {
      return (index: number): RowLook => {
        const isOff = (side === "query" ? rule?.queryOff : rule?.keyOff)?.[index] === true;
        const { tone, number, slot } = side === other ? readToken(aim, index) : isOff ? OFF : QUIET;
        const colour = slot === null || heads.length < 2 ? null : css(theme.head(heads[slot] as number));
        const echo = echoes && focus === null && index === twin ? "echo" : null;
        const pressed = locked && held === index;
        return { box: index === focus ? "focus" : echo, tone, number, swatch: colour, pressed };
      };
    };
    this.#queries.render(look("query", aim.query, aim.key, query));
    this.#keys.render(look("key", aim.key, aim.query, key));
    setText(this.#sinkNumber, readSink(aim));
    if (other === null) this.#hints.show("key", null, null);
    else this.#renderHints(data, aim, other);
  }

  /** Points to the strongest token above and below what is in sight. */
  #renderHints(data: LayerData, aim: Aim, side: Side): void {
    const column = side === "key" ? this.#keys : this.#queries;
    const tokens = side === "key" ? data.keyTokens : data.queryTokens;
    const sight = column.inSight();
    const hint = (range: Range): Hint | null => {
      const index = strongestIn(aim, range);
      if (index === null) return null;
      const slot = aim.best.slot[index] as number;
      const number = formatWeight(aim.best.weights[index] as number, aim.errors[slot] ?? 0);
      return { index, label: labelOf(tokens, index), number };
    };
    this.#hints.show(
      side,
      hint({ start: 0, end: sight.start }),
      hint({ start: sight.end, end: column.count }),
    );
  }

  #hover(side: Side, index: number | null): void {
    if (index === null) this.#explorer.hover.value = null;
    else if (side === "query") this.#explorer.hover.value = { query: index, key: null };
    else this.#explorer.hover.value = { query: this.#heldQuery(), key: index };
  }

  /** Clicking holds; clicking what is held lets go. With a query held, a key is looked at as a cell of its row. */
  #hold(side: Side, index: number): void {
    const { query, key, locked } = this.#explorer.selection.peek();
    const wanted = side === "query" ? { query: index, key: null } : { query: this.#heldQuery(), key: index };
    const same = locked && query === wanted.query && key === wanted.key;
    if (same && side === "key" && query !== null) this.#explorer.hold({ query, key: null });
    else this.#explorer.hold(same ? null : wanted);
  }

  #heldQuery(): number | null {
    const { query, locked } = this.#explorer.selection.peek();
    return locked ? query : null;
  }

  /** Between the columns, the line under the pointer stands for its cell; while a token is held, only its lines do. */
  #onMove(event: PointerEvent): void {
    if (event.target !== this.#body) {
      this.#line = null;
      return;
    }
    const cell = this.#lineUnder(event);
    if (cell === null) this.#leaveLine();
    else {
      const same = this.#line?.query === cell.query && this.#line.key === cell.key;
      this.#line = cell;
      if (!same) this.#explorer.hover.value = cell;
    }
  }

  #leaveLine(): void {
    if (this.#line === null) return;
    this.#line = null;
    this.#explorer.hover.value = null;
  }

  #onClick(event: MouseEvent): void {
    if (event.target !== this.#body) return;
    const cell = this.#lineUnder(event);
    if (cell !== null) this.#explorer.hold(cell);
  }

  #lineUnder(event: MouseEvent): Focus | null {
    const data = this.#explorer.data.peek();
    if (data === null || this.#columns === null) return null;
    const held = this.#explorer.selection.peek().locked;
    const lines = held ? this.#heldLines : this.#allLines;
    if (lines === null) return null;
    const geometry = this.#lineView(data, this.#columns, 1, 0);
    const at = lineAt(lines, geometry, data.patterns.length, event.offsetX, event.offsetY, LINE_SLACK);
    if (at === null) return null;
    const key = lines.key[at] as number;
    return { query: lines.query[at] as number, key: key < geometry.keys ? key : null };
  }

  /** Between the columns the wheel moves both. */
  #onWheel(event: WheelEvent): void {
    if (event.ctrlKey || (event.target instanceof Element && event.target.closest(".ap-column") !== null))
      return;
    const pixels = event.deltaMode === 1 ? event.deltaY * (this.#columns?.row ?? 16) : event.deltaY;
    const before = this.#queries.scroll + this.#keys.scroll;
    this.#queries.scrollBy(pixels);
    this.#keys.scrollBy(pixels);
    if (this.#queries.scroll + this.#keys.scroll !== before) event.preventDefault();
  }
}

/** Where the hints of one column go: into the lines, beside the column's upper and lower end. */
function side(columns: Columns, which: Side, height: number, top: number, most: number): HintPlace {
  const edge = which === "query" ? columns.lineLeft : columns.width - columns.lineRight;
  return { edge: edge + 4, top: top + 3, bottom: columns.height - top - height + 3, most };
}
