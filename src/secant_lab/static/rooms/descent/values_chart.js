// The value of f against the step on a log axis: uPlot, with a line to drag.

import { axis, color } from "../../charts.js"
import { power } from "../../numbers.js"
import { onPoint } from "../../pointing.js"
import uPlot from "../../vendor/uplot/uPlot.esm.js"

// The visible range below the start's value, and above it.
const DEEP = 1e-12
const HIGH = 1e4

export class ValuesChart {
  #el
  #plot = null
  #observer
  #data = null
  #range = [1e-3, 1]
  #floor = 0
  #step = 0
  #labels = {}

  // A click or drag calls `chosen(step)`.
  constructor(el, chosen) {
    this.#el = el
    this.#observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()))
    this.#observer.observe(el)
    const point = (event) => {
      if (!this.#plot) return
      const box = this.#plot.over.getBoundingClientRect()
      chosen(this.#plot.posToVal(event.clientX - box.left, "x"))
    }
    onPoint(el, { point })
    this.restyle = () => this.#build()
    addEventListener("theme", this.restyle)
  }

  end() {
    removeEventListener("theme", this.restyle)
    this.#observer.disconnect()
    this.#plot?.destroy()
  }

  say(labels) {
    this.#labels = labels
    this.#build()
  }

  // `floor`: the number subtracted from the values, so that they have a logarithm.
  show(trajectories, floor, steps) {
    const alike = this.#data?.length === trajectories.length + 1 && floor < 0 === this.#floor < 0
    this.#floor = floor
    const above = trajectories.map(({ values }) => values.map((v) => (v === null ? null : v - floor)))
    const known = above.flat().filter((v) => v > 0)
    const start = above[0][0] > 0 ? above[0][0] : 1
    const top = Math.min(Math.max(start, ...known), start * HIGH)
    const bottom = Math.max(Math.min(start, ...known), start * DEEP)
    this.#range = [bottom / 2, top * 2]
    // A value of 0, or a very large one, goes to the edge of the picture and beyond.
    const within = (v) => (v === null ? null : Math.max(bottom / 10, Math.min(v, top * 100)))
    const places = Array.from({ length: steps + 1 }, (_, i) => i)
    this.#data = [places, ...above.map((values) => places.map((i) => within(values[i] ?? null)))]
    if (this.#plot && alike) this.#plot.setData(this.#data)
    else this.#build()
  }

  showStep(step) {
    this.#step = step
    this.#plot?.redraw(false)
  }

  #size() {
    return { width: this.#el.clientWidth, height: this.#el.clientHeight }
  }

  #build() {
    this.#plot?.destroy()
    this.#plot = null
    if (!this.#data) return
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [12, 12, 0, 0],
        scales: {
          x: { time: false },
          y: { distr: 3, range: () => this.#range },
        },
        axes: [
          { ...axis(), label: this.#labels.step, size: 34 },
          {
            ...axis(), label: this.#floor < 0 ? this.#labels.above : this.#labels.value, size: 50,
            splits: (_, __, low, high) => powers(low, high),
            filter: (_, places) => places,
            values: (_, places) => places.map(power),
          },
        ],
        series: [
          {},
          ...this.#data.slice(1).map((_, number) => ({
            stroke: color(`run-${number}`), width: 2.2, pxAlign: 0, points: { show: false },
          })),
        ],
        hooks: { draw: [(plot) => this.#drawStep(plot)] },
      },
      this.#data,
      this.#el,
    )
  }

  #drawStep(plot) {
    const { ctx, bbox } = plot
    const x = plot.valToPos(this.#step, "x", true)
    if (!(x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1)) return
    ctx.save()
    ctx.strokeStyle = color("ink")
    ctx.lineWidth = 1.5 * devicePixelRatio
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.restore()
  }
}

// Powers of ten, about five of them.
function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))]
  const apart = Math.max(1, Math.ceil((last - first) / 5))
  const found = []
  for (let n = first; n <= last; n += apart) found.push(10 ** n)
  return found
}
