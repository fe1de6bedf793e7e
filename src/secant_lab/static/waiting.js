// A message while the page waits; if it takes long, with a bar and the seconds.

const LASTS = 2000 // milliseconds

export class Waiting {
  #said
  #bar
  #seconds
  #since = 0
  #ticking = 0

  constructor(el) {
    el.classList.add("waiting")
    el.innerHTML = `<span role="status"></span><span aria-hidden="true" hidden><progress></progress> <b></b></span>`
    ;[this.#said, this.#bar] = el.children
    this.#seconds = el.querySelector("b")
  }

  // Show a message; "" ends it.
  say(text) {
    if (this.#said.textContent !== text) this.#said.textContent = text
    if (Boolean(text) === Boolean(this.#ticking)) return
    if (text) {
      this.#since = performance.now()
      this.#ticking = setInterval(() => this.#tick(), 500)
    } else this.end()
  }

  end() {
    clearInterval(this.#ticking)
    this.#ticking = 0
    this.#bar.hidden = true
  }

  #tick() {
    const passed = performance.now() - this.#since
    if (passed < LASTS) return
    this.#bar.hidden = false
    this.#seconds.textContent = `${Math.floor(passed / 1000)} s`
  }
}
