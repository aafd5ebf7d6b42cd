// The curves of a training: loss or token accuracy by step, evened out as much as the person likes.

const RAW = 0.22; // opacity of the single steps behind the evened curve

/** Exponential moving average without the usual bias at the start (Kingma and Ba, 2015, section 3). */
export function smoothed(values, weight) {
  let mean = 0;
  return values.map((value, index) => {
    mean = weight * mean + (1 - weight) * value;
    return mean / (1 - weight ** (index + 1));
  });
}

/** A curve as a map from step to value: sorted, without steps that have none; evened where that is asked for. */
function curve(points, column, weight = 0) {
  const told = [...points.values()].filter((point) => point[column] != null).sort((a, b) => a[0] - b[0]);
  const values = smoothed(told.map((point) => point[column]), weight);
  return new Map(told.map((point, index) => [point[0], values[index]]));
}

/** Draws into `box`. Colours come from the stylesheet by way of `legend`, so they follow light and dark. */
export class RunChart {
  constructor(box, legend) {
    this.box = box;
    this.legend = legend;
    this.points = { training: new Map(), validation: new Map(), batches: new Map() }; // a repeated step is drawn once
    this.kind = "loss";
    this.weight = 0;
    this.end = 1;
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot?.redraw(false));
  }

  /** Adds news: lists of [step, loss, accuracy or null]. */
  add(news) {
    const end = Math.max(1, news.total_steps);
    let changed = end !== this.end;
    this.end = end;
    for (const [name, points] of Object.entries(this.points)) {
      for (const point of news[name]) points.set(point[0], point);
      changed ||= news[name].length > 0;
    }
    if (changed) this.draw();
  }

  /** What is drawn, "loss" or "accuracy", and the weight of the past in it, 0 to below 1. */
  show(kind, weight) {
    this.kind = kind;
    this.weight = weight;
    this.draw();
  }

  /** Whether there is anything to draw of that kind. */
  has(kind) {
    return Object.values(this.points).some((points) => curve(points, kind === "loss" ? 1 : 2).size > 0);
  }

  draw() {
    if (!window.uPlot || !this.has("loss")) return;
    const data = this.data();
    if (this.plot) this.plot.setData(data);
    else this.begin(data);
    this.tell("training", data[2]);
    this.tell("validation", data[4]);
  }

  begin(data) {
    this.box.replaceChildren();
    this.box.closest("[data-empty]")?.removeAttribute("data-empty");
    this.plot = new window.uPlot(this.options(), data, this.box);
  }

  /** Steps; training raw and evened; validation raw (only where a provider tells batches) and drawn. */
  data() {
    const column = this.kind === "loss" ? 1 : 2;
    const whole = curve(this.points.validation, column);
    const batches = curve(this.points.batches, column);
    const checks = whole.size > 1 || !batches.size ? whole : curve(this.points.batches, column, this.weight);
    const raw = this.weight ? curve(this.points.training, column) : new Map();
    const curves = [raw, curve(this.points.training, column, this.weight), checks === whole ? batches : raw.size ? batches : new Map(), checks];
    const steps = [...new Set(curves.flatMap((each) => [...each.keys()]))].sort((a, b) => a - b);
    this.dotted = checks === whole;
    this.best = this.lowest();
    return [steps, ...curves.map((each) => steps.map((step) => each.get(step)))];
  }

  /** The step with the lowest validation loss, once there are two to compare. */
  lowest() {
    const losses = [...curve(this.points.validation, 1)];
    if (losses.length < 2) return null;
    return losses.reduce((best, point) => (point[1] < best[1] ? point : best))[0];
  }

  tell(name, values) {
    const latest = values.findLast((value) => value !== undefined);
    this.legend.querySelector(`.curve-${name}`).hidden = latest === undefined && this.kind === "accuracy";
    this.legend.querySelector(`[data-latest="${name}"]`).textContent = latest === undefined ? "" : this.figure(latest);
  }

  figure(value) {
    const style = this.kind === "loss" ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { style: "percent" };
    return value.toLocaleString(document.documentElement.lang, style);
  }

  size() {
    return { width: Math.max(200, this.box.clientWidth), height: this.box.clientHeight };
  }

  colour(selector) {
    return getComputedStyle(selector ? this.legend.querySelector(selector) : this.box).color;
  }

  rule() {
    this.probe ??= this.box.appendChild(Object.assign(document.createElement("i"), { className: "chart-grid" }));
    return getComputedStyle(this.probe).color;
  }

  options() {
    const axis = {
      stroke: () => this.colour(),
      grid: { stroke: () => this.rule(), width: 1 },
      ticks: { show: false },
      font: "13px Onest, system-ui, sans-serif",
    };
    const whole = (_plot, values) => values.map((value) => (Number.isInteger(value) ? value : ""));
    const figures = (_plot, values) => values.map((value) => (this.kind === "loss" ? value : this.figure(value)));
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { show: false },
      hooks: { draw: [(plot) => this.mark(plot)] },
      scales: {
        x: { time: false, range: (_plot, _low, high) => [0, Math.max(this.end, high)] }, // what is still to come
        y: { range: (_plot, _low, high) => [0, this.kind === "loss" ? Math.max(1, high * 1.05) : 1] },
      },
      axes: [{ ...axis, grid: { show: false }, values: whole }, { ...axis, size: 50, values: figures }],
      series: [{}, ...this.series("training", []), ...this.series("validation", [5, 4])],
    };
  }

  /** The raw curve and the one before it. */
  series(name, dash) {
    const stroke = () => this.colour(`.curve-${name}`);
    const common = { stroke, spanGaps: true, points: { show: false } };
    const dots = { show: () => (name === "validation" ? this.dotted : this.points.training.size < 2), size: 6, fill: stroke };
    return [{ ...common, width: 1, alpha: RAW }, { ...common, width: 2, dash, points: dots }];
  }

  /** A dotted line at the best checkpoint, with its name. */
  mark(plot) {
    if (this.best == null) return;
    const { ctx, bbox } = plot;
    const x = Math.round(plot.valToPos(this.best, "x", true));
    const right = x < bbox.left + bbox.width * 0.8;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.colour();
    ctx.font = `${13 * devicePixelRatio}px Onest, system-ui, sans-serif`;
    ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.textAlign = right ? "left" : "right";
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(this.box.dataset.best, x + (right ? 6 : -6) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
    ctx.restore();
  }
}
