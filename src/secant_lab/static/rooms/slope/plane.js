// A plane with a curve, lines through it and points to drag, in SVG.

import { shown, ticks } from "../../numbers.js"
import { onPoint } from "../../pointing.js"

const NAMESPACE = "http://www.w3.org/2000/svg"
const MARGIN = { left: 46, right: 14, top: 14, bottom: 28 }

function svg(name, attributes = {}, parent = null) {
  const element = document.createElementNS(NAMESPACE, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  parent?.append(element)
  return element
}

export class Plane {
  #view = { low: -1, high: 1, bottom: -1, top: 1 }
  #curve = null
  #lines = {}
  #points = {}
  #layers = {}
  #observer
  #frame
  #mark
  #marked = null

  // `lines` and `points`: their names, in the order in which they are drawn.
  // `moved(name, x)` is called while a point is dragged, or null for the plane itself.
  // `stepped(name, steps)` is called for keys: arrows, with shift ten at once.
  constructor(el, { lines, points, moved, stepped }) {
    this.svg = svg("svg", { class: "plane" }, el)
    const clip = svg("clipPath", { id: "within-plane" }, this.svg)
    this.#frame = svg("rect", {}, clip)
    for (const name of ["grid", "curve", "lines", "points"]) {
      this.#layers[name] = svg("g", { class: name }, this.svg)
    }
    for (const name of ["curve", "lines"]) {
      this.#layers[name].setAttribute("clip-path", "url(#within-plane)")
    }
    this.#mark = svg("circle", { class: "mark", r: 5 }, this.#layers.points)
    svg("path", {}, this.#layers.curve)
    for (const name of lines) {
      this.#lines[name] = { element: svg("line", { class: name }, this.#layers.lines) }
    }
    for (const name of points) {
      const handle = svg("g", { class: `handle ${name}`, role: "slider", tabindex: 0 })
      handle.id = `point-${name}`
      svg("circle", { class: "reach", r: 22 }, handle)
      svg("circle", { class: "dot", r: 7 }, handle)
      this.#layers.points.append(handle)
      this.#points[name] = { element: handle }
      handle.addEventListener("keydown", (event) => {
        const towards = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }
        if (!(event.key in towards)) return
        event.preventDefault()
        stepped(name, towards[event.key] * (event.shiftKey ? 10 : 1))
      })
    }
    let held
    onPoint(this.svg, {
      take(event) {
        const handle = event.target.closest(".handle")
        held = handle ? points.find((name) => handle.classList.contains(name)) : null
        handle?.focus()
        return Boolean(handle)
      },
      point: (event) => moved(held, this.#xOf(event)),
    })
    this.#observer = new ResizeObserver(() => this.draw())
    this.#observer.observe(this.svg)
  }

  end() {
    this.#observer.disconnect()
  }

  showCurve(curve, low, high) {
    this.#curve = curve
    this.#view = { low, high, ...heights(curve.y) }
  }

  // A line of a slope through a point; null removes it.
  showLine(name, line) {
    this.#lines[name].line = line
  }

  // The position of a point, and its text for a screen reader.
  showPoint(name, place, { label, text, now, min, max }) {
    const point = this.#points[name]
    point.place = place
    const about = {
      "aria-label": label,
      "aria-valuetext": text,
      "aria-valuenow": now,
      "aria-valuemin": min,
      "aria-valuemax": max,
    }
    for (const [key, value] of Object.entries(about)) point.element.setAttribute(key, value)
  }

  // A point that cannot be dragged; null removes it.
  showMark(place) {
    this.#marked = place
  }

  draw() {
    const { width, height } = this.svg.getBoundingClientRect()
    if (!width || !height) return
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`)
    const { low, high, bottom, top } = this.#view
    const wide = width - MARGIN.left - MARGIN.right
    const tall = height - MARGIN.top - MARGIN.bottom
    const px = (x) => MARGIN.left + ((x - low) / (high - low)) * wide
    // Far outside nothing is visible, and the coordinates of browsers are limited.
    const py = (y) =>
      MARGIN.top + Math.max(-9, Math.min(10, (top - y) / (top - bottom))) * tall

    const frame = { x: MARGIN.left, y: MARGIN.top, width: wide, height: tall }
    for (const [key, value] of Object.entries(frame)) this.#frame.setAttribute(key, value)
    const grid = this.#layers.grid
    grid.replaceChildren()
    for (const x of ticks(low, high, Math.max(4, wide / 90))) {
      svg("line", { x1: px(x), x2: px(x), y1: MARGIN.top, y2: MARGIN.top + tall, class: x === 0 ? "zero" : "" }, grid)
      svg("text", { x: px(x), y: height - 9, class: "below" }, grid).textContent = shown(x, 4)
    }
    for (const y of ticks(bottom, top, tall / 60)) {
      svg("line", { x1: MARGIN.left, x2: MARGIN.left + wide, y1: py(y), y2: py(y), class: y === 0 ? "zero" : "" }, grid)
      svg("text", { x: MARGIN.left - 8, y: py(y) + 4, class: "beside" }, grid).textContent = shown(y, 4)
    }

    this.#layers.curve.firstChild.setAttribute("d", this.#path(px, py))
    for (const { element, line } of Object.values(this.#lines)) {
      element.toggleAttribute("hidden", !line)
      if (!line) continue
      const y = (x) => line.y + line.slope * (x - line.x)
      // The part of the line within the picture, and a little more.
      const reach = 2 * (top - bottom)
      let [x1, x2] = [low, high]
      if (line.slope) {
        const ends = [(top + reach - line.y) / line.slope + line.x, (bottom - reach - line.y) / line.slope + line.x]
        x1 = Math.max(low, Math.min(...ends))
        x2 = Math.min(high, Math.max(...ends))
      }
      const drawn = { x1: px(x1), x2: px(x2), y1: py(y(x1)), y2: py(y(x2)) }
      for (const [key, value] of Object.entries(drawn)) element.setAttribute(key, value)
    }
    const all = [...Object.values(this.#points), { element: this.#mark, place: this.#marked }]
    for (const { element, place } of all) {
      const seen = place && place.y !== null && place.x >= low && place.x <= high
      element.toggleAttribute("hidden", !seen)
      if (seen) element.setAttribute("transform", `translate(${px(place.x)} ${py(place.y)})`)
    }
  }

  #path(px, py) {
    if (!this.#curve) return ""
    let pen = "M"
    let path = ""
    this.#curve.x.forEach((x, i) => {
      const y = this.#curve.y[i]
      if (y === null) {
        pen = "M"
        return
      }
      path += `${pen}${px(x).toFixed(1)} ${py(y).toFixed(1)}`
      pen = "L"
    })
    return path
  }

  #xOf(event) {
    const box = this.svg.getBoundingClientRect()
    const wide = box.width - MARGIN.left - MARGIN.right
    const part = (event.clientX - box.left - MARGIN.left) / wide
    const { low, high } = this.#view
    return low + Math.max(0, Math.min(1, part)) * (high - low)
  }
}

// The visible range of the curve: all of it, unless a pole or a cliff of a few samples
// would make the rest flat.
function heights(values) {
  const sorted = values.filter((y) => y !== null).sort((a, b) => a - b)
  if (!sorted.length) return { bottom: -1, top: 1 }
  const at = (part) => sorted[Math.round(part * (sorted.length - 1))]
  let [bottom, top] = [sorted[0], sorted.at(-1)]
  const bulk = at(0.9) - at(0.1)
  if (bulk > 0 && top - bottom > 12 * bulk) {
    bottom = Math.max(bottom, at(0.1) - bulk)
    top = Math.min(top, at(0.9) + bulk)
  }
  const room = (top - bottom) * 0.12 || Math.abs(top) * 0.5 || 1
  return { bottom: bottom - room, top: top + room }
}
