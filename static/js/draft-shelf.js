// Drafts on this device. Each page keeps its own under draft/<persona>/<question>/<page>, so that two tabs never write
// over one another; a page that ends marks its draft as left, and another page goes on with it.

const PREFIX = "draft/", OFF = "no-drafts";

/** Whether drafts are kept here: not on a computer that several people use. */
export const keepsDrafts = (storage) => storage.getItem(OFF) === null;

/** Switches drafts on or off; off, those that lie here are removed. */
export function setKeepsDrafts(storage, on) {
  if (on) return storage.removeItem(OFF);
  storage.setItem(OFF, "1");
  for (const key of draftKeys(storage)) storage.removeItem(key);
}

/** All drafts here, or those of one question ("<persona>/<question>"). */
export function draftKeys(storage, question = "") {
  const prefix = question ? `${PREFIX}${question}/` : PREFIX;
  return Array.from({ length: storage.length }, (_none, place) => storage.key(place)).filter((key) => key?.startsWith(prefix));
}

/** The question that a draft belongs to. */
export const questionOf = (key) => key.slice(PREFIX.length, key.lastIndexOf("/"));

export function readDraft(storage, key) {
  try { return JSON.parse(storage.getItem(key)); } catch { return null; }
}

/** One draft. Every method survives a storage that is full or forbidden. */
export class Shelf {
  /** With `existing`, a draft that another page took over is not made anew. */
  constructor(storage, key, { existing = false, now = Date.now } = {}) { Object.assign(this, { storage, key, existing, now }); }

  put(record) {
    try {
      if (!keepsDrafts(this.storage) || (this.existing && this.storage.getItem(this.key) === null)) return false;
      this.storage.setItem(this.key, JSON.stringify({ ...record, at: this.now(), left: this.existing }));
      return true;
    } catch { return false; }
  }

  drop() {
    try { this.storage.removeItem(this.key); } catch { /* nothing was kept */ }
  }

  /** The page ends, or (false) came back. Returns whether the draft is still here. */
  leave(left = true) {
    const record = readDraft(this.storage, this.key);
    try { if (record) this.storage.setItem(this.key, JSON.stringify({ ...record, left })); } catch { /* it stays as it was */ }
    return record !== null;
  }

  /** Takes a draft from the page that left it; null if it is gone. */
  take(key) {
    const record = readDraft(this.storage, key);
    if (record && this.put(record)) this.storage.removeItem(key);
    return record;
  }
}

/** Drafts of ended pages, newest first. `ended` is asked about those that are not marked: a page may have crashed. */
export async function leftDrafts(storage, question, ended) {
  const found = [];
  for (const key of draftKeys(storage, question)) {
    const record = readDraft(storage, key);
    if (record && (record.left || (await ended(key)))) found.push([record.at, key]);
  }
  return found.sort((a, b) => b[0] - a[0]).map(([, key]) => key);
}

/** Lets the keeper go on with the newest draft that an ended page left, if nothing is under way. Returns whether it does. */
export async function adoptDraft(keeper, shelf, question, ended) {
  const [key] = await leftDrafts(shelf.storage, question, ended);
  if (!key || keeper.isDirty) return false;
  const record = shelf.take(key);
  if (record) keeper.restore(record);
  return record !== null;
}
