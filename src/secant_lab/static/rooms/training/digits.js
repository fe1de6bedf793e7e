// The fixed digits, and what the network holds each of them for.

import { words } from "../../i18n.js"

const SIDE = 28

export class Digits {
  #list
  #cells = []
  #probabilities = null
  #spoken = 0

  constructor(list) {
    this.#list = list
    addEventListener("theme", this.restyle)
  }

  restyle = () => {
    for (const { canvas, pixels } of this.#cells) paint(canvas, pixels)
  }

  end() {
    removeEventListener("theme", this.restyle)
  }

  // `pixels`: 784 bytes a digit; `labels`: which digit it is.
  show(pixels, labels) {
    this.#probabilities = null
    this.#cells = labels.map((label, i) => cell(label, pixels.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2)))
    this.#list.replaceChildren(...this.#cells.map(({ li }) => li))
    this.restyle()
  }

  // `probabilities`: for each digit ten numbers. Returns how many are right. While it
  // learns, what a screen reader finds may be a second old: forty sentences are many.
  believe(probabilities, learning) {
    this.#probabilities = probabilities
    const now = performance.now()
    const speak = !learning || now - this.#spoken > 1000
    if (speak) this.#spoken = now
    let right = 0
    this.#cells.forEach((cell, i) => {
      const of = probabilities[i]
      const read = of.indexOf(Math.max(...of))
      right += read === cell.label
      change(cell, read, Math.round(100 * Math.max(0, Math.min(1, of[read]))))
      if (speak) describe(cell)
    })
    return right
  }

  say() {
    if (this.#probabilities) for (const cell of this.#cells) describe(cell)
  }
}

// Only what is new is written: eight times a second, forty digits are many.
function change(cell, read, sure) {
  if (read !== cell.read) {
    const right = read === cell.label
    if (cell.li.dataset.right !== String(right)) {
      cell.li.dataset.right = right
      cell.mark.data = right ? "✓" : "✗"
    }
    cell.guess.data = read
  }
  if (sure !== cell.sure) {
    cell.share.data = `${sure}%`
    cell.bar.style.transform = `scaleX(${sure / 100})`
  }
  Object.assign(cell, { read, sure })
}

function describe({ words: span, label, read, sure }) {
  const text = words(read === label ? "training.digit.right" : "training.digit.wrong", { label, read, sure })
  if (span.data !== text) span.data = text
}

function cell(label, pixels) {
  const li = document.createElement("li")
  li.innerHTML = `<canvas width="${SIDE}" height="${SIDE}" aria-hidden="true"></canvas>
    <span class="mark" aria-hidden="true"></span>
    <span class="belief" aria-hidden="true"><b></b><span></span></span>
    <span class="sure" aria-hidden="true"><i></i></span>
    <span class="visually-hidden"></span>`
  const text = (selector) => li.querySelector(selector).appendChild(new Text())
  return {
    li, label, pixels, read: null, sure: null,
    canvas: li.querySelector("canvas"), bar: li.querySelector(".sure i"),
    mark: text(".mark"), guess: text("b"), share: text(".belief span"), words: text(".visually-hidden"),
  }
}

// Ink on nothing, in the colour of the page's writing.
function paint(canvas, pixels) {
  const context = canvas.getContext("2d")
  const image = context.createImageData(SIDE, SIDE)
  const [r, g, b] = getComputedStyle(canvas).color.match(/[\d.]+/g).map(Number)
  for (let i = 0; i < pixels.length; i++) image.data.set([r, g, b, pixels[i]], 4 * i)
  context.putImageData(image, 0, 0)
}
