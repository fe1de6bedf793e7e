// The weights of neurons as pictures of 28 × 28, side by side in one canvas.

import { color } from "../../charts.js"

const SIDE = 28
const COLUMNS = 8

export class Mosaic {
  #canvas
  #context
  #image = null
  #pixels = null
  #signed = null
  #colors = ramp()

  constructor(canvas) {
    this.#canvas = canvas
    this.#context = canvas.getContext("2d")
    addEventListener("theme", this.restyle)
  }

  restyle = () => {
    this.#colors = ramp()
    if (this.#signed) this.show(this.#signed)
  }

  end() {
    removeEventListener("theme", this.restyle)
  }

  // `signed`: 784 numbers a neuron from -127 to 127.
  show(signed) {
    const units = signed.length / SIDE ** 2
    const columns = Math.min(units, COLUMNS)
    const width = columns * (SIDE + 1) - 1
    const height = Math.ceil(units / columns) * (SIDE + 1) - 1
    if (width !== this.#canvas.width || height !== this.#canvas.height || !this.#image) {
      Object.assign(this.#canvas, { width, height })
      this.#image = this.#context.createImageData(width, height)
      this.#pixels = new Uint32Array(this.#image.data.buffer)
    }
    this.#signed = signed
    let i = 0
    for (let unit = 0; unit < units; unit++) {
      const left = (unit % columns) * (SIDE + 1)
      const top = Math.floor(unit / columns) * (SIDE + 1)
      for (let y = 0; y < SIDE; y++) {
        let to = (top + y) * width + left
        for (let x = 0; x < SIDE; x++) this.#pixels[to++] = this.#colors[signed[i++] & 255]
      }
    }
    this.#context.putImageData(this.#image, 0, 0)
  }

  clear() {
    this.#signed = null
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height)
  }
}

// A colour for every signed byte: below 0 towards `--below`, above towards `--above`.
function ramp() {
  const [below, zero, above] = ["below", "zero", "above"].map((name) => rgb(color(name)))
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    const value = ((byte << 24) >> 24) / 127
    const end = value < 0 ? below : above
    const share = Math.min(1, Math.abs(value)) ** 0.8
    const [r, g, b] = zero.map((from, i) => Math.round(from + share * (end[i] - from)))
    return (255 << 24) | (b << 16) | (g << 8) | r
  })
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))
