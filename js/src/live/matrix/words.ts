// What the legend of a tiled matrix says of its dots.
import type { LayerData } from "../../core/types";
import { formatCount, formatWeight } from "../../math/format";
import type { Pool } from "../../wire/schema.gen";
import type { TilesDrawn } from "./cells";

/** What a dot is, and how sure that is, of what all panels show. */
export function describeDots(drawn: readonly TilesDrawn[], pool: Pool, { shown }: LayerData): string[] {
  const [first] = drawn;
  if (first === undefined) return [];
  const notes: string[] = [];
  const error = Math.max(...drawn.map((one) => one.error));
  const within = error > 0 ? `, within ${formatWeight(error)}` : "";
  const combined = shown !== undefined && shown.combine !== "each";
  const { block } = first;
  if (block === 1) notes.push(`a dot is a cell${within}`);
  else {
    const what = pool === "max" ? "largest" : "mean";
    const of = combined ? `the ${shown.combine} over heads of each one's` : "the";
    const read = Math.min(...drawn.map((one) => one.read));
    const sampled =
      read === 0
        ? ""
        : read < block
          ? `, sampled ${formatCount(read)} of ${formatCount(block)} queries`
          : `, all read${within}`;
    notes.push(`a dot is ${of} ${what} of ${formatCount(block)} × ${formatCount(block)} cells${sampled}`);
  }
  const failed = drawn.find((one) => one.failed !== "")?.failed;
  const unfinished = drawn.some((one) => one.missing + one.coarser > 0);
  if (failed !== undefined) notes.push(failed);
  else if (unfinished) notes.push("sharper tiles are on their way");
  const rule = shown?.rule;
  if (rule) {
    if (rule.top > 0) notes.push("the strongest of each query are not told apart here");
    if (block > 1 && (rule.queryOff.includes(true) || rule.keyOff.includes(true)))
      notes.push("dots of hidden and other cells show both");
  }
  return notes;
}
