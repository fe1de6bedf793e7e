// The player: the shown step, and its animation.

export class Player {
  #last = 0
  #at = Infinity
  #moved
  #frame = 0
  #then = 0

  // `moved(at)` is called when another step, or a part of one, is shown; `perSecond()`
  // is the speed in steps.
  constructor(moved, perSecond) {
    this.#moved = moved
    this.perSecond = perSecond
  }

  get playing() {
    return this.#frame !== 0
  }

  get at() {
    return Math.min(this.#at, this.#last)
  }

  get last() {
    return this.#last
  }

  // Set the number of steps. If the last step is shown, the new last step is.
  set last(last) {
    if (this.#at >= this.#last) this.#at = Infinity
    this.#last = last
    this.#moved(this.at)
  }

  seek(at) {
    this.pause()
    this.#at = Math.max(0, at) >= this.#last ? Infinity : Math.max(0, Math.round(at))
    this.#moved(this.at)
  }

  step(by) {
    this.seek((by > 0 ? Math.floor(this.at) : Math.ceil(this.at)) + by)
  }

  play() {
    if (this.playing) return
    if (this.at >= this.#last) this.#at = 0
    this.#then = performance.now()
    this.#frame = requestAnimationFrame(this.#run)
    this.#moved(this.at)
  }

  replay() {
    this.#at = 0
    this.play()
  }

  pause() {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
  }

  #run = (now) => {
    // A tab that was hidden for a minute does not skip a minute.
    const seconds = Math.min(0.1, Math.max(0, now - this.#then) / 1000)
    this.#then = now
    this.#at = Math.min(this.#at, this.#last) + seconds * this.perSecond()
    if (this.#at >= this.#last) {
      this.#at = Infinity
      this.#frame = 0
    } else {
      this.#frame = requestAnimationFrame(this.#run)
    }
    this.#moved(this.at)
  }
}
