// Keeps the watch page of a training fresh: polls once a second, redraws curves, swaps the parts that changed.

const SECOND = 1000;
const LONGEST_WAIT = 30 * SECOND;
const SMOOTHING = 0.8; // weight of the past in the drawn training curve: single steps are noisy

/** Exponential moving average without the usual bias at the start (Kingma and Ba, 2015, section 3). */
function smoothed(values) {
  let mean = 0;
  return values.map((value, index) => {
    mean = SMOOTHING * mean + (1 - SMOOTHING) * value;
    return mean / (1 - SMOOTHING ** (index + 1));
  });
}

const figure = (value) => value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** The curves. Colours come from the stylesheet, so they follow light and dark. */
class Chart {
  constructor(box, legend) {
    this.box = box;
    this.legend = legend;
    this.curves = { training: new Map(), validation: new Map() }; // step -> loss: a repeated step is drawn once
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot?.redraw(false));
  }

  size() {
    return { width: Math.max(200, this.box.clientWidth), height: this.box.clientHeight };
  }

  colour(selector) {
    return getComputedStyle(selector ? this.legend.querySelector(selector) : this.box).color;
  }

  add(points) {
    this.end = Math.max(1, points.total_steps);
    for (const name of ["training", "validation"]) {
      for (const [step, loss] of points[name]) this.curves[name].set(step, loss);
    }
    if (points.training.length || points.validation.length) this.draw();
  }

  data() {
    const { training, validation } = this.curves;
    const steps = [...new Set([...training.keys(), ...validation.keys()])].sort((a, b) => a - b);
    const trained = [...training].sort((a, b) => a[0] - b[0]);
    const means = smoothed(trained.map(([, loss]) => loss));
    const drawn = new Map(trained.map(([step], index) => [step, means[index]]));
    return [steps, steps.map((step) => drawn.get(step)), steps.map((step) => validation.get(step))];
  }

  draw() {
    const data = this.data();
    if (this.plot) this.plot.setData(data);
    else if (window.uPlot) this.plot = new window.uPlot(this.options(), data, this.box);
    for (const [name, series] of [["training", data[1]], ["validation", data[2]]]) {
      const latest = series.findLast((value) => value !== undefined);
      this.legend.querySelector(`[data-latest="${name}"]`).textContent = latest === undefined ? "" : figure(latest);
    }
  }

  options() {
    const axis = {
      stroke: () => this.colour(),
      grid: { stroke: () => this.rule(), width: 1 },
      ticks: { show: false },
      font: "13px Onest, system-ui, sans-serif",
    };
    const whole = (_plot, values) => values.map((value) => (Number.isInteger(value) ? value : ""));
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_plot, _low, high) => [0, Math.max(this.end, high)] }, // what is still to come
        y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] },
      },
      axes: [{ ...axis, grid: { show: false }, values: whole }, { ...axis, size: 44 }],
      series: [
        {},
        { stroke: () => this.colour(".curve-training"), width: 2, spanGaps: true, points: { show: false } },
        {
          stroke: () => this.colour(".curve-validation"), width: 2, dash: [5, 4], spanGaps: true,
          points: { show: true, size: 6, fill: () => this.colour(".curve-validation") },
        },
      ],
    };
  }

  rule() {
    this.probe ??= this.box.appendChild(Object.assign(document.createElement("i"), { className: "chart-grid" }));
    return getComputedStyle(this.probe).color;
  }
}

class RunWatch extends HTMLElement {
  connectedCallback() {
    this.last = 0;
    this.shown = new Map();
    this.wait = SECOND;
    this.chart = new Chart(this.querySelector("[data-chart]"), this.querySelector(".legend"));
    this.poll();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  async poll() {
    let active = true;
    try {
      active = await this.look();
      this.wait = SECOND;
    } catch { // offline, or the server restarts: what is shown stays
      this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
    }
    if (active) this.timer = setTimeout(() => this.poll(), this.wait);
  }

  /** One look at the server; whether there will be more to see. */
  async look() {
    const query = new URLSearchParams({ after: this.last, state: this.dataset.state });
    const response = await fetch(`${this.dataset.url}?${query}`, { headers: { Accept: "application/json" } });
    if (response.status === 403 || response.status === 404) return false; // logged out, or deleted elsewhere
    if (!response.ok) throw new Error(String(response.status));
    const news = await response.json();
    this.chart.add(news);
    this.last = news.last;
    for (const [name, html] of Object.entries(news.parts)) this.swap(name, html);
    document.title = news.title;
    if (news.state !== this.dataset.state) this.querySelector("[data-announce]").textContent = news.state_label;
    this.dataset.state = news.state;
    return news.active || news.more;
  }

  /** Replaces a part of the page if it changed; the server escaped it. What was folded out stays so. */
  swap(name, html) {
    const part = this.querySelector(`[data-part="${name}"]`);
    if (!part || this.shown.get(name) === html) return;
    const open = part.querySelector("details")?.open;
    part.innerHTML = html;
    this.shown.set(name, html);
    if (open) part.querySelector("details")?.setAttribute("open", "");
  }
}

customElements.define("run-watch", RunWatch);
