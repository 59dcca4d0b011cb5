// From a picture to files: pixels, a download, the clipboard.
import type { Figure } from "./figure";

/** The picture in pixels, `scale` to a unit. */
export async function toPng({ svg, width, height }: Figure, scale: number): Promise<Blob> {
  const image = new Image();
  // Not from a blob: in frames without an origin that would make the canvas unreadable.
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: width * scale, height: height * scale });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large."))));
  });
}

/** Hands a file to the browser's downloads; a page that forbids them gives no sign of it. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
