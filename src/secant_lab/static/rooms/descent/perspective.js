// A surface in perspective, which can be turned.

import { color } from "../../charts.js"
import { shown } from "../../numbers.js"
import { shades } from "./shades.js"

const FACES = 60 // along each side, approximately
const TALL = 0.95 // the height of the surface, whose sides have length 2
const FAR = 5.5 // the distance of the eye from the middle
// Near parts are larger, so the middle of the picture is a little above the centre.
const MIDDLE = 0.45

export class Perspective {
  #view
  #heights
  #size
  #turned = { sin: 0, cos: 1 }
  #tilted = { sin: 0.5, cos: 0.8 }

  // `turn` and `tilt` in degrees: around the vertical axis, and away from it.
  look({ heights, view, size, turn, tilt }) {
    Object.assign(this, { turn, tilt })
    this.#view = view
    this.#heights = heights
    this.#size = size
    const angles = [turn, tilt].map((degrees) => (degrees * Math.PI) / 180)
    ;[this.#turned, this.#tilted] = angles.map((a) => ({ sin: Math.sin(a), cos: Math.cos(a) }))
  }

  // From -1 to 1 along both sides, and upwards from the middle height.
  #cube(x0, x1, z) {
    const { left, right, bottom, top } = this.#view
    const [low, high] = [this.#heights.levels[0] ?? 0, this.#heights.levels.at(-1) ?? 1]
    const part = high > low ? Math.max(0, Math.min(1, (z - low) / (high - low))) : 0
    return [(2 * (x0 - left)) / (right - left) - 1, (2 * (x1 - bottom)) / (top - bottom) - 1, (part - 0.5) * TALL]
  }

  // The position in pixels, to the right and up, and the distance from the eye.
  #seen([x, y, z]) {
    const { sin, cos } = this.#turned
    const [across, back] = [cos * x - sin * y, sin * x + cos * y]
    const up = this.#tilted.sin * back + this.#tilted.cos * z
    const depth = FAR + this.#tilted.cos * back - this.#tilted.sin * z
    const { width, height } = this.#size
    const scale = (Math.min(width / 3.2, height / 2.75) * FAR) / depth
    return [width / 2 + scale * across, height * MIDDLE - scale * up, depth]
  }

  project(x0, x1, z) {
    return this.#seen(this.#cube(x0, x1, z)).slice(0, 2)
  }

  // A path ends where it leaves the drawn surface.
  within(path) {
    const { left, right, bottom, top } = this.#view
    const outside = path.findIndex(([x0, x1]) => !(x0 >= left && x0 <= right && x1 >= bottom && x1 <= top))
    return outside < 0 ? path : path.slice(0, Math.max(outside, 1))
  }

  clip() {}

  drawGround(context) {
    const { rows, x0, x1, levels } = this.#heights
    const step = Math.max(1, Math.round((x0.length - 1) / FACES))
    const colors = shades(Math.max(levels.length - 1, 1))
    const inner = levels.slice(1, -1)
    const points = []
    for (let j = 0; j < x1.length; j += step) {
      points.push(x0.filter((_, i) => i % step === 0).map((x, i) => {
        const z = rows[j][i * step]
        return z === null ? null : { z, at: this.#seen(this.#cube(x, x1[j], z)) }
      }))
    }
    const faces = []
    for (let j = 0; j + 1 < points.length; j++) {
      for (let i = 0; i + 1 < points[j].length; i++) {
        const corners = [points[j][i], points[j][i + 1], points[j + 1][i + 1], points[j + 1][i]]
        if (corners.every(Boolean)) faces.push({ corners, depth: corners.reduce((d, { at }) => d + at[2], 0) })
      }
    }
    this.#drawFrame(context)
    faces.sort((a, b) => b.depth - a.depth)
    const mesh = color("height-line")
    context.lineJoin = "round"
    for (const { corners } of faces) {
      const z = corners.reduce((sum, corner) => sum + corner.z, 0) / 4
      const band = inner.findIndex((level) => level > z)
      const rgb = `rgb(${colors[band < 0 ? colors.length - 1 : band].join(" ")})`
      context.beginPath()
      corners.forEach(({ at: [x, y] }, i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)))
      context.closePath()
      context.fillStyle = context.strokeStyle = rgb
      context.fill()
      // Without a line of its own colour, gaps appear between two faces.
      context.lineWidth = 1
      context.stroke()
      context.lineWidth = 0.5
      context.strokeStyle = mesh
      context.stroke()
    }
  }

  // The edges of the lowest plane, with the numbers at their ends.
  #drawFrame(context) {
    const { left, right, bottom, top } = this.#view
    const low = this.#heights.levels[0] ?? 0
    const corners = [[left, bottom], [right, bottom], [right, top], [left, top]]
    const at = corners.map(([x0, x1]) => this.#seen(this.#cube(x0, x1, low)))
    context.strokeStyle = color("border")
    context.beginPath()
    at.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)))
    context.closePath()
    context.stroke()
    context.font = `12px ${color("font")}`
    context.fillStyle = color("quiet")
    const middle = [this.#size.width / 2, this.#size.height * MIDDLE]
    const write = (text, [x, y]) => {
      context.textAlign = x < middle[0] ? "right" : "left"
      context.fillText(text, x + (x < middle[0] ? -7 : 7), y + (y < middle[1] ? -4 : 14))
    }
    // The label is at the nearer edge of each pair.
    const nearer = (a, b) => (at[a][2] + at[(a + 1) % 4][2] < at[b][2] + at[(b + 1) % 4][2] ? a : b)
    for (const [edge, name, ends] of [[nearer(0, 2), "x₀", [left, right]], [nearer(1, 3), "x₁", [bottom, top]]]) {
      const [a, b] = [at[edge], at[(edge + 1) % 4]]
      const [first, last] = edge < 2 ? ends : [...ends].reverse()
      const along = (part) => [0, 1].map((k) => a[k] + part * (b[k] - a[k]))
      write(name, along(0.5))
      write(shown(first, 4), along(0.1))
      write(shown(last, 4), along(0.9))
    }
  }
}
