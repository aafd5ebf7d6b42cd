// Random histories of a person, a network and a server; after each step every text must be findable.
//   node tests/autosave/campaign.mjs RUNS [FIRST_SEED] [--trace FILE COUNT]
import { writeFileSync } from "node:fs";
import { World } from "./world.mjs";

const STEPS = 60;
const settled = () => new Promise((resolve) => setImmediate(resolve));

class Campaign {
  constructor(seed) {
    this.seed = seed;
    this.kind = ["one page", "one page", "two tabs", "two devices", "no drafts"][seed % 5];
    this.world = new World(seed, this.kind === "two devices" ? 2 : 1, this.kind !== "no drafts");
    this.most = this.kind === "one page" ? 1 : 2; // tabs of a device at a time
    this.required = new Set(); // the newest text of each line of writing
    this.words = 0;
    this.log = [];
  }

  chance(share) { return this.world.random() < share; }
  pick(list) { return list[Math.floor(this.world.random() * list.length)]; }
  get tabs() { return this.world.devices.flatMap((device) => device.live); }

  type(tab, text) {
    this.required.delete(tab.field);
    tab.field = text;
    this.required.add(text);
    tab.keeper.typed(text);
  }

  newText(tab) {
    this.words += 1;
    const kind = this.world.random();
    if (kind < 0.08) return tab.keeper.saved ?? tab.field; // taken back
    return kind < 0.7 ? `${tab.field} w${this.words}` : kind < 0.95 ? `w${this.words}` : "";
  }

  settle(tab, how) {
    const stored = tab.keeper.conflict.text;
    const text = { mine: tab.field, theirs: stored, both: `${stored}\n\n${tab.field}` }[how];
    this.required.delete(tab.field);
    tab.field = text;
    this.required.add(text);
    tab.keeper.settle(text);
  }

  steps() {
    const { world } = this;
    const device = this.pick(world.devices), tab = this.pick(device.live), message = this.pick(world.wire);
    const calm = this.kind === "no drafts"; // without drafts a page that is killed takes its text along
    return {
      open: [2, device.online && device.loggedIn && device.live.length < this.most, () => world.open(device)],
      type: [8, tab, () => this.type(tab, this.newText(tab))],
      wait: [6, true, () => world.advance(this.pick([50, 400, 800, 2000, 40000]))],
      arrive: [7, message && !message.answer, () => world.arrive(message, this.chance(0.12) ? this.pick(["refusing", "failing", "lying"]) : "")],
      finish: [7, message?.answer, () => world.finish(message)],
      lose: [2, message, () => world.lose(message, this.chance(0.5))],
      double: [1, message && !message.answer, () => world.double(message)],
      kill: [1, world.wire.length, () => this.killServer()],
      network: [device.online ? 0.7 : 3, true, () => { device.online = !device.online; if (device.online) for (const each of device.live) each.keeper.flush(); }],
      session: [device.loggedIn ? 0.5 : 3, true, () => { device.loggedIn = !device.loggedIn; }],
      hide: [2, tab, () => tab.keeper.leave()],
      show: [1, tab, () => { tab.keeper.flush(); }],
      close: [1, tab && !calm, () => tab.close()],
      reload: [1, tab && !calm && device.online && device.loggedIn, async () => { tab.close(); await world.open(device); }],
      crash: [1, tab && !calm, () => tab.end()],
      elsewhere: [1, device.online && device.loggedIn && this.kind !== "one page", () => world.elsewhere(device)],
      settle: [4, tab?.keeper.conflict, () => this.settle(tab, this.pick(["mine", "theirs", "both"]))],
    };
  }

  /** Some of what was on the way had been stored; nobody hears of it. */
  killServer() {
    for (const message of [...this.world.wire]) {
      if (!message.answer && this.chance(0.5)) this.world.arrive(message, "");
      this.world.lose(message, false);
    }
  }

  async step() {
    const possible = Object.entries(this.steps()).filter(([, [, can]]) => can);
    let ticket = this.world.random() * possible.reduce((sum, [, [weight]]) => sum + weight, 0);
    const [name, [, , act]] = possible.find(([, [weight]]) => (ticket -= weight) < 0) ?? possible[0];
    this.log.push(name);
    await act();
    await settled();
    this.check();
  }

  check() {
    const { server, devices, acked } = this.world;
    for (const text of acked) this.claim(server.holds(text), `acknowledged and lost: "${text}"`);
    if (this.kind === "no drafts") return;
    const drafts = devices.flatMap((device) => device.drafts).flatMap((draft) => [draft.text, draft.pending?.text]);
    for (const text of this.required) this.claim(server.holds(text) || drafts.includes(text), `drafted and lost: "${text}"`);
  }

  claim(holds, sentence) {
    if (!holds) throw new Error(`seed ${this.seed} (${this.kind}): ${sentence} after ${this.log.join(" ")}`);
  }

  /** The network is good, the person is in, every question is opened again: all comes to rest and nothing is missing. */
  async rest() {
    const { world } = this;
    for (const device of world.devices) device.online = device.loggedIn = true;
    let round = 0;
    const busy = () => world.wire.length || this.tabs.some((tab) => tab.keeper.isDirty) || world.devices.some((device) => device.map.size > (this.kind === "no drafts"));
    while (busy()) {
      this.claim((round += 1) < 80, "it does not come to rest");
      await this.calmRound();
    }
    for (const text of this.required) this.claim(world.server.holds(text), `missing in the end: "${text}"`);
    const operations = world.server.revisions.map((row) => row.operation);
    this.claim(new Set(operations).size === operations.length, "an operation was stored twice");
    if (this.kind !== "one page") return;
    this.claim(world.conflicts === 0, "one page conflicted with itself");
    const tab = this.tabs[0] ?? (await world.open(world.devices[0]));
    this.claim(world.server.answer.text === tab.field, "the answer is not what the page shows");
  }

  async calmRound() {
    for (const message of [...this.world.wire]) {
      if (!message.answer) this.world.arrive(message, "");
      this.world.finish(message);
      await settled();
    }
    for (const tab of this.tabs.filter((each) => each.keeper.conflict)) this.settle(tab, "both");
    await this.world.advance(45000);
    await settled();
    for (const device of this.world.devices) {
      if (!device.live.length) await this.world.open(device);
      else await this.world.adopt(this.pick(device.live));
      await settled();
    }
    this.check();
  }

  async run() {
    await this.world.open(this.world.devices[0]);
    for (let number = 0; number < STEPS; number += 1) await this.step();
    await this.rest();
    return this.world;
  }
}

async function main([runs, first, ...more]) {
  const [flag, file, count] = more;
  const traces = [], totals = { runs: 0, saves: 0, conflicts: 0, acknowledged: 0 };
  for (let seed = Number(first ?? 0); seed < Number(first ?? 0) + Number(runs); seed += 1) {
    const world = await new Campaign(seed).run();
    totals.runs += 1;
    totals.saves += world.server.trace.length;
    totals.conflicts += world.conflicts;
    totals.acknowledged += world.acked.size;
    if (flag === "--trace" && traces.length < Number(count)) traces.push(world.server.trace);
  }
  if (flag === "--trace") writeFileSync(file, JSON.stringify(traces));
  console.log(JSON.stringify(totals));
}

process.exitCode = 1; // a history that waits for ever ends the process without a word
main(process.argv.slice(2)).then(() => { process.exitCode = 0; }, (error) => console.error(error.stack));
