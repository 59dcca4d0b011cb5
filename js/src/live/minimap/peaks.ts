// The strongest tokens of the one that is held, over all heads: a line of buttons that go there.
import { formatCount, formatWeight } from "../../math/format";
import { isolate } from "../../math/labels";
import { labelOf } from "../../panes/kit/tokens";
import { el } from "../../ui/dom";
import type { Tokens } from "../../wire/schema.gen";
import { groupPeaks, type Peak, type Strips } from "./strips";

const MOST = 12;

/** One button per token; `go` gets its position and the head that it is strongest in. */
export function createPeaks(
  strips: Strips,
  tokens: Tokens,
  go: (position: number, head: Peak) => void,
): readonly HTMLElement[] {
  return groupPeaks(strips, MOST).flatMap(({ position, heads }) => {
    const [first] = heads;
    if (first === undefined) return [];
    const label = isolate(labelOf(tokens, position)) || "∅";
    const name = `${first.layer}.${first.head}`;
    const more = heads.length > 1 ? ` +${heads.length - 1}` : "";
    const button = el(
      "button",
      {
        type: "button",
        class: "al-peak",
        title: `Token ${formatCount(position)}: strongest of ${heads.length} of ${strips.peaks.length} heads. Goes there, and shows layer ${first.layer}, head ${first.head}.`,
      },
      el("bdi", { class: "al-peak-word" }, label),
      el("span", { class: "al-peak-at" }, formatCount(position)),
      el("span", { class: "al-peak-weight" }, formatWeight(first.weight)),
      el("span", { class: "al-peak-at", "data-head": name }, `head ${name}${more}`),
    );
    button.addEventListener("click", () => go(position, first));
    return [button];
  });
}
