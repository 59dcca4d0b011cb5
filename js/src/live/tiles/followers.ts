// The followers of several heads that are looked at alike.
import type { Pool } from "../../wire/schema.gen";
import type { TileFollower } from "./follower";
import type { TileHub } from "./hub";
import type { Extent } from "./levels";
import type { Sight } from "./plan";
import type { HeadPlace } from "./store";

export class Followers {
  readonly #hub: TileHub;
  readonly #abort: AbortSignal;
  readonly #all: TileFollower[] = [];

  constructor(hub: TileHub, abort: AbortSignal) {
    this.#hub = hub;
    this.#abort = abort;
  }

  /** Has the tiles of these heads followed, and of no others. */
  want(heads: readonly HeadPlace[], pool: Pool, extent: Extent, sight: Sight): void {
    while (this.#all.length < heads.length) this.#all.push(this.#hub.follow(this.#abort));
    this.#all.forEach((follower, index) => {
      const place = heads[index];
      follower.want(place === undefined ? null : { place, pool, extent, sight });
    });
  }

  /** Asks for nothing more. */
  rest(): void {
    for (const follower of this.#all) follower.want(null);
  }

  /** Whether something that is in sight is on its way. */
  get waiting(): boolean {
    return this.#all.some(({ state }) => state === "waiting");
  }

  /** Why tiles are not coming; "" while nothing is wrong. */
  get failed(): string {
    for (const { state } of this.#all) if (typeof state === "object") return state.failed;
    return "";
  }
}
