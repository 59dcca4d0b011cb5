// Numbers as they are written on screen.
import { isHidden, isMasked } from "./weights";

/**
 * A weight in few characters.
 *
 * Exact weights (`error` 0) get three decimals, small ones one significant digit; approximate ones get only the decimals
 * that their error leaves standing, behind "≈". Of a weight that was left out, which holds 0, only the most that it can
 * be is known: `floor`.
 */
export function formatWeight(weight: number, error = 0, floor = 0): string {
  if (weight === 0 && floor > 0) return `≤${formatMost(floor)}`;
  if (Number.isNaN(weight)) return "NaN";
  if (isHidden(weight)) return "hidden";
  if (isMasked(weight)) return "masked";
  if (error > 0) {
    const decimals = error >= 0.05 ? 1 : error >= 0.0005 ? 2 : 3;
    const text = decimal(weight, decimals);
    return Number(text) === 0 ? "≈0" : `≈${text}`;
  }
  if (weight === 0) return "0";
  if (weight < 0.0005) return weight.toExponential(0);
  return decimal(weight, 3);
}

/** Rounded up, so that it stays a bound. */
export function formatMost(value: number): string {
  return decimal(Math.ceil(value * 1000 - 1e-9) / 1000, 3);
}

/** Fixed decimals without the leading zero. */
export function decimal(value: number, decimals: number): string {
  return value.toFixed(decimals).replace(/^(-?)0\./, "$1.");
}

/** A number that a person chose, as short as it is. */
export function formatLimit(value: number): string {
  return String(Number(value.toPrecision(3))).replace(/^0\./, ".");
}

/** A share of one, as a percentage of at most two significant digits. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.1) return "< .1 %";
  return `${percent < 10 ? decimal(percent, 1) : percent.toFixed(0)} %`;
}

/** A count with thin groups of thousands, the same in every locale. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "0", "0 and 1", "0, 1 and 5". */
export function formatList(items: readonly (number | string)[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}
