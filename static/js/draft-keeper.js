// The protocol of one answer in one tab, without a page: typed text goes to the device first, then to the server, and is
// "saved" only when the server's SHA-256 is that of the text. The world outside is handed in, so that tests can be one.

const PAUSE = 700; // ms without a key before a save
const FIRST_WAIT = 1000, LONGEST_WAIT = 30000; // ms before a save is tried again
const MOST_FOLLOWED = 20; // operations without a reply that a save may name

/**
 * world: post(save) -> Promise of {status, reply}, rejected when the network failed (status 0: sent to the log-in);
 * shelf.put(record) -> whether it is kept, shelf.drop(); digest(text) -> Promise of hex; newId(); random();
 * later(milliseconds, function) -> function that calls it off; tell(event, detail); announce({revision, text}).
 *
 * Events: saving, saved, offline, trouble, locked, refused (a sentence), conflict, text (the field should show it).
 */
export class DraftKeeper {
  constructor(world, { text, revision }) {
    Object.assign(this, { world, text, revision, saved: text });
    this.pending = null; // the save whose reply is not here yet: it is sent again as it is until there is one
    this.flown = []; // operations sent while leaving, whose replies nobody waited for
    this.conflict = null;
    this.wait = FIRST_WAIT;
    this.kept = true;
  }

  /** Whether the server may not have the text. */
  get isDirty() { return this.text !== this.saved || this.pending !== null || this.flown.length > 0; }

  typed(text) {
    this.text = text;
    this.keep();
    this.schedule(PAUSE);
  }

  /** Goes on with what another page left on this device. A text from an older revision is sent with that revision. */
  restore(record) {
    if (record.text === this.saved) { // one of these may still be on its way to the server, and must not win there
      this.flown = [...(record.flown ?? []), ...(record.pending ? [record.pending.operation] : [])].slice(-MOST_FOLLOWED);
      return this.keep();
    }
    if (record.revision !== this.revision) this.saved = undefined;
    this.text = record.text;
    this.revision = record.revision;
    this.pending = record.pending ?? null;
    this.flown = record.flown ?? [];
    this.keep();
  }

  /** Resolves when the text is saved, or when that has to wait for the network, the log-in or the person. */
  flush() {
    this.schedule(null);
    if (this.running) this.again = true;
    else if (this.isDirty && !this.conflict && this.text !== this.refused) this.running = this.rounds().finally(() => { this.running = null; });
    return this.running ?? Promise.resolve();
  }

  /** The page may end at any moment: the newest text sets off at once, even beside a save that is on its way. */
  leave() {
    if (!this.isDirty || this.text === this.refused || this.text === this.shipped) return;
    if (!this.pending || (this.pending.text === this.text && !this.conflict)) { this.flush(); return; }
    if (this.pending.text === this.text) return; // the server keeps it beside the one it conflicts with
    const save = this.newSave([this.pending.operation]);
    this.shipped = this.text;
    this.flown = [...this.flown, save.operation].slice(-MOST_FOLLOWED);
    this.keep();
    this.world.post(save).catch(() => {}); // the draft is sent again if nobody got it
  }

  /** Another tab saved. Taken over where nothing is under way here. */
  heard({ revision, text }) {
    if (this.isDirty || revision <= this.revision) return;
    Object.assign(this, { revision, text, saved: text });
    this.world.tell("text", text);
  }

  /** The person decided on a conflict: `text` follows the stored one. */
  settle(text) {
    Object.assign(this, { saved: this.conflict.text, revision: this.conflict.revision, conflict: null, pending: null, flown: [], text });
    this.keep();
    return this.flush();
  }

  async rounds() {
    do {
      this.again = false;
      this.pending ??= this.newSave([]);
      this.keep();
      this.world.tell("saving");
      if (!(await this.attempt(this.pending))) return;
    } while (this.isDirty && (this.again || !this.callOff));
    if (!this.isDirty) this.world.tell("saved");
  }

  newSave(more) {
    const follows = [...this.flown, ...more].slice(-MOST_FOLLOWED);
    return { operation: this.world.newId(), text: this.text, revision: this.revision, follows };
  }

  /** Whether the save is through. */
  async attempt(save) {
    let answer;
    try { answer = await this.world.post(save); } catch { return this.retry("offline"); }
    const { status, reply } = answer;
    if (status === 200) return this.acknowledge(save, reply);
    if (status === 409) return this.contend(save, reply);
    if (status === 0 || status === 401 || (status === 403 && !reply.error)) return this.retry("locked");
    if (status === 429 || status >= 500) return this.retry("trouble", reply.error);
    return this.refuse(save, reply.error);
  }

  async acknowledge(save, reply) {
    const text = reply.text ?? save.text; // as the server had to mend it
    if ((await this.world.digest(text)) !== reply.sha256) {
      this.flown = [...this.flown, save.operation].slice(-MOST_FOLLOWED);
      this.pending = null;
      return this.retry("trouble");
    }
    if (this.text === save.text && text !== save.text) { this.text = text; this.world.tell("text", text); }
    this.saved = text;
    this.revision = reply.revision;
    this.pending = this.refused = this.shipped = null;
    this.flown = this.flown.filter((operation) => !save.follows.includes(operation));
    this.wait = FIRST_WAIT;
    this.keep();
    this.world.announce({ revision: this.revision, text });
    return true;
  }

  contend(save, reply) {
    if (this.flown.some((operation) => !save.follows.includes(operation))) { // perhaps with a save of our own that overtook it
      this.pending = null;
      return true;
    }
    this.conflict = reply;
    if (this.text === reply.text) { this.settle(this.text); return true; }
    this.keep();
    this.world.tell("conflict", reply);
    return false;
  }

  refuse(save, sentence) {
    this.refused = save.text;
    this.pending = null;
    this.keep();
    this.world.tell("refused", sentence);
    if (this.text !== save.text) this.schedule(PAUSE);
    return false;
  }

  retry(event, sentence) {
    this.world.tell(event, sentence);
    this.schedule(this.wait * (0.5 + this.world.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    return false;
  }

  schedule(milliseconds) {
    this.callOff?.();
    this.callOff = milliseconds === null ? null : this.world.later(milliseconds, () => { this.callOff = null; this.flush(); });
  }

  keep() {
    const { text, revision, pending, flown, conflict } = this;
    if (!this.isDirty) { this.kept = true; this.world.shelf.drop(); }
    else this.kept = this.world.shelf.put({ text, revision, pending, flown, conflict: Boolean(conflict) });
  }
}

/** Sends a draft that an ended page left. Resolves to what became of it, in the words of DraftKeeper's events. */
export async function sendDraft(world, record) {
  let outcome = "saved";
  const quiet = { ...world, tell: (event) => { outcome = event; }, later: () => () => {} };
  const keeper = new DraftKeeper(quiet, { text: undefined, revision: record.revision });
  keeper.restore(record);
  await keeper.flush();
  return outcome;
}
