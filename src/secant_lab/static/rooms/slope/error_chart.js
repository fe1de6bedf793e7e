// The error of a slope against its step on log axes: uPlot, with a line to drag.

import { axis, color } from "../../charts.js"
import { power } from "../../numbers.js"
import { onPoint } from "../../pointing.js"
import uPlot from "../../vendor/uplot/uPlot.esm.js"

// An error of 0 has no position on a log axis: it is at the bottom.
const FLOOR = 1e-17

// `ways`: [{ how, dtype }]; a click or drag calls `chosen(h)`.
export class ErrorChart {
  #el
  #plot = null
  #observer
  #data = null
  #h = 1
  #labels = {}
  #chosen

  constructor(el, chosen) {
    this.#el = el
    this.#chosen = chosen
    this.#observer = new ResizeObserver(() => {
      this.#plot?.setSize(this.#size())
    })
    this.#observer.observe(el)
    const point = (event) => {
      if (!this.#plot) return
      const box = this.#plot.over.getBoundingClientRect()
      const h = this.#plot.posToVal(event.clientX - box.left, "x")
      this.#chosen(Math.max(1e-16, Math.min(1, h)))
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

  show(steps, ways, h) {
    const order = steps.map((_, i) => i).sort((a, b) => steps[a] - steps[b])
    this.#h = h
    this.#data = [
      order.map((i) => steps[i]),
      ...ways.map(({ errors }) =>
        order.map((i) => (errors[i] === null ? null : Math.max(errors[i], FLOOR))),
      ),
    ]
    if (this.#plot) this.#plot.setData(this.#data)
    else this.#build(ways)
  }

  #size() {
    return { width: this.#el.clientWidth, height: this.#el.clientHeight }
  }

  #ways = []

  #build(ways = this.#ways) {
    this.#ways = ways
    this.#plot?.destroy()
    this.#plot = null
    if (!this.#data) return
    const logarithmic = {
      ...axis(),
      splits: (_, __, low, high) => powers(low, high),
      filter: (_, places) => places,
      values: (_, places) => places.map(power),
    }
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [12, 12, 0, 0],
        scales: {
          x: { time: false, distr: 3, range: [1e-16, 1] },
          y: { distr: 3, range: (_, __, high) => [FLOOR, Math.max(10, high)] },
        },
        axes: [
          { ...logarithmic, label: this.#labels.h, size: 34 },
          { ...logarithmic, label: this.#labels.error, size: 50 },
        ],
        series: [
          {},
          ...ways.map(({ how, dtype }) => ({
            stroke: color(`${how}-${dtype}`),
            width: 2.2,
            dash: dtype === "float32" ? [7, 4] : undefined,
            points: { show: false },
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
    const x = plot.valToPos(this.#h, "x", true)
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

// Every fourth power of ten has a grid line.
function powers(low, high) {
  const found = []
  for (let n = -16; n <= Math.log10(high) + 1e-9; n += 4) {
    if (10 ** n >= low * 0.999) found.push(10 ** n)
  }
  return found
}
