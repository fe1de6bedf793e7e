// The paper: the drawing, and a pen for mouse, finger, stylus or keys.

import { color } from "../../charts.js"
import { gray, image } from "./images.js"
import { decode, GRID, PEN } from "./strokes.js"

const NEAR = 12 // the least distance between two points of a stroke
const STEP = 25
const FINE = 5
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

export class Paper {
  #canvas
  #drawing = ""
  #base = null
  #stroke = null
  #cursor = [GRID / 2, GRID / 2]
  #byKeys = false
  #told
  #resized
  #frame = 0

  // `told.begun()` before a stroke, `told.drawn(points)` as it grows, `told.moved(x, y,
  // down)` for keys, `told.undo()`.
  constructor(canvas, told) {
    this.#canvas = canvas
    this.#told = told
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return
      canvas.setPointerCapture(event.pointerId)
      this.#byKeys = false
      this.#begin(this.#at(event))
    })
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#stroke || !event.isPrimary || this.#byKeys) return
      const all = event.getCoalescedEvents?.() ?? []
      this.#go((all.length ? all : [event]).map((e) => this.#at(e)))
    })
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => event.isPrimary && !this.#byKeys && this.#end())
    }
    canvas.addEventListener("keydown", (event) => this.#key(event))
    canvas.addEventListener("keyup", (event) => {
      if (event.key === " " && this.#byKeys) this.#lift()
    })
    canvas.addEventListener("blur", () => {
      if (this.#byKeys && this.#stroke) this.#lift()
      this.draw()
    })
    canvas.addEventListener("focus", () => this.draw())
    this.#resized = new ResizeObserver(() => this.draw())
    this.#resized.observe(canvas)
  }

  end() {
    this.#resized.disconnect()
    cancelAnimationFrame(this.#frame)
  }

  // A drawing, and the 784 pixels of a digit that lies below it, or null.
  show(drawing, base) {
    this.#drawing = drawing
    this.#base = base
    this.draw()
  }

  // Once a frame, however fast the pen moves.
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      this.#paint()
    })
  }

  #paint() {
    const canvas = this.#canvas
    const side = Math.round(canvas.clientWidth * devicePixelRatio)
    if (!side) return
    if (canvas.width !== side) canvas.width = canvas.height = side
    const pen = canvas.getContext("2d")
    const scale = side / GRID
    const [paper, ink] = [color("sheet"), color("sheet-ink")]
    pen.fillStyle = paper
    pen.fillRect(0, 0, side, side)
    if (this.#base) {
      pen.imageSmoothingEnabled = false
      pen.drawImage(image(this.#base, gray(paper, ink, 255)), 0, 0, side, side)
    }
    pen.lineCap = pen.lineJoin = "round"
    pen.lineWidth = PEN * scale
    pen.strokeStyle = ink
    for (const points of decode(this.#drawing)) {
      pen.beginPath()
      pen.moveTo(points[0][0] * scale, points[0][1] * scale)
      for (const [x, y] of points) pen.lineTo(x * scale, y * scale)
      pen.stroke()
    }
    if (this.#byKeys && document.activeElement === canvas) this.#drawCursor(pen, scale)
  }

  #drawCursor(pen, scale) {
    const [x, y] = this.#cursor.map((c) => c * scale)
    const reach = (PEN / 2) * scale
    pen.lineWidth = 2 * devicePixelRatio
    pen.strokeStyle = color("sheet-pen")
    pen.fillStyle = color("sheet-pen")
    pen.beginPath()
    pen.arc(x, y, reach, 0, 2 * Math.PI)
    if (this.#stroke) pen.fill()
    pen.stroke()
    pen.beginPath()
    for (const [dx, dy] of Object.values(ARROWS)) {
      pen.moveTo(x + dx * reach * 1.3, y + dy * reach * 1.3)
      pen.lineTo(x + dx * reach * 2, y + dy * reach * 2)
    }
    pen.stroke()
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect()
    return [
      within(((event.clientX - box.left) / box.width) * GRID),
      within(((event.clientY - box.top) / box.height) * GRID),
    ]
  }

  #begin(point) {
    this.#stroke = [point]
    this.#told.begun()
    this.#told.drawn(this.#stroke)
  }

  #go(points) {
    const before = this.#stroke.length
    for (const point of points) {
      const [x, y] = this.#stroke.at(-1)
      if (Math.hypot(point[0] - x, point[1] - y) >= NEAR) this.#stroke.push(point)
    }
    if (this.#stroke.length > before) this.#told.drawn(this.#stroke)
  }

  #end() {
    this.#stroke = null
  }

  #lift() {
    this.#end()
    this.#tell()
  }

  #tell() {
    this.#told.moved(...this.#cursor, Boolean(this.#stroke))
    this.draw()
  }

  #key(event) {
    const arrow = ARROWS[event.key]
    const undo = event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))
    if (!arrow && !undo && event.key !== " " && event.key !== "Enter") return
    event.preventDefault()
    if (this.#stroke && !this.#byKeys) return // another pointer draws
    this.#byKeys = true
    if (undo) {
      this.#end()
      return this.#told.undo()
    }
    if (arrow) {
      const step = event.shiftKey ? FINE : STEP
      this.#cursor = this.#cursor.map((c, axis) => within(c + arrow[axis] * step))
      // With keys, small steps are points too.
      if (this.#stroke) {
        this.#stroke.push(this.#cursor)
        this.#told.drawn(this.#stroke)
      }
    } else if (!event.repeat) {
      if (this.#stroke) this.#end()
      else this.#begin(this.#cursor)
    }
    this.#tell()
  }
}

const within = (value) => Math.round(Math.max(0, Math.min(GRID, value)))
