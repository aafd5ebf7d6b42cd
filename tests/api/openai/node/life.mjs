// A program's whole life with a fine-tuned model, through openai's Node SDK as it is published.
// Reads OPENAI_BASE_URL and OPENAI_API_KEY; argument: the base model. Prints {"seen": [...], "answers": [...]}.
import OpenAI, { toFile } from "openai";

const base = process.argv[2];
const seen = [];
const answers = [];

async function noted(url, options) {
  const response = await fetch(url, options);
  const kind = response.headers.get("content-type") ?? "";
  answers.push({
    method: options.method.toUpperCase(), path: new URL(url).pathname, status: response.status, kind,
    body: kind.split(";")[0] === "application/json" ? await response.clone().json() : null,
  });
  return response;
}

const client = new OpenAI({ fetch: noted, maxRetries: 0 });
const rows = Array.from({ length: 12 }, (_, n) => JSON.stringify({ prompt: `What is ${n}?`, completion: ` It is ${n}.` }));
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(job, states) {
  for (let look = 0; look < 200; look += 1) {
    const found = await client.fineTuning.jobs.retrieve(job.id);
    if (states.includes(found.status)) return found;
    await wait(100);
  }
  throw new Error(`The job did not become ${states}.`);
}

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It was not refused.");
}

const file = await client.files.create({ file: await toFile(Buffer.from(rows.join("\n")), "rows.jsonl"), purpose: "fine-tune" });
seen.push(["file", (await client.files.retrieve(file.id)).status, (await (await client.files.content(file.id)).text()).length]);
for await (const each of client.files.list()) seen.push(["listed file", each.filename]);

const order = { model: base, training_file: file.id, suffix: "node" };
const first = await client.fineTuning.jobs.create(order);
await until(first, ["running"]);
seen.push(["paused", (await client.fineTuning.jobs.pause(first.id)).status]);
seen.push(["resumed", ["queued", "running"].includes((await client.fineTuning.jobs.resume(first.id)).status)]);
seen.push(["cancelled", (await client.fineTuning.jobs.cancel(first.id)).status]);
await until(first, ["cancelled"]);

const job = await until(await client.fineTuning.jobs.create({ ...order, hyperparameters: { n_epochs: 1 } }), ["succeeded", "failed"]);
seen.push(["job", job.status, job.error]);
let count = 0;
for await (const _event of client.fineTuning.jobs.listEvents(job.id, { limit: 5 })) count += 1;
seen.push(["events", count > 10]);
for await (const each of client.fineTuning.jobs.list({ limit: 1 })) seen.push(["listed job", each.status]);
for await (const each of client.fineTuning.jobs.checkpoints.list(job.id)) seen.push(["checkpoint", each.fine_tuned_model_checkpoint === job.fine_tuned_model]);

const model = job.fine_tuned_model;
const messages = [{ role: "user", content: "Go on" }];
seen.push(["chat", (await client.chat.completions.create({ model, messages })).choices[0].message.content]);
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) streamed += chunk.choices[0]?.delta?.content ?? "";
seen.push(["stream", streamed]);
seen.push(["completion", (await client.completions.create({ model, prompt: "Once" })).choices[0].text]);
seen.push(["embedding", (await client.embeddings.create({ model: "local-embedding", input: "a" })).data[0].embedding.length > 1]);
for await (const each of client.models.list()) if (each.id === model) seen.push(["listed model", each.owned_by]);
seen.push(["unknown", (await refused(client.chat.completions.create({ model: "gpt-4o", messages }))).code]);
seen.push(["deleted", (await client.models.delete(model)).deleted, (await client.files.delete(file.id)).deleted]);
seen.push(["gone", (await refused(client.models.retrieve(model))).status]);
console.log(JSON.stringify({ seen, answers }));
