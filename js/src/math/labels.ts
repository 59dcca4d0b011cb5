// How wide labels are in a monospace font, without asking the browser about each.

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const ZERO = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Width in characters of a monospace font: wide scripts and emoji count twice, combining marks not at all. */
export function labelUnits(label: string): number {
  let units = 0;
  for (const character of label) units += ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return units;
}

const widths = new WeakMap<readonly string[], Map<number, number>>();

/** The widest label, at most `most` characters; worked out once for a list. */
export function widestLabel(labels: readonly string[], most: number): number {
  const known = widths.get(labels) ?? new Map<number, number>();
  widths.set(labels, known);
  const widest = known.get(most) ?? measure(labels, most);
  known.set(most, widest);
  return widest;
}

function measure(labels: readonly string[], most: number): number {
  let widest = 0;
  for (const label of labels) {
    if (label.length * 2 <= widest) continue;
    widest = Math.max(widest, labelUnits(label));
    if (widest >= most) return most;
  }
  return widest;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** The label for use inside a sentence: one that runs from right to left is kept from turning what stands around it. */
export function isolate(label: string): string {
  return RIGHT_TO_LEFT.test(label) ? `\u2068${label}\u2069` : label;
}
