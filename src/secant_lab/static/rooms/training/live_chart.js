// A chart of the loss and the accuracy of several runs while they run.
//
// It reads `curves`: a list of one to four { steps, times, losses, epochs: [{ step, seconds,
// test_accuracy }] }, `axis`: "step" or "second", and `labels`: the axis labels, { step,
// second, loss, accuracy }. A new value of `curves` is drawn in the next frame.

import { axis, color } from "../../charts.js"
import { grouped } from "../../numbers.js"
import uPlot from "../../vendor/uplot/uPlot.esm.js"

export const SHAPES = ["circle", "square", "triangle", "diamond"]

function render({ model, el }) {
  el.classList.add("live-chart")
  const chosen = () => model.get("axis")
  const loss = new Lines(el, {
    what: "loss",
    line: (curve) => [chosen() === "step" ? curve.steps : curve.times, curve.losses],
    range: (lines) => [0, roof(lines)],
    height: 0.6,
  })
  const accuracy = new Lines(el, {
    what: "accuracy",
    line: ({ epochs }) => [
      epochs.map((epoch) => (chosen() === "step" ? epoch.step : epoch.seconds)),
      epochs.map((epoch) => 100 * epoch.test_accuracy),
    ],
    range: () => [0, 100],
    height: 0.4,
  })
  const both = [loss, accuracy]
  let frame = 0
  const draw = () => {
    frame = 0
    const curves = model.get("curves")
    const far = Math.max(...curves.map(({ steps, times }) => (chosen() === "step" ? steps : times).at(-1) ?? 0))
    // A step is a whole one, however few there are.
    const end = beyond(Math.max(far, chosen() === "step" ? 10 : 1))
    for (const lines of both) lines.show(curves, end)
  }
  const soon = () => (frame ||= requestAnimationFrame(draw))
  const build = () => {
    const labels = model.get("labels")
    for (const lines of both) lines.build(model.get("curves").length, labels[chosen()], labels)
    soon()
  }
  const count = () => (model.get("curves").length === loss.count ? soon() : build())
  const size = new ResizeObserver(() => {
    for (const lines of both) lines.resize()
  })
  model.on("change:curves", count)
  model.on("change:axis", build)
  model.on("change:labels", build)
  addEventListener("theme", build)
  build()
  size.observe(el)
  return () => {
    model.off("change:curves", count)
    model.off("change:axis", build)
    model.off("change:labels", build)
    removeEventListener("theme", build)
    cancelAnimationFrame(frame)
    size.disconnect()
    for (const lines of both) lines.end()
  }
}

// The end of the axis, a round number: it grows now and then, not with every step.
function beyond(far) {
  const power = 10 ** Math.floor(Math.log10(far))
  return [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((end) => end * power >= far * 0.999) * power
}

// The top of the loss axis: the curve of a run that diverges leaves the picture.
function roof(lines) {
  const first = Math.max(...lines.map(([, y]) => y[0] ?? 0))
  let top = 0
  for (const [, y] of lines) for (const value of y) if (value > top) top = value
  return 1.05 * Math.min(top || 1, 2 * first || 1)
}

// One chart: a line for each run, each with its own x values.
class Lines {
  count = 0
  #el
  #line
  #range
  #what
  #plot = null
  #drawn = "" // what the last drawing depended on

  constructor(el, { what, line, range, height }) {
    this.#el = document.createElement("div")
    this.#el.className = what
    this.#el.style.flexGrow = height
    el.append(this.#el)
    this.#what = what
    this.#line = line
    this.#range = range
  }

  build(count, along, labels) {
    this.#plot?.destroy()
    this.#drawn = ""
    this.count = count
    const colors = SHAPES.map((_, i) => color(`entry-${i + 1}`))
    const place = { facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }] }
    this.#plot = new uPlot(
      {
        ...this.#size(),
        mode: 2,
        legend: { show: false },
        cursor: { show: false },
        padding: [10, 24, 0, 0],
        scales: { x: { time: false, auto: false }, y: { auto: false } },
        axes: [
          { ...axis(), label: along, size: 32, values: (_, places) => places.map(grouped) },
          { ...axis(), label: labels[this.#what], size: 46, ...(this.#what === "accuracy" ? PERCENT : {}) },
        ],
        series: [
          {},
          ...colors.slice(0, count).map((stroke) => ({ ...place, stroke, width: 2, paths: path, points: { show: false } })),
        ],
        hooks: { draw: [(plot) => this.#drawHeads(plot, colors)] },
      },
      [null, ...Array.from({ length: count }, () => [[], []])],
      this.#el,
    )
  }

  show(curves, far) {
    const lines = curves.map(this.#line)
    const [min, max] = this.#range(lines)
    // Canvases are dear where no graphics card draws them: what looks the same, stays.
    const ends = [far, max, ...lines.flatMap(([x, y]) => [x.length, x.at(-1), y.at(-1)])].join()
    if (ends === this.#drawn) return
    this.#drawn = ends
    this.#plot.batch(() => {
      this.#plot.setData([null, ...lines], false)
      this.#plot.setScale("x", { min: 0, max: far })
      this.#plot.setScale("y", { min, max })
    })
  }

  resize() {
    this.#plot?.setSize(this.#size())
  }

  end() {
    this.#plot?.destroy()
  }

  #size() {
    return { width: this.#el.clientWidth, height: this.#el.clientHeight }
  }

  // The end of each line has its own shape, for people who cannot tell the colours apart.
  #drawHeads(plot, colors) {
    const { ctx, bbox } = plot
    const size = 4.5 * devicePixelRatio
    ctx.save()
    ctx.beginPath()
    ctx.rect(bbox.left - 2 * size, bbox.top - size, bbox.width + 4 * size, bbox.height + 2 * size)
    ctx.clip()
    for (let i = 1; i < plot.data.length; i++) {
      const [x, y] = plot.data[i]
      if (!x.length || !Number.isFinite(y.at(-1))) continue
      ctx.beginPath()
      shape(ctx, SHAPES[i - 1], plot.valToPos(x.at(-1), "x", true), plot.valToPos(y.at(-1), "y", true), size)
      ctx.fillStyle = colors[i - 1]
      ctx.strokeStyle = color("card")
      ctx.lineWidth = 1.5 * devicePixelRatio
      ctx.fill()
      ctx.stroke()
    }
    ctx.restore()
  }
}

const PERCENT = { splits: () => [0, 25, 50, 75, 100], values: (_, places) => places.map((p) => `${p}%`) }

// uPlot's own lines want one list of places for all.
function path(plot, i) {
  const [x, y] = plot.data[i]
  const stroke = new Path2D()
  let drawn = false
  for (let j = 0; j < x.length; j++) {
    if (!Number.isFinite(y[j])) {
      drawn = false
      continue
    }
    const at = [plot.valToPos(x[j], "x", true), plot.valToPos(y[j], "y", true)]
    if (drawn) stroke.lineTo(...at)
    else stroke.moveTo(...at)
    drawn = true
  }
  return { stroke, fill: null, clip: null, band: null, gaps: null, flags: 2 }
}

function shape(ctx, name, x, y, r) {
  if (name === "circle") ctx.arc(x, y, r, 0, 2 * Math.PI)
  else {
    const corners = { square: 4, triangle: 3, diamond: 4 }[name]
    const turn = name === "square" ? Math.PI / 4 : -Math.PI / 2
    for (let i = 0; i < corners; i++) {
      const angle = turn + (2 * Math.PI * i) / corners
      ctx.lineTo(x + 1.25 * r * Math.cos(angle), y + 1.25 * r * Math.sin(angle))
    }
    ctx.closePath()
  }
}

export default { render }
