// Asks for the tiles of one head, one request at a time, as long as anything that is in sight is missing or not whole.
import { whenIdle } from "../../core/idle";
import type { Transport } from "../../transport/types";
import { toErrorInfo } from "../../wire/errors";
import type { Pool } from "../../wire/schema.gen";
import { cellsOf, type Extent, type TileAt } from "./levels";
import { type Batch, nextBatch, type Sight } from "./plan";
import { type HeadPlace, placeKey, type TileStore } from "./store";

/** What of a head is looked at. */
export interface Look {
  readonly place: HeadPlace;
  readonly pool: Pool;
  readonly extent: Extent;
  readonly sight: Sight;
}

export interface FollowerEvents {
  /** Tiles came, or what `state` says changed. */
  changed(): void;
}

/** After a reply without news the next request waits this long, then twice as long, and so on. */
const PAUSE_MS = 50;
const MOST_PAUSES = 6;

export type FollowerState = "resting" | "waiting" | { readonly failed: string };

export class TileFollower {
  readonly #request: Transport["request"];
  readonly #store: TileStore;
  readonly #events: FollowerEvents;
  readonly #abort: AbortSignal;
  #look: Look | null = null;
  #flight: { readonly look: Look; readonly batch: Batch; readonly controller: AbortController } | null = null;
  #running = false;
  #state: FollowerState = "resting";
  #wake = () => {};

  constructor(request: Transport["request"], store: TileStore, events: FollowerEvents, abort: AbortSignal) {
    this.#request = request;
    this.#store = store;
    this.#events = events;
    this.#abort = abort;
    abort.addEventListener("abort", () => this.want(null), { once: true });
  }

  /** Whether what is in sight is on its way, or why it is not coming. */
  get state(): FollowerState {
    return this.#state;
  }

  /** Follows another look; what is on its way and no longer looked at is called off. Null asks for nothing more. */
  want(look: Look | null): void {
    const before = this.#look;
    this.#look = look;
    const flight = this.#flight;
    if (flight !== null && (look === null || !isOfUse(flight.look, flight.batch, look)))
      flight.controller.abort();
    if (look === null || (before !== null && sameLook(before, look))) return;
    this.#wake();
    if (!this.#running && !this.#abort.aborted) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      let pauses = 0;
      let ahead = false;
      let of: Look | null = null;
      for (;;) {
        const look = this.#look;
        if (look === null || this.#abort.aborted) break;
        if (of !== look) {
          pauses = 0;
          ahead = false;
        }
        of = look;
        const batch = nextBatch(look.sight, look.extent, (tile) => this.#readOf(look, tile), ahead);
        this.#say(batch === null || batch.ahead ? "resting" : "waiting");
        if (batch === null && ahead) break;
        if (batch === null) {
          await this.#rest((done) => whenIdle(done));
          ahead = true;
          continue;
        }
        const news = await this.#fetch(look, batch);
        if (news > 0) {
          pauses = 0;
          continue;
        }
        if (this.#look !== look) continue;
        if (pauses >= MOST_PAUSES) break;
        const pause = PAUSE_MS * 2 ** pauses++;
        await this.#rest((done) => {
          const timer = setTimeout(done, pause);
          return () => clearTimeout(timer);
        });
      }
    } catch (error) {
      // The same look is not tried again: only another one is.
      const { what, todo } = toErrorInfo(error);
      this.#say({ failed: `${what} ${todo}` });
    } finally {
      this.#running = false;
      if (this.#state === "waiting") this.#say("resting");
    }
  }

  /** Waits for what `start` starts, or for another look, whichever is first. */
  #rest(start: (done: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      const stop = start(resolve);
      this.#wake = () => {
        stop();
        resolve();
      };
    });
  }

  #readOf(look: Look, tile: TileAt): number {
    return this.#store.get(look.place, look.pool, tile)?.read ?? 0;
  }

  /** One request; returns how many tiles say more than before. What was called off has none, and is no error. */
  async #fetch(look: Look, batch: Batch): Promise<number> {
    const controller = new AbortController();
    this.#flight = { look, batch, controller };
    const { record, ...place } = look.place;
    const tiles = batch.tiles.map(({ row, column }) => [row, column]);
    try {
      const reply = await this.#request(
        "tiles",
        { ...place, level: batch.level, pool: look.pool, tiles },
        { record, signal: controller.signal },
      );
      const news = this.#store.take(record, reply.meta, reply.buffers);
      if (news > 0 && !this.#abort.aborted) this.#events.changed();
      return news;
    } catch (error) {
      if (controller.signal.aborted || this.#abort.aborted) return 0;
      throw error;
    } finally {
      this.#flight = null;
    }
  }

  #say(state: FollowerState): void {
    if (this.#state === state) return;
    this.#state = state;
    if (!this.#abort.aborted) this.#events.changed();
  }
}

function sameLook(a: Look, b: Look): boolean {
  return (
    a.pool === b.pool &&
    placeKey(a.place) === placeKey(b.place) &&
    a.sight.level === b.sight.level &&
    (["queries", "keys"] as const).every(
      (axis) => a.sight[axis].start === b.sight[axis].start && a.sight[axis].end === b.sight[axis].end,
    )
  );
}

/** Whether a batch that was asked for under one look still serves another. */
export function isOfUse(asked: Look, batch: Batch, look: Look): boolean {
  if (asked.pool !== look.pool || placeKey(asked.place) !== placeKey(look.place)) return false;
  if (batch.level < look.sight.level) return false;
  const meets = (a: { start: number; end: number }, b: { start: number; end: number }) =>
    a.start < b.end && b.start < a.end;
  return batch.tiles.some((tile) => {
    const cells = cellsOf(tile);
    return meets(cells.queries, look.sight.queries) && meets(cells.keys, look.sight.keys);
  });
}
