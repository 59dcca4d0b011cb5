// Opens every explorer of this document that is not open yet: the front end over its snapshot, in place of the picture.
for (const host of document.querySelectorAll(".attnwidget-page:not([data-open])")) {
  host.dataset.open = "0";
  const [note, view, data] = ["p", "div", "script"].map((part) => host.querySelector(`:scope > ${part}`));
  (async () => {
    try {
      const { state, snapshot, esm } = JSON.parse(data.textContent);
      const letters = atob(snapshot);
      const bytes = new Uint8Array(letters.length);
      for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
      const address = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
      const module = (await import(address)).default;
      URL.revokeObjectURL(address);
      const { open } = typeof module === "function" ? await module() : module;
      await open({ el: view, state, snapshot: new DataView(bytes.buffer) });
      host.dataset.open = "1";
      note.hidden = true;
      data.remove();
    } catch (error) {
      note.textContent = `The interactive view could not start here (${error}). The picture shows how it opens.`;
    }
  })();
}
