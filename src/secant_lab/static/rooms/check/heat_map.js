// A heat map of errors on a log scale; the pointer or the keys select a cell.

import { color } from "../../charts.js"

const SMALLEST = -8 // the power of ten of the palest colour, and of smaller errors
const STOPS = 4 // the page's colours --heat-0 … --heat-3

// The position of an error between the palest and the darkest colour, 0 to 1.
const place = (error) => (error > 0 ? Math.max(0, Math.min(1, 1 - Math.log10(error) / SMALLEST)) : 0)

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))

function shade(stops, at) {
  const i = Math.min(Math.floor(at * (STOPS - 1)), STOPS - 2)
  const part = at * (STOPS - 1) - i
  const mixed = stops[i].map((a, k) => Math.round(a + part * (stops[i + 1][k] - a)))
  return `rgb(${mixed.join(" ")})`
}

// `looked(at)` is called with the selected cell.
export class HeatMap {
  #canvas = document.createElement("canvas")
  #cells = []
  #columns = 1
  #rows = 1
  #size = 20
  #at = 0
  #active = false
  #looked

  constructor(el, looked) {
    this.#looked = looked
    const canvas = this.#canvas
    canvas.className = "heat"
    canvas.tabIndex = 0
    canvas.setAttribute("role", "slider")
    canvas.setAttribute("aria-valuemin", 0)
    el.append(canvas)
    for (const name of ["pointermove", "pointerdown"]) {
      canvas.addEventListener(name, (event) => {
        const column = Math.min(this.#columns - 1, Math.max(0, Math.floor(event.offsetX / this.#size)))
        const row = Math.min(this.#rows - 1, Math.max(0, Math.floor(event.offsetY / this.#size)))
        this.#look(row * this.#columns + column)
      })
    }
    canvas.addEventListener("focus", () => this.#look(this.#at))
    canvas.addEventListener("keydown", (event) => {
      const [row, column] = [Math.floor(this.#at / this.#columns), this.#at % this.#columns]
      const to = {
        ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
        ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
        Home: event.ctrlKey ? [0, 0] : [row, 0],
        End: event.ctrlKey ? [this.#rows - 1, this.#columns - 1] : [row, this.#columns - 1],
      }[event.key]
      if (!to) return
      event.preventDefault()
      const within = to[0] >= 0 && to[0] < this.#rows && to[1] >= 0 && to[1] < this.#columns
      if (within) this.#look(to[0] * this.#columns + to[1])
    })
    addEventListener("theme", this.draw)
  }

  end() {
    removeEventListener("theme", this.draw)
    this.#canvas.remove()
  }

  // `cells`: [{ error, mark }], row by row. `mark`: "wrong", "kink", "none" where there is
  // nothing to compare, "out" where there is no cell, or "".
  show({ rows, columns, cells, size, label, at }) {
    this.#cells = cells
    this.#rows = rows
    this.#columns = columns
    this.#size = size
    this.#at = at
    this.#canvas.setAttribute("aria-valuemax", cells.length - 1)
    this.#canvas.setAttribute("aria-label", label)
    this.draw()
  }

  // The selected cell and its text; `active`: whether it is in this map.
  point(at, text, active) {
    this.#at = at
    this.#active = active
    this.#canvas.setAttribute("aria-valuenow", at)
    this.#canvas.setAttribute("aria-valuetext", text)
    this.draw()
  }

  #look(at) {
    this.#at = at
    this.#looked(at)
  }

  draw = () => {
    const [width, height] = [this.#columns * this.#size, this.#rows * this.#size]
    const ratio = devicePixelRatio || 1
    Object.assign(this.#canvas, { width: width * ratio, height: height * ratio })
    this.#canvas.style.width = `${width}px`
    this.#canvas.style.height = `${height}px`
    const pen = this.#canvas.getContext("2d")
    pen.scale(ratio, ratio)
    const stops = Array.from({ length: STOPS }, (_, i) => channels(color(`heat-${i}`)))
    this.#cells.forEach((cell, i) => {
      if (cell.mark !== "out") this.#drawCell(pen, stops, cell, i)
    })
    if (this.#active) {
      const [x, y] = this.#corner(this.#at)
      pen.strokeStyle = color("ink")
      pen.lineWidth = 2.5
      pen.strokeRect(x + 0.5, y + 0.5, this.#size - 1, this.#size - 1)
    }
  }

  #corner(i) {
    return [(i % this.#columns) * this.#size, Math.floor(i / this.#columns) * this.#size]
  }

  #drawCell(pen, stops, { error, mark }, i) {
    const [x, y] = this.#corner(i)
    const side = this.#size - 1
    const at = mark === "none" ? 1 : mark === "kink" ? 0 : place(error)
    pen.fillStyle = shade(stops, at)
    pen.fillRect(x, y, side, side)
    const middle = [x + side / 2, y + side / 2]
    pen.fillStyle = pen.strokeStyle = color(at > 0.5 ? "heat-mark-high" : "heat-mark-low")
    if (mark === "none") {
      pen.lineWidth = 1.5
      pen.beginPath()
      for (const slope of [1, -1]) {
        pen.moveTo(x + side * 0.3, middle[1] - slope * side * 0.2)
        pen.lineTo(x + side * 0.7, middle[1] + slope * side * 0.2)
      }
      pen.stroke()
    } else if (mark === "wrong") {
      pen.beginPath()
      pen.arc(...middle, Math.max(1.5, side / 8), 0, 2 * Math.PI)
      pen.fill()
    } else if (mark === "kink") {
      pen.lineWidth = 1.8
      pen.beginPath()
      pen.moveTo(x + side * 0.25, y + side * 0.65)
      pen.lineTo(middle[0], y + side * 0.3)
      pen.lineTo(x + side * 0.75, y + side * 0.65)
      pen.stroke()
    }
  }
}
