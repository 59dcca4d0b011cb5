// Builds the front end: the widget's bundle (default), or the gallery page (--gallery). --watch keeps building.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const js = join(dirname(fileURLToPath(import.meta.url)), "..");
const root = join(js, "..");
const gallery = process.argv.includes("--gallery");
const watch = process.argv.includes("--watch");
const project = await readFile(join(root, "pyproject.toml"), "utf8");
const version = /^version = "([^"]+)"$/m.exec(project)?.[1];
if (version === undefined) throw new Error("pyproject.toml names no version.");
const LIMIT = { raw: 150 * 1024, gzip: 50 * 1024 };

/** @type {esbuild.BuildOptions} */
const shared = {
  bundle: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  absWorkingDir: js,
  define: { ATTNWIDGET_VERSION: JSON.stringify(version) },
};

/** @type {esbuild.BuildOptions} */
const options = gallery
  ? {
      ...shared,
      // A classic script: browsers refuse modules from file://.
      format: "iife",
      entryPoints: { gallery: "src/entries/gallery.ts" },
      outdir: join(js, "dist"),
      sourcemap: true,
    }
  : {
      ...shared,
      entryPoints: { widget: "src/entries/widget.ts" },
      outdir: join(root, "attnwidget", "static"),
      minify: true,
    };

async function copyPage() {
  await mkdir(join(js, "dist"), { recursive: true });
  await copyFile(join(js, "gallery.html"), join(js, "dist", "gallery.html"));
  // The tests write the embedded model's record here; without it the gallery has one case less.
  await writeFile(join(js, "dist", "embedded.js"), "", { flag: "a" });
}

/** Prints each output's size; the widget's bundle must stay within its budget, it is stored in every notebook. */
async function report() {
  const total = { raw: 0, gzip: 0 };
  for (const name of gallery ? ["gallery.js", "gallery.css"] : ["widget.js", "widget.css"]) {
    const path = join(options.outdir, name);
    const bytes = await readFile(path);
    const zipped = gzipSync(bytes, { level: 9 }).length;
    total.raw += bytes.length;
    total.gzip += zipped;
    console.log(`${relative(root, path)}  ${bytes.length} bytes, ${zipped} gzipped`);
  }
  console.log(`together  ${total.raw} bytes, ${total.gzip} gzipped`);
  if (!gallery && (total.raw > LIMIT.raw || total.gzip > LIMIT.gzip)) {
    console.error(`The bundle is over its budget of ${LIMIT.raw} bytes, ${LIMIT.gzip} gzipped.`);
    process.exitCode = 1;
  }
}

if (gallery) await copyPage();
if (watch) {
  const context = await esbuild.context({ ...options, minify: false, sourcemap: "inline", logLevel: "info" });
  await context.watch();
} else {
  await esbuild.build(options);
  await report();
}
