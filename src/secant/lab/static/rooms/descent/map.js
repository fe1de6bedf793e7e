// The map: a surface from above, the paths over it, and the start to be set.

import { color } from "../../charts.js"
import { shown, ticks } from "../../numbers.js"
import { drawContours } from "./contours.js"
import { MARKS } from "./marks.js"

const MARGIN = { left: 44, right: 12, top: 12, bottom: 30 }
// Canvases cannot draw to places that far away, in pixels.
const FAR = 2e4

export class Map2d {
  #ground
  #over
  #handle
  #observer
  #size = { width: 0, height: 0 }
  #heights = null
  #view = { left: -1, right: 1, bottom: -1, top: 1 }
  #start = null
  #courses = []
  #at = 0

  // `moved(x0, x1)` while the start is set; `stepped(right, up)` for arrow keys, with
  // shift ten at once.
  constructor(el, { moved, stepped }) {
    el.innerHTML = `<div class="picture" role="img"><canvas aria-hidden="true"></canvas><canvas aria-hidden="true"></canvas></div>
      <div id="start" role="slider" tabindex="0"></div>`
    this.picture = el.firstChild
    this.#handle = el.querySelector("#start")
    ;[this.#ground, this.#over] = el.querySelectorAll("canvas")
    const place = (event) => {
      const box = el.getBoundingClientRect()
      const { left, right, bottom, top } = this.#view
      const part = (at, low, size) => Math.max(0, Math.min(1, (at - low) / size))
      const a = part(event.clientX - box.left, MARGIN.left, this.#wide)
      const b = part(event.clientY - box.top, MARGIN.top, this.#tall)
      moved(left + a * (right - left), top - b * (top - bottom))
    }
    el.addEventListener("pointerdown", (event) => {
      if (event.button) return
      el.setPointerCapture(event.pointerId)
      // A click on the picture is not to take the focus away from the start.
      event.preventDefault()
      this.#handle.focus({ preventScroll: true })
      place(event)
    })
    el.addEventListener("pointermove", (event) => {
      if (el.hasPointerCapture(event.pointerId)) place(event)
    })
    const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
    this.#handle.addEventListener("keydown", (event) => {
      const arrow = arrows[event.key]
      if (!arrow) return
      event.preventDefault()
      const times = event.shiftKey ? 10 : 1
      stepped(arrow[0] * times, arrow[1] * times)
    })
    this.#observer = new ResizeObserver(() => {
      const { width, height } = el.getBoundingClientRect()
      this.#size = { width, height }
      this.restyle()
    })
    this.#observer.observe(el)
    this.restyle = () => {
      this.#drawGround()
      this.#place()
      this.draw()
    }
    addEventListener("theme", this.restyle)
  }

  end() {
    removeEventListener("theme", this.restyle)
    this.#observer.disconnect()
  }

  // A surface as the server tells it.
  showHeights(heights) {
    this.#heights = heights
    this.#view = {
      left: heights.x0[0], right: heights.x0.at(-1),
      bottom: heights.x1[0], top: heights.x1.at(-1),
    }
    this.restyle()
  }

  // Where the start is, and what a screen reader says of it.
  showStart(x0, x1, { label, text }) {
    this.#start = [x0, x1]
    const { left, right } = this.#view
    const about = {
      "aria-label": label, "aria-valuetext": text, "aria-valuenow": x0,
      "aria-valuemin": Math.min(left, x0), "aria-valuemax": Math.max(right, x0),
    }
    for (const [key, value] of Object.entries(about)) this.#handle.setAttribute(key, value)
    this.#place()
  }

  showCourses(courses) {
    this.#courses = courses
  }

  // How far they have come: a number of steps, and part of one.
  showStep(at) {
    this.#at = at
    this.draw()
  }

  get #wide() {
    return this.#size.width - MARGIN.left - MARGIN.right
  }

  get #tall() {
    return this.#size.height - MARGIN.top - MARGIN.bottom
  }

  #px = (x0) => MARGIN.left + ((x0 - this.#view.left) / (this.#view.right - this.#view.left)) * this.#wide

  #py = (x1) => MARGIN.top + ((this.#view.top - x1) / (this.#view.top - this.#view.bottom)) * this.#tall

  #place() {
    if (!this.#start || !(this.#wide > 0)) return
    const [x0, x1] = this.#start
    const { left, right, bottom, top } = this.#view
    this.#handle.hidden = !(x0 >= left && x0 <= right && x1 >= bottom && x1 <= top)
    this.#handle.style.transform = `translate(${this.#px(x0)}px, ${this.#py(x1)}px)`
  }

  #fit(canvas) {
    const [width, height] = [this.#size.width, this.#size.height].map((n) => Math.round(n * devicePixelRatio))
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
    const context = canvas.getContext("2d")
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, width, height)
    context.scale(devicePixelRatio, devicePixelRatio)
    return context
  }

  #drawGround() {
    if (!(this.#wide > 0 && this.#tall > 0)) return
    const context = this.#fit(this.#ground)
    const { left, right, bottom, top } = this.#view
    if (this.#heights) {
      const part = document.createElement("canvas")
      part.width = Math.round(this.#wide * devicePixelRatio)
      part.height = Math.round(this.#tall * devicePixelRatio)
      drawContours(part, this.#heights)
      context.drawImage(part, MARGIN.left, MARGIN.top, this.#wide, this.#tall)
    }
    context.strokeStyle = color("border")
    context.strokeRect(MARGIN.left, MARGIN.top, this.#wide, this.#tall)
    context.font = `12px ${color("font")}`
    context.fillStyle = color("quiet")
    context.textAlign = "center"
    for (const x0 of ticks(left, right, Math.max(4, this.#wide / 90))) {
      context.fillText(shown(x0, 4), this.#px(x0), this.#size.height - 12)
      context.fillRect(this.#px(x0) - 0.5, MARGIN.top + this.#tall, 1, 4)
    }
    context.textAlign = "right"
    for (const x1 of ticks(bottom, top, Math.max(3, this.#tall / 70))) {
      context.fillText(shown(x1, 4), MARGIN.left - 8, this.#py(x1) + 4)
      context.fillRect(MARGIN.left - 4, this.#py(x1) - 0.5, 4, 1)
    }
  }

  draw() {
    if (!(this.#wide > 0 && this.#tall > 0)) return
    const context = this.#fit(this.#over)
    context.save()
    context.beginPath()
    context.rect(MARGIN.left, MARGIN.top, this.#wide, this.#tall)
    context.clip()
    context.lineJoin = context.lineCap = "round"
    const shadow = color("card")
    // The first one lies on top: where paths are alike, one sees it.
    for (let number = this.#courses.length - 1; number >= 0; number--) {
      this.#drawCourse(context, this.#courses[number].path, color(`run-${number}`), shadow, number)
    }
    context.restore()
  }

  #drawCourse(context, path, stroke, shadow, number) {
    const points = this.#reached(path)
    const line = new Path2D()
    points.forEach(([x, y], i) => (i ? line.lineTo(x, y) : line.moveTo(x, y)))
    for (const [width, style] of [[4.5, shadow], [2, stroke]]) {
      context.lineWidth = width
      context.strokeStyle = style
      context.stroke(line)
    }
    context.fillStyle = stroke
    // Steps that lie apart can be counted.
    let last = null
    for (const [x, y] of points.slice(0, -1)) {
      if (last && Math.hypot(x - last[0], y - last[1]) < 7) continue
      last = [x, y]
      context.beginPath()
      context.arc(x, y, 2.6, 0, 2 * Math.PI)
      context.fill()
    }
    const [x, y] = points.at(-1)
    const head = new Path2D()
    head.addPath(new Path2D(MARKS[number]), new DOMMatrix([6.5, 0, 0, 6.5, x, y]))
    context.lineWidth = 2
    context.strokeStyle = shadow
    context.stroke(head)
    context.fill(head)
  }

  // The part of a path that has been gone, in pixels; the last step perhaps in part.
  #reached(path) {
    const whole = Math.min(Math.floor(this.#at), path.length - 1)
    const points = []
    for (const [x0, x1] of path.slice(0, whole + 2)) {
      const point = [this.#px(x0), this.#py(x1)]
      const last = points.at(-1)
      const away = Math.max(...point.map(Math.abs))
      if (away > FAR && last) {
        // As far in the same direction as can be drawn; what comes after is not seen.
        const part = FAR / Math.max(...point.map((p, i) => Math.abs(p - last[i])))
        points.push(point.map((p, i) => last[i] + part * (p - last[i])))
        break
      }
      points.push(point)
    }
    const part = this.#at - whole
    if (points.length === whole + 2) {
      const [from, to] = points.slice(-2)
      points[whole + 1] = from.map((p, i) => p + part * (to[i] - p))
    }
    return points
  }
}
