// Puts chunked replies together again: pieces may come in any order, several replies may be under way at once.
import { cut } from "../wire/arrays";
import type { Chunk, ReplyError, ReplyOk } from "../wire/schema.gen";

export interface WholeReply {
  reply: ReplyOk | ReplyError;
  buffers: DataView[];
}

interface Gathered {
  pieces: (DataView | undefined)[];
  missing: number;
  reply: ReplyOk | null;
  lengths: number[];
}

function isChunk(message: Chunk | ReplyOk | ReplyError): message is Chunk {
  return "parts" in message;
}

export class Assembler {
  readonly #gathered = new Map<string, Gathered>();

  /** Takes one message; returns the reply once it is whole, else null. */
  add(message: Chunk | ReplyOk | ReplyError, buffers: readonly DataView[]): WholeReply | null {
    if (!isChunk(message)) return { reply: message, buffers: [...buffers] };
    const gathered = this.#gathered.get(message.id) ?? {
      pieces: new Array<DataView | undefined>(message.parts).fill(undefined),
      missing: message.parts,
      reply: null,
      lengths: [],
    };
    this.#gathered.set(message.id, gathered);
    const piece = buffers[0];
    if (piece === undefined || message.part >= gathered.pieces.length) {
      this.#gathered.delete(message.id);
      throw new RangeError(`Piece ${message.part} of ${message.parts} is malformed.`);
    }
    if (gathered.pieces[message.part] === undefined) gathered.missing -= 1;
    gathered.pieces[message.part] = piece;
    if (message.reply !== undefined) {
      gathered.reply = message.reply;
      gathered.lengths = message.lengths ?? [];
    }
    if (gathered.missing > 0 || gathered.reply === null) return null;
    this.#gathered.delete(message.id);
    const pieces = gathered.pieces.filter((item) => item !== undefined);
    return { reply: gathered.reply, buffers: cut(pieces, gathered.lengths) };
  }

  /** Forgets what has arrived of a reply that nobody waits for any more. */
  drop(id: string): void {
    this.#gathered.delete(id);
  }

  get pending(): number {
    return this.#gathered.size;
  }
}
