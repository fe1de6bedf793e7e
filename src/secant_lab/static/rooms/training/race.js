// One race at the server: starts it, sends commands, reads its updates, and ends it.
//
// A browser keeps six connections to a host over all its tabs. So the page reads the
// stream only while it is visible. A hidden page sends `keep_alive` now and then; a page
// that closes ends its race.

import { ask, Refusal } from "../../asking.js"

const HEARTBEAT = 20_000

export class Race {
  #id = null
  #source = null
  #beat = 0
  #wanted = null
  #beginning = false
  #then = []
  #tell

  // `tell` gets what is new: { race }, { update }, { problem }, or a { state } that no
  // update has: "refused" (the settings are invalid) or "ended".
  constructor(tell) {
    this.#tell = tell
    document.addEventListener("visibilitychange", this.#see)
    addEventListener("pagehide", this.#hide)
  }

  // End the race and start a new one. If several settings come while the server answers,
  // the last ones count.
  async begin(settings) {
    this.#wanted = settings
    if (this.#beginning) return
    this.#beginning = true
    this.#then = []
    while (this.#wanted) {
      const wanted = this.#wanted
      this.#wanted = null
      this.stop()
      try {
        const race = await ask("training/start", wanted)
        this.#id = race.race
        this.#tell({ race, problem: null })
      } catch (error) {
        this.#refused(error)
        this.#tell({ state: "refused" })
      }
    }
    this.#beginning = false
    if (this.#id) {
      this.#see()
      for (const [name, given] of this.#then.splice(0)) this.do(name, given)
    }
  }

  // Send go, pause, step, rewind or save; before the start, commands wait for it.
  async do(name, given = {}) {
    if (this.#beginning) {
      this.#then.push([name, given])
      return null
    }
    if (!this.#id) return null
    try {
      const answer = await ask(`training/${name}`, { race: this.#id, ...given })
      this.#tell({ problem: null })
      return answer
    } catch (error) {
      this.#refused(error)
      return null
    }
  }

  stop() {
    if (this.#id) navigator.sendBeacon("/api/training/end", JSON.stringify({ race: this.#id }))
    this.#lose()
  }

  leave() {
    this.stop()
    document.removeEventListener("visibilitychange", this.#see)
    removeEventListener("pagehide", this.#hide)
  }

  #see = () => {
    clearInterval(this.#beat)
    this.#source?.close()
    this.#source = null
    if (!this.#id) return
    if (document.hidden) {
      this.do("keep_alive")
      this.#beat = setInterval(() => this.do("keep_alive"), HEARTBEAT)
    } else {
      this.#watch()
    }
  }

  // A page in the browser's cache may come back; any other page ends its race.
  #hide = (event) => {
    if (!event.persisted) this.stop()
  }

  #watch() {
    this.#source = new EventSource(`/api/training/watch?race=${this.#id}`)
    this.#source.addEventListener("update", (event) => {
      const update = JSON.parse(event.data)
      if (update.ended) this.#lose()
      this.#tell({ update })
    })
    // The browser connects again by itself, but does not give the reason of the failure.
    this.#source.addEventListener("error", () => this.do("keep_alive"))
  }

  #refused(error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === "race") {
      this.#lose()
      this.#tell({ state: "ended" })
    } else {
      this.#tell({ problem: error })
    }
  }

  #lose() {
    this.#id = null
    this.#source?.close()
    this.#source = null
    clearInterval(this.#beat)
  }
}
