// A surface from above: filled contours with axes around them.

import { color } from "../../charts.js"
import { shown, ticks } from "../../numbers.js"
import { drawContours } from "./contours.js"

const MARGIN = { left: 44, right: 12, top: 12, bottom: 30 }

export class Above {
  #view
  #heights
  #size

  // The server's surface in a picture of the given size in pixels.
  look({ heights, view, size }) {
    this.#view = view
    this.#heights = heights
    this.#size = size
  }

  get #wide() {
    return this.#size.width - MARGIN.left - MARGIN.right
  }

  get #tall() {
    return this.#size.height - MARGIN.top - MARGIN.bottom
  }

  #across = (x0) => MARGIN.left + ((x0 - this.#view.left) / (this.#view.right - this.#view.left)) * this.#wide

  #down = (x1) => MARGIN.top + ((this.#view.top - x1) / (this.#view.top - this.#view.bottom)) * this.#tall

  // The position of a point in pixels.
  project(x0, x1) {
    return [this.#across(x0), this.#down(x1)]
  }

  // The point at a position; outside the picture the nearest visible one.
  pick(x, y) {
    const { left, right, bottom, top } = this.#view
    const part = (at, low, size) => Math.max(0, Math.min(1, (at - low) / size))
    return [
      left + part(x, MARGIN.left, this.#wide) * (right - left),
      top - part(y, MARGIN.top, this.#tall) * (top - bottom),
    ]
  }

  // The part of a path that a canvas can draw.
  within(path) {
    return path
  }

  // The paths do not cover the axes.
  clip(context) {
    context.beginPath()
    context.rect(MARGIN.left, MARGIN.top, this.#wide, this.#tall)
    context.clip()
  }

  drawGround(context) {
    const { left, right, bottom, top } = this.#view
    const part = document.createElement("canvas")
    part.width = Math.max(1, Math.round(this.#wide * devicePixelRatio))
    part.height = Math.max(1, Math.round(this.#tall * devicePixelRatio))
    drawContours(part, this.#heights)
    context.drawImage(part, MARGIN.left, MARGIN.top, this.#wide, this.#tall)
    context.strokeStyle = color("border")
    context.strokeRect(MARGIN.left, MARGIN.top, this.#wide, this.#tall)
    context.font = `12px ${color("font")}`
    context.fillStyle = color("quiet")
    context.textAlign = "center"
    for (const x0 of ticks(left, right, Math.max(4, this.#wide / 90))) {
      context.fillText(shown(x0, 4), this.#across(x0), this.#size.height - 12)
      context.fillRect(this.#across(x0) - 0.5, MARGIN.top + this.#tall, 1, 4)
    }
    context.textAlign = "right"
    for (const x1 of ticks(bottom, top, Math.max(3, this.#tall / 70))) {
      context.fillText(shown(x1, 4), MARGIN.left - 8, this.#down(x1) + 4)
      context.fillRect(MARGIN.left - 4, this.#down(x1) - 0.5, 4, 1)
    }
  }
}
