// The fixed digits, and what the network holds each of them for.

import { words } from "../../i18n.js"

const SIDE = 28

export class Digits {
  #list
  #cells = []
  #probabilities = null

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
    this.#cells = labels.map((label, i) => cell(label, pixels.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2)))
    this.#list.replaceChildren(...this.#cells.map(({ li }) => li))
    this.restyle()
  }

  // `probabilities`: for each digit ten numbers. Returns how many are right.
  believe(probabilities) {
    this.#probabilities = probabilities
    let right = 0
    this.#cells.forEach((cell, i) => {
      const of = probabilities[i]
      const read = of.indexOf(Math.max(...of))
      right += read === cell.label
      this.#change(cell, read, Math.round(100 * Math.max(0, Math.min(1, of[read]))))
    })
    return right
  }

  say() {
    for (const cell of this.#cells) cell.read = cell.sure = null
    if (this.#probabilities) this.believe(this.#probabilities)
  }

  // Only what is new is written: eight times a second, forty digits are many.
  #change(cell, read, sure) {
    if (read === cell.read && sure === cell.sure) return
    if (read !== cell.read) {
      const right = read === cell.label
      if (cell.li.dataset.right !== String(right)) {
        if (cell.read !== null) turn(cell.canvas)
        cell.li.dataset.right = right
        cell.mark.textContent = right ? "✓" : "✗"
      }
      cell.guess.textContent = read
    }
    if (sure !== cell.sure) {
      cell.share.textContent = `${sure}%`
      cell.bar.style.transform = `scaleX(${sure / 100})`
    }
    Object.assign(cell, { read, sure })
    cell.words.textContent = words(read === cell.label ? "training.digit.right" : "training.digit.wrong", {
      label: cell.label, read, sure,
    })
  }
}

function cell(label, pixels) {
  const li = document.createElement("li")
  li.innerHTML = `<canvas width="${SIDE}" height="${SIDE}" aria-hidden="true"></canvas>
    <span class="mark" aria-hidden="true"></span>
    <span class="belief" aria-hidden="true"><b></b><span></span></span>
    <span class="sure" aria-hidden="true"><i></i></span>
    <span class="visually-hidden"></span>`
  return {
    li, label, pixels, read: null, sure: null,
    canvas: li.querySelector("canvas"), mark: li.querySelector(".mark"),
    guess: li.querySelector("b"), share: li.querySelector(".belief span"),
    bar: li.querySelector(".sure i"), words: li.querySelector(".visually-hidden"),
  }
}

const calm = matchMedia("(prefers-reduced-motion: reduce)")

function turn(element) {
  if (calm.matches) return
  element.animate([{ transform: "rotateY(90deg)" }, { transform: "none" }], { duration: 260, easing: "ease-out" })
}

// Ink on nothing, in the colour of the page's writing.
function paint(canvas, pixels) {
  const context = canvas.getContext("2d")
  const image = context.createImageData(SIDE, SIDE)
  const [r, g, b] = getComputedStyle(canvas).color.match(/[\d.]+/g).map(Number)
  for (let i = 0; i < pixels.length; i++) image.data.set([r, g, b, pixels[i]], 4 * i)
  context.putImageData(image, 0, 0)
}
