// A group of buttons of which one is pressed.
import { el, follow, setAttribute } from "./dom";

export interface Choice<T extends string> {
  readonly value: T;
  readonly text: string;
}

/** A group of buttons of which one is pressed. */
export function createSwitch<T extends string>(
  name: string,
  choices: () => readonly Choice<T>[],
  value: () => T,
  choose: (value: T) => void,
  abort: AbortSignal,
): HTMLElement {
  const group = el("div", { class: "aw-switch", role: "radiogroup", "aria-label": name });
  let shown = "";
  follow(abort, () => {
    const now = choices();
    const chosen = value();
    const key = now.map((choice) => choice.value).join(" ");
    if (key !== shown) {
      shown = key;
      group.replaceChildren(
        ...now.map((choice) =>
          el("button", { type: "button", role: "radio", "data-value": choice.value }, choice.text),
        ),
      );
    }
    for (const button of group.querySelectorAll("button")) {
      const on = button.dataset.value === chosen;
      setAttribute(button, "aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    }
  });
  const pick = (button: HTMLButtonElement | undefined) => {
    if (button?.dataset.value === undefined) return;
    choose(button.dataset.value as T);
    button.focus();
  };
  group.addEventListener("click", (event) => pick((event.target as Element).closest("button") ?? undefined), {
    signal: abort,
  });
  group.addEventListener(
    "keydown",
    (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const buttons = [...group.querySelectorAll("button")];
      const at = buttons.findIndex((button) => button.dataset.value === value());
      pick(buttons[(at + step + buttons.length) % buttons.length]);
    },
    { signal: abort },
  );
  return group;
}
