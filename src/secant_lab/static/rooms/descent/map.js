// The picture: a surface, the trajectories on it, and the start.

import { color } from "../../charts.js"
import { onPoint } from "../../pointing.js"
import { Above } from "./above.js"
import { MARKS } from "./marks.js"
import { Perspective } from "./perspective.js"

// Canvases cannot draw beyond this many pixels.
const FAR = 2e4

export class SurfaceMap {
  #ground
  #over
  #handle
  #observer
  #eyes = { above: new Above(), perspective: new Perspective() }
  #eye = this.#eyes.above
  #size = { width: 0, height: 0 }
  #heights = null
  #view = null
  #angles = { turn: 0, tilt: 0 }
  #start = null
  #trajectories = []
  #at = 0

  // `moved(x0, x1)` while the start is set; `stepped(right, up)` for arrow keys, with
  // shift ten at once; `turned(right, down)` in pixels, while the picture is turned.
  constructor(el, { moved, stepped, turned }) {
    el.innerHTML = `<div class="picture" role="img"><canvas aria-hidden="true"></canvas><canvas aria-hidden="true"></canvas></div>
      <div id="start" role="slider" tabindex="0"></div>`
    this.picture = el.firstChild
    this.#handle = el.querySelector("#start")
    ;[this.#ground, this.#over] = el.querySelectorAll("canvas")
    let last = null
    const point = (event) => {
      if (!this.#heights) return
      const box = el.getBoundingClientRect()
      if (this.#eye.pick) moved(...this.#eye.pick(event.clientX - box.left, event.clientY - box.top))
      else turned(event.clientX - last[0], event.clientY - last[1])
      last = [event.clientX, event.clientY]
    }
    const take = (event) => {
      // A click on the picture must not take the focus from the start.
      event.preventDefault()
      this.#handle.focus({ preventScroll: true })
      last = [event.clientX, event.clientY]
      return event.target === this.#handle
    }
    onPoint(el, { take, point })
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
      this.#redraw()
    })
    this.#observer.observe(el)
    this.restyle = () => this.#redraw()
    addEventListener("theme", this.restyle)
  }

  end() {
    removeEventListener("theme", this.restyle)
    this.#observer.disconnect()
  }

  // Show the server's surface.
  showHeights(heights) {
    this.#heights = heights
    this.#view = {
      left: heights.x0[0], right: heights.x0.at(-1),
      bottom: heights.x1[0], top: heights.x1.at(-1),
    }
    this.#redraw()
  }

  // `look`: "above" or "perspective", the latter turned and tilted by so many degrees.
  showFrom(look, angles) {
    if (this.#eye === this.#eyes[look] && Object.keys(angles).every((name) => angles[name] === this.#angles[name])) return
    this.#eye = this.#eyes[look]
    this.#angles = angles
    this.#redraw()
  }

  // The position of the start, and its text for a screen reader.
  showStart(x0, x1, { label, text, min, max }) {
    this.#start = [x0, x1]
    const about = {
      "aria-label": label, "aria-valuetext": text, "aria-valuenow": x0,
      "aria-valuemin": Math.min(min, x0), "aria-valuemax": Math.max(max, x0),
    }
    for (const [key, value] of Object.entries(about)) this.#handle.setAttribute(key, value)
    this.#place()
  }

  showTrajectories(trajectories) {
    this.#trajectories = trajectories
    this.#place()
  }

  // The number of steps to show, perhaps with a part of one.
  showStep(at) {
    this.#at = at
    this.#draw()
  }

  get #isSeen() {
    return this.#heights && this.#size.width > 100 && this.#size.height > 100
  }

  #redraw() {
    if (!this.#isSeen) return
    this.#eye.look({ heights: this.#heights, view: this.#view, size: this.#size, ...this.#angles })
    this.#eye.drawGround(this.#fit(this.#ground))
    this.#place()
    this.#draw()
  }

  #place() {
    if (!this.#start || !this.#isSeen) return
    const [x0, x1] = this.#start
    const { left, right, bottom, top } = this.#view
    this.#handle.hidden = !(x0 >= left && x0 <= right && x1 >= bottom && x1 <= top)
    const [x, y] = this.#eye.project(x0, x1, this.#trajectories[0]?.values[0] ?? 0)
    this.#handle.style.transform = `translate(${x}px, ${y}px)`
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

  #draw() {
    if (!this.#isSeen) return
    const context = this.#fit(this.#over)
    context.save()
    this.#eye.clip(context)
    context.lineJoin = context.lineCap = "round"
    // The first path is on top of paths that coincide with it.
    for (let number = this.#trajectories.length - 1; number >= 0; number--) {
      this.#drawTrajectory(context, this.#trajectories[number], number)
    }
    context.restore()
  }

  #drawTrajectory(context, trajectory, number) {
    const [stroke, shadow] = [color(`run-${number}`), color("card")]
    const points = this.#reached(trajectory)
    // A step from outside to outside is a thin line, so that a descent that jumps across
    // the picture hides no other one.
    const [line, passing] = [new Path2D(), new Path2D()]
    points.forEach(([x, y], i) => {
      if (!i) return
      const into = this.#holds(points[i - 1]) || this.#holds([x, y]) ? line : passing
      into.moveTo(...points[i - 1])
      into.lineTo(x, y)
    })
    context.lineWidth = 1
    context.strokeStyle = stroke
    context.globalAlpha = 0.35
    context.stroke(passing)
    context.globalAlpha = 1
    for (const [width, style] of [[4.5, shadow], [2, stroke]]) {
      context.lineWidth = width
      context.strokeStyle = style
      context.stroke(line)
    }
    context.fillStyle = stroke
    // Steps far enough apart get a dot each.
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

  #holds([x, y]) {
    return x >= 0 && x <= this.#size.width && y >= 0 && y <= this.#size.height
  }

  // The shown part of a path in pixels; the last step may be shown in part.
  #reached({ path, values }) {
    const drawn = this.#eye.within(path)
    const whole = Math.min(Math.floor(this.#at), drawn.length - 1)
    const points = []
    for (const [i, [x0, x1]] of drawn.slice(0, whole + 2).entries()) {
      const point = this.#eye.project(x0, x1, values[i] ?? 0)
      const last = points.at(-1)
      if (last && Math.max(...point.map(Math.abs)) > FAR) {
        // Up to the limit of the canvas in the same direction; the rest is invisible.
        const part = FAR / Math.max(...point.map((p, k) => Math.abs(p - last[k])))
        points.push(point.map((p, k) => last[k] + part * (p - last[k])))
        break
      }
      points.push(point)
    }
    const part = this.#at - whole
    if (points.length === whole + 2) {
      const [from, to] = points.slice(-2)
      points[whole + 1] = from.map((p, k) => p + part * (to[k] - p))
    }
    return points
  }
}
