// Requests to the server: one at a time for each kind, always with the newest arguments.

export class Refusal extends Error {
  constructor({ code, message, facts, column }) {
    super(message)
    Object.assign(this, { code, facts, column })
  }
}

// The function that answers: the server by default.
let answerer = async (name, given) => {
  let response
  try {
    response = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(given),
    })
  } catch {
    throw new Refusal({ code: "closed", message: "the lab does not answer", facts: {} })
  }
  return response.json().catch(() => ({
    error: { code: "bug", message: `HTTP ${response.status}`, facts: { what: `HTTP ${response.status}` } },
  }))
}

// In a notebook, the kernel answers.
export const askInstead = (other) => (answerer = other)

export async function ask(name, given) {
  const answer = await answerer(name, given)
  if (answer.error) throw new Refusal(answer.error)
  return answer
}

// A request that is repeated when its arguments change. During a request, changes wait,
// and only the last of them is requested: even a fast drag makes no queue.
export class Question {
  #name
  #needs
  #told
  #waiting = null
  #busy = false

  // `told(answer, error)`: one of them is null.
  constructor(name, needs, told) {
    this.#name = name
    this.#needs = needs
    this.#told = told
  }

  isAbout(names) {
    return names.some((name) => this.#needs.includes(name))
  }

  ask(model) {
    this.#waiting = Object.fromEntries(this.#needs.map((n) => [n, model.get(n)]))
    if (!this.#busy) this.#run()
  }

  async #run() {
    this.#busy = true
    while (this.#waiting) {
      const given = this.#waiting
      this.#waiting = null
      try {
        this.#told(await ask(this.#name, given), null)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        this.#told(null, error)
      }
    }
    this.#busy = false
  }
}
