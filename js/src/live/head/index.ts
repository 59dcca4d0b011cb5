// The head pane of tiled layers: lines between the tokens in sight from tiles, all lines of the token in focus from its row or column.
import { computed } from "@preact/signals-core";
import type { LiveHost } from "../../core/live";
import { RowLoader, type RowsWanted } from "../../core/rows";
import { presentRows } from "../../core/shown";
import type { CreatePane, Explorer, LayerData } from "../../core/types";
import type { Range } from "../../math/lines";
import { HeadPane } from "../../panes/head";
import { createPanes } from "../../panes/head/compare";
import { follow } from "../../ui/dom";
import { unfiltered } from "../text/shade";
import { Followers } from "../tiles/followers";
import type { TileHub } from "../tiles/hub";
import { columnsAt, headsOf, placesOf, withTiles } from "./data";

/** The head view over the tiles of one view; while pinned heads are compared, one of each. */
export function createTiledHead(host: LiveHost, hub: TileHub): CreatePane {
  return (place, explorer) => createPanes(place, explorer, (at, of) => createOne(at, of, host, hub));
}

function createOne(place: HTMLElement, explorer: Explorer, host: LiveHost, hub: TileHub) {
  const release = new AbortController();
  const { signal: ended } = release;
  const followers = new Followers(hub, ended);
  const data = computed(() => {
    const now = explorer.data.value;
    return now?.info.tiled ? withTiles(now, hub.store, explorer.filters.value) : now;
  });
  // A pinned head beside others asks for its rows itself: the explorer has those of the chosen heads.
  const own = explorer.data !== host.app.data;
  const exact = own ? followRows(explorer, host, ended) : explorer.exact;
  const pane = new HeadPane(
    place,
    { ...explorer, data, exact },
    {
      looked(now: LayerData, queries: Range, keys: Range) {
        const { info } = now;
        const [first] = now.patterns;
        if (first === undefined || !info.tiled) return "";
        const extent = {
          queries: first.queries,
          keys: first.keys,
          causal: info.causal,
          window: info.window,
        };
        followers.want(placesOf(now), "max", extent, { level: 0, queries, keys, direct: true });
        return (
          followers.failed ||
          (followers.waiting
            ? "reading the tokens in sight …"
            : "lines between tokens in sight; point at one for all of its own")
        );
      },
      ofColumns: unfiltered,
      columns: (now, key) => columnsAt(now, key, explorer.columns.peek()),
      changed: computed(() => [hub.changes.value, explorer.columns.value]),
    },
  );
  return {
    destroy() {
      release.abort();
      pane.destroy();
    },
  };
}

/** Exact rows of the focused query for the heads of one panel. */
function followRows(explorer: Explorer, host: LiveHost, ended: AbortSignal) {
  const wanted = computed<RowsWanted | null>(() => {
    const now = explorer.data.value;
    const { query } = explorer.focus.value;
    if (now === null || query === null || query >= now.queryTokens.label.length) return null;
    return {
      record: now.record.record,
      site: now.site.kind,
      layer: now.info.layer,
      heads: headsOf(now),
      query,
    };
  });
  // What cannot be had is spoken of where the chosen heads are.
  const rows = new RowLoader(host, wanted, () => {}, ended);
  follow(ended, () => rows.ask(wanted.value, explorer.hover.value === null));
  return computed(() => {
    const now = explorer.data.value;
    return now === null ? rows.rows.value : presentRows(rows.rows.value, now);
  });
}
