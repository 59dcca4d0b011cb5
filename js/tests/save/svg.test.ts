// Writing SVG: escapes, colours, fonts, groups.
import { describe, expect, it } from "vitest";
import { escapeText, fontOf, paint, Sheet, short } from "../../src/save/svg";

describe("escapeText", () => {
  it("keeps every character that XML can hold, and replaces the others", () => {
    expect(escapeText('a<b>&"c')).toBe("a&#60;b&#62;&#38;&#34;c");
    expect(escapeText("</text><script>")).not.toMatch(/[<>]/);
    expect(escapeText("\0\x08\x1f\x7f\ufffe\ud800x")).toBe("\ufffd".repeat(6).concat("x"));
    expect(escapeText("中 🐶 עב\t\u2068x\u2069")).toBe("中 🐶 עב\t\u2068x\u2069");
  });
});

describe("attributes", () => {
  it("splits what is see-through off a colour", () => {
    expect(paint("fill", "#abcdef")).toBe(' fill="#abcdef"');
    expect(paint("stroke", "rgb(1, 2, 3)")).toBe(' stroke="rgb(1,2,3)"');
    expect(paint("stroke", "rgb(1 2 3)")).toBe(' stroke="rgb(1,2,3)"');
    expect(paint("fill", "rgba(1, 2, 3, 0.25)")).toBe(' fill="rgb(1,2,3)" fill-opacity="0.25"');
  });

  it("reads fonts as canvases and styles write them, over several lines too", () => {
    expect(fontOf("11px monospace")).toBe(' font-family="monospace" font-size="11"');
    expect(fontOf('italic 600 12.5px "A B",\n  serif')).toBe(
      ' font-family="&#34;A B&#34;, serif" font-size="12.5" font-weight="600" font-style="italic"',
    );
    expect(fontOf("normal 400 13px mono")).toBe(' font-family="mono" font-size="13"');
  });

  it("writes numbers short", () => {
    expect([1, 0.1 + 0.2, -2.005, 1e-9].map(short)).toEqual(["1", "0.3", "-2", "0"]);
  });
});

describe("a sheet", () => {
  it("puts marks of one style in one group, and paths of one fill in one path", () => {
    const sheet = new Sheet("s");
    sheet.add(' fill="a"', "<x/>");
    sheet.add(' fill="a"', "<y/>");
    sheet.add(' fill="b"', "M0", true);
    sheet.add(' fill="b"', "M1", true);
    sheet.add(' fill="c"', "M2", true);
    expect(sheet.text()).toBe(
      '<g fill="a"><x/><y/></g><g fill="b"><path d="M0M1"/></g><g fill="c"><path d="M2"/></g>',
    );
    expect(sheet.count).toBe(4);
  });

  it("closes what it opened, and paints the upper over the lower", () => {
    const sheet = new Sheet("p");
    sheet.clip(' d="M0"');
    sheet.clip(' d="M1"');
    sheet.add(' fill="a"', "<x/>");
    sheet.around = "";
    // The same clip is defined once.
    sheet.clip(' d="M0"');
    sheet.around = "";
    sheet.z = 1;
    sheet.add("", "<top/>");
    sheet.z = 0;
    sheet.add("", "<low/>");
    expect(sheet.text()).toBe(
      '<clipPath id="p-0"><path d="M0"/></clipPath><clipPath id="p-1"><path d="M1"/></clipPath>' +
        '<g clip-path="url(#p-0)"><g clip-path="url(#p-1)"><g fill="a"><x/></g></g></g><low/><top/>',
    );
  });
});
