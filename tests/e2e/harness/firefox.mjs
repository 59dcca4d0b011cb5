// Drives one headless Firefox over WebDriver BiDi: each line of JSON in is a command, the line out its answer.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const js = fileURLToPath(new URL("../../../js/package.json", import.meta.url));
const puppeteer = createRequire(js)("puppeteer-core");
const [executablePath, width, height] = process.argv.slice(2);

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  headless: true,
  defaultViewport: { width: Number(width), height: Number(height) },
  extraPrefsFirefox: {
    // Nothing has an address: what works here works without a network.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
  },
});

let page = null;
let errors = [];
let requests = [];

async function fresh() {
  await page?.close();
  page = await browser.newPage();
  errors = [];
  requests = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(`uncaught: ${error}`));
  page.on("request", (request) => requests.push(request.url().slice(0, 200)));
}

/** The page's frame number `at`, in the order of the document; 0 is the page itself. */
const frameOf = ({ frame = 0 }) => {
  const found = page.frames()[frame];
  if (found === undefined) throw new Error(`There is no frame ${frame}.`);
  return found;
};

const commands = {
  async open({ url }) {
    await fresh();
    await page.goto(url, { waitUntil: "load" });
  },
  evaluate: (command) => frameOf(command).evaluate(command.script),
  async wait(command) {
    await frameOf(command).waitForFunction(command.script, { timeout: command.timeout });
  },
  click: (command) => frameOf(command).click(command.selector),
  hover: (command) => frameOf(command).hover(command.selector),
  focus: (command) => frameOf(command).focus(command.selector),
  press: ({ key }) => page.keyboard.press(key),
  scheme: ({ value }) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]),
  screenshot: ({ path }) => page.screenshot({ path, fullPage: true }).then(() => path),
  heard: () => ({ errors, requests }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await commands[command.do](command)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
