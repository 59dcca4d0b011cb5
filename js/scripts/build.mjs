// Builds the front end: the widget's bundle (default), or the gallery page (--gallery). --watch keeps building.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import zopfli from "@gfx/zopfli";
import * as esbuild from "esbuild";
import { minify } from "terser";

const js = join(dirname(fileURLToPath(import.meta.url)), "..");
const root = join(js, "..");
const gallery = process.argv.includes("--gallery");
const watch = process.argv.includes("--watch");
const project = await readFile(join(root, "pyproject.toml"), "utf8");
const version = /^version = "([^"]+)"$/m.exec(project)?.[1];
if (version === undefined) throw new Error("pyproject.toml names no version.");
/** What each explorer adds to a notebook's state: the packed module, its style sheet inside. */
const LIMIT = 120_000;

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

/** `import css from "text:./file.css"`: the style sheet, its imports with it, as text. */
const styleText = {
  name: "style-text",
  setup(build) {
    build.onResolve({ filter: /^text:/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.slice("text:".length)),
      namespace: "text",
    }));
    build.onLoad({ filter: /.*/, namespace: "text" }, async ({ path }) => {
      const { outputFiles, metafile } = await esbuild.build({
        ...shared,
        entryPoints: [path],
        minify: !watch,
        write: false,
        metafile: true,
      });
      const watchFiles = Object.keys(metafile.inputs).map((name) => join(js, name));
      return { contents: outputFiles[0].text.trimEnd(), loader: "text", watchFiles };
    });
  },
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
      plugins: [styleText],
    }
  : {
      ...shared,
      entryPoints: { widget: "src/entries/widget.ts" },
      outdir: join(root, "attnwidget", "static"),
      minify: true,
      plugins: [styleText],
    };

/**
 * What only a kernel can serve is a module of its own, which notebooks do not store. It reads and writes the signals of
 * the widget's module, so that both must have the same ones: the widget hands them over, as `signals`.
 */
const live = {
  ...shared,
  format: "iife",
  globalName: "live",
  entryPoints: { live: "src/entries/live.ts" },
  outdir: join(root, "attnwidget", "static"),
  minify: true,
  plugins: [
    styleText,
    {
      name: "signals-of-the-widget",
      setup(build) {
        const names = "batch, computed, effect, signal, untracked";
        const contents = `export const { ${names} } = signals;`;
        build.onResolve({ filter: /^@preact\/signals-core$/ }, ({ path }) => ({ path, namespace: "given" }));
        build.onLoad({ filter: /.*/, namespace: "given" }, () => ({ contents }));
      },
    },
  ],
};

async function copyPage() {
  await mkdir(join(js, "dist"), { recursive: true });
  await copyFile(join(js, "gallery.html"), join(js, "dist", "gallery.html"));
  // The tests write the embedded model's record and snapshots here; without them the gallery has fewer cases.
  for (const name of ["embedded.js", "snapshots.js"]) {
    await writeFile(join(js, "dist", name), "", { flag: "a" });
  }
}

/**
 * Bytes as text in which four of them take five letters, where base64 takes a third more: those from "(" to "~" but for
 * "<", which means something to pages, and "\\", which is written twice in notebooks.
 */
function toLetters(bytes) {
  const words = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const letters = [];
  for (let at = 0; at < words.length; at += 4) {
    for (let word = words.readUInt32BE(at), place = 85 ** 4; place >= 1; word %= place, place /= 85) {
      const code = 40 + Math.floor(word / place);
      letters.push(code + (code >= 60) + (code >= 91));
    }
  }
  return String.fromCharCode(...letters);
}

/**
 * The module as it is stored: compressed, since every explorer in a notebook carries a copy. It undoes itself with the
 * browser's own means, and is then loaded the way hosts load the text of a widget, from a blob.
 */
async function pack(module) {
  // 3 % less than zlib.
  const packed = await zopfli.gzipAsync(Buffer.from(module), { numiterations: 5 });
  return `// attnwidget ${version}: a compressed module; the sources are in js/src.
const packed="${toLetters(packed)}";
export default async()=>{
const view=new DataView(new ArrayBuffer(packed.length/5*4));
const at=(i)=>{const c=packed.charCodeAt(i);return c-40-(c>60)-(c>92)};
for(let i=0;i<packed.length;i+=5){let v=0;for(let j=i;j<i+5;j++)v=85*v+at(j);view.setUint32(i/5*4,v)}
const bytes=new Uint8Array(view.buffer,0,${packed.length});
const text=await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
const url=URL.createObjectURL(new Blob([text],{type:"text/javascript"}));
try{return(await import(url)).default}finally{URL.revokeObjectURL(url)}
};
`;
}

/** Builds and packs the widget's module; the page that shows the gallery is loaded as it is. */
async function buildWidget() {
  const { outputFiles } = await esbuild.build({ ...options, write: false });
  // Once more, by a tool that takes longer and leaves 4 % less.
  const more = { module: true, ecma: 2022 };
  const { code = "" } = await minify(outputFiles[0].text, more);
  console.log(`unpacked  ${Buffer.byteLength(code)} bytes`);
  await mkdir(options.outdir, { recursive: true });
  await writeFile(join(options.outdir, "widget.js"), await pack(code));
  const built = await esbuild.build({ ...live, write: false });
  const module = `export default (signals) => { ${built.outputFiles[0].text}; return live.start };`;
  const { code: text = "" } = await minify(module, more);
  await writeFile(join(options.outdir, "live.js.gz"), gzipSync(text, { level: 9 }));
}

/** Prints each output's size; what a notebook stores of the widget must stay within its budget. */
async function report() {
  for (const name of gallery ? ["gallery.js", "gallery.css"] : ["widget.js", "live.js.gz"]) {
    const path = join(options.outdir, name);
    const bytes = await readFile(path);
    if (name === "widget.js" && bytes.length > LIMIT) {
      console.error(`The bundle is over its budget of ${LIMIT} bytes.`);
      process.exitCode = 1;
    }
    console.log(
      `${relative(root, path)}  ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`,
    );
  }
}

if (gallery) await copyPage();
if (watch) {
  const context = await esbuild.context({ ...options, minify: false, sourcemap: "inline", logLevel: "info" });
  await context.watch();
} else {
  await (gallery ? esbuild.build(options) : buildWidget());
  await report();
}
