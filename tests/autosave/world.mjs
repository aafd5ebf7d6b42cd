// A world for the real draft-keeper.js: a clock, a network that delays, loses, doubles and reorders, devices with storage,
// and tabs that are closed, reloaded and killed. Nothing happens by itself: campaign.mjs says what comes next.
import { DraftKeeper, sendDraft } from "../../static/js/draft-keeper.js";
import { adoptDraft, leftDrafts, readDraft, draftKeys, setKeepsDrafts, Shelf } from "../../static/js/draft-shelf.js";
import { Server, sha256 } from "./server.mjs";

export const QUESTION = "persona/question";
const never = new Promise(() => {});

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** localStorage; a page that is gone writes no more. */
class Storage {
  constructor(map, isAlive) { Object.assign(this, { map, isAlive }); }
  get length() { return this.map.size; }
  key(place) { return [...this.map.keys()][place] ?? null; }
  getItem(key) { return this.map.get(key) ?? null; }
  setItem(key, value) { if (this.isAlive()) this.map.set(key, String(value)); }
  removeItem(key) { if (this.isAlive()) this.map.delete(key); }
}

class Device {
  constructor() { Object.assign(this, { map: new Map(), tabs: [], online: true, loggedIn: true }); }
  get storage() { return new Storage(this.map, () => true); }
  get drafts() { return draftKeys(this.storage).map((key) => readDraft(this.storage, key)); }
  get live() { return this.tabs.filter((tab) => tab.alive); }
}

class Tab {
  constructor(world, device, number) {
    Object.assign(this, { world, device, alive: true, key: `draft/${QUESTION}/${number}`, events: [] });
    this.shelf = new Shelf(new Storage(device.map, () => this.alive), this.key, { now: () => world.now });
    this.keeper = new DraftKeeper(world.around(this), world.server.answer);
    this.field = this.keeper.text;
  }

  told(event, detail) {
    if (!this.alive) return;
    this.events.push(event);
    if (event === "text") this.field = detail;
    if (event === "saved") this.world.acknowledged(this);
    if (event === "conflict") this.world.contested(this);
  }

  close() { this.keeper.leave(); this.shelf.leave(); this.end(); }
  end() { this.alive = false; }
}

export class World {
  constructor(seed, devices, drafts) {
    Object.assign(this, { random: randomOf(seed), server: new Server(), now: 0, ids: 0, timers: [], wire: [], conflicts: 0 });
    this.devices = Array.from({ length: devices }, () => new Device());
    if (!drafts) for (const device of this.devices) setKeepsDrafts(device.storage, false);
    this.acked = new Set();
  }

  acknowledged(tab) { this.acked.add(tab.keeper.text); }
  /** The person is told that both texts are kept. */
  contested(tab) { this.conflicts += 1; this.acked.add(tab.keeper.pending.text); }

  newId() { this.ids += 1; return `${String(this.ids).padStart(8, "0")}-0000-4000-8000-000000000000`; }

  /** What a keeper sees of the world; nothing once its page is gone. */
  around(page) {
    return {
      post: (save) => (page.alive ? this.post(page, save) : never),
      shelf: page.shelf,
      digest: async (text) => sha256(text),
      newId: () => this.newId(),
      random: this.random,
      later: (milliseconds, call) => this.later(page, milliseconds, call),
      tell: (event, detail) => page.told(event, detail),
      announce: (message) => { for (const tab of page.device.live) if (tab !== page) tab.keeper.heard(message); },
    };
  }

  later(page, milliseconds, call) {
    const timer = { at: this.now + milliseconds, call: () => page.alive && call() };
    this.timers.push(timer);
    return () => { this.timers = this.timers.filter((other) => other !== timer); };
  }

  post(page, save) {
    if (!page.device.online) return Promise.reject(new TypeError("offline"));
    return new Promise((resolve, reject) => {
      this.wire.push({ page, save: structuredClone(save), resolve, reject, answer: null });
    });
  }

  /** The request arrives; its answer waits on the wire. */
  arrive(message, fault) {
    if (!message.page.device.loggedIn) message.answer = { status: 0, reply: {} };
    else if (fault === "refusing") message.answer = { status: 503, reply: {} };
    else if (fault === "lying") message.answer = { status: 200, reply: { outcome: "saved", revision: message.save.revision + 1, sha256: sha256("another") } };
    else message.answer = this.server.put(message.save);
    if (fault === "failing") message.answer = { status: 502, reply: {} };
  }

  finish(message) {
    this.wire = this.wire.filter((other) => other !== message);
    if (message.page.alive) message.resolve(message.answer);
  }

  /** The page hears that the network failed; with `wanders` the request arrives some time all the same. */
  lose(message, wanders) {
    this.wire = this.wire.filter((other) => other !== message);
    message.reject(new TypeError("network"));
    if (wanders && !message.answer) this.wire.push({ ...message, resolve: () => {}, reject: () => {} });
  }

  double(message) { this.wire.push({ ...message, resolve: () => {}, reject: () => {} }); }

  async advance(milliseconds) {
    this.now += milliseconds;
    const due = this.timers.filter((timer) => timer.at <= this.now);
    this.timers = this.timers.filter((timer) => timer.at > this.now);
    for (const timer of due) timer.call();
  }

  async open(device) {
    const tab = new Tab(this, device, this.newId());
    device.tabs = [...device.live, tab];
    await this.adopt(tab);
    return tab;
  }

  async adopt(tab) {
    if (!(await adoptDraft(tab.keeper, tab.shelf, QUESTION, this.endedOn(tab.device)))) return false;
    tab.field = tab.keeper.text;
    tab.keeper.flush();
    return true;
  }

  endedOn(device) { return async (key) => !device.live.some((tab) => tab.key === key); }

  /** A page of another room is opened: it sends what was left here. */
  async elsewhere(device) {
    for (const key of await leftDrafts(device.storage, "", this.endedOn(device))) {
      const record = readDraft(device.storage, key);
      if (!record || record.conflict) continue;
      const page = { device, alive: true, told() {}, shelf: new Shelf(device.storage, key, { existing: true, now: () => this.now }) };
      sendDraft(this.around(page), record);
    }
  }
}
