// On the other pages: looks now and then at the training whose end the person wants to be told of.

import { told, wish } from "./run-tell.js";

const LOOK_EVERY = 10_000; // ms
const NEWEST = "999999999"; // an event's number past all that there are: only the state is of interest

async function look() {
  const run = wish();
  if (!run) return;
  try {
    const options = { headers: { Accept: "application/json" }, redirect: "manual" };
    const response = await fetch(`${run}?after=${NEWEST}`, options);
    if (response.status === 404) return told(run); // deleted: there is no end to tell of
    if (response.ok) {
      const news = await response.json();
      if (!news.active) return told(run, news.title);
    }
  } catch { // the server restarts, or nobody is logged in any more
  }
  setTimeout(look, LOOK_EVERY);
}

if (!document.querySelector("run-watch")) look();
