// The matrix pane of tiled layers: from the whole of a long prompt down to one cell, in tiles that come as they are looked at.
import type { CreatePane } from "../../core/types";
import { prepare } from "../../draw/surface";
import { element } from "../../panes/kit/dom";
import { MatrixPane } from "../../panes/matrix";
import { createSwitch } from "../../ui/switch";
import type { Pool } from "../../wire/schema.gen";
import type { TileHub } from "../tiles/hub";
import { TileCells } from "./cells";
import { drawUnread } from "./draw";
import { closeTo, createGoTo, parseCell } from "./goto";
import { describeDots } from "./words";

const POOLS: readonly { readonly value: Pool; readonly text: string }[] = [
  { value: "max", text: "max" },
  { value: "mean", text: "mean" },
];

/** The pane over the tiles of one view. */
export function createTiledMatrix(hub: TileHub): CreatePane {
  return (host, explorer) => {
    const release = new AbortController();
    const { signal: ended } = release;
    let cells: TileCells[] = [];
    const waiting = element("span", "ap-legend-item", {});
    const swatch = element("canvas", "ap-legend-swatch", { "aria-hidden": true });
    waiting.append(swatch, "not computed yet");
    const pane = new MatrixPane(host, explorer, {
      cells() {
        const made = new TileCells(hub, ended);
        cells.push(made);
        return made;
      },
      describe(_, data) {
        const drawn = cells.flatMap((one) => one.drawn ?? []);
        waiting.hidden = !drawn.some(({ missing }) => missing > 0);
        const context = waiting.hidden ? null : prepare(swatch, 16, 11, window.devicePixelRatio || 1);
        if (context !== null)
          drawUnread(context, { x: 0, y: 0, width: 16, height: 11 }, explorer.palette.peek());
        return describeDots(drawn, hub.pool.peek(), data);
      },
      changed: hub.changes,
      key(event) {
        if (event.key === "z") {
          const cell = pane.cell();
          const { sight } = pane;
          if (cell !== null && sight !== null) pane.look(closeTo(cell, sight.frame, sight.viewport));
        } else if (event.key === "g") goTo.select();
        else return false;
        return true;
      },
    });
    const goTo = createGoTo((text) => {
      const { sight } = pane;
      if (sight === null) return null;
      const { frame, viewport } = sight;
      const cell = parseCell(text, frame.queries, frame.keys);
      if (cell === null)
        return `There is no such cell. Type a query up to ${frame.queries - 1} and a key up to ${frame.keys - 1}.`;
      explorer.hold(cell);
      pane.look(closeTo(cell, frame, viewport));
      return null;
    }, ended);
    const pools = createSwitch(
      "Dots",
      () => POOLS,
      () => hub.pool.value,
      (pool) => {
        hub.pool.value = pool;
      },
      ended,
    );
    pools.title = "What a dot is of its cells: the largest, or the mean";
    pane.toolbar.append(goTo, pools);
    pane.legend.append(waiting);
    return {
      destroy() {
        release.abort();
        cells = [];
        pane.destroy();
      },
    };
  };
}
