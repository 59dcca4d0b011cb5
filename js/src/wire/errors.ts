// Errors of the wire: the same three parts as on the kernel's side.
import type { ErrorInfo } from "./schema.gen";

/** A request has no answer: the kernel said why, or the kernel cannot be reached. */
export class WireError extends Error {
  readonly info: ErrorInfo;

  constructor(info: ErrorInfo) {
    super(`${info.what} ${info.todo}`.trim());
    this.name = "WireError";
    this.info = info;
  }
}

export function aborted(): DOMException {
  return new DOMException("The request was aborted.", "AbortError");
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Whatever was thrown, as something that can be shown. */
export function toErrorInfo(error: unknown): ErrorInfo {
  if (error instanceof WireError) return error.info;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: "front-end",
    what: `The view failed. ${what}`,
    todo: "Reload the page; if it comes back, please report it.",
  };
}
