// One race at the server: begun, told what to do, watched, and ended.
//
// A browser keeps six connections to a host, over all its tabs: so the stream is held
// only while the page is seen. A hidden page says now and then that it lives; one that
// closes ends its race.

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

  // `tell` is called with what is new: { race }, { news }, { problem }, or a { state }
  // that no news tell: "refused" (there can be no such race), "ended".
  constructor(tell) {
    this.#tell = tell
    document.addEventListener("visibilitychange", this.#see)
    addEventListener("pagehide", this.#hide)
  }

  // Ends what runs and begins anew; of several wishes that come while the server
  // answers, the last counts.
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

  // go, pause, step, rewind or keep; what comes before the race has begun is done then.
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
      this.do("alive")
      this.#beat = setInterval(() => this.do("alive"), HEARTBEAT)
    } else {
      this.#watch()
    }
  }

  // A page that goes into the browser's cache may come back; one that does not, ends.
  #hide = (event) => {
    if (!event.persisted) this.stop()
  }

  #watch() {
    this.#source = new EventSource(`/api/training/watch?race=${this.#id}`)
    this.#source.addEventListener("news", (event) => {
      const news = JSON.parse(event.data)
      if (news.ended) this.#lose()
      this.#tell({ news })
    })
    // The browser tries again by itself, but does not say why it failed.
    this.#source.addEventListener("error", () => this.do("alive"))
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
