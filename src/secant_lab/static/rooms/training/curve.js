// The curve of one entry: means of its losses over equally many steps, and its scores
// epoch by epoch. Bounded: when there are too many means, each two become one.

const MAX_POINTS = 400

export class Curve {
  step = 0
  seconds = 0
  progress = 0 // the completed share of the present step, 0 to 1
  perSecond = 0
  failure = null
  // The points of the curve; the last one may still grow.
  steps = []
  times = []
  losses = []
  epochs = []
  #every = 1 // steps that a point stands for
  #last = 0 // steps that the last point stands for so far

  get loss() {
    return this.losses.at(-1) ?? this.epochs.at(-1)?.train_loss ?? null
  }

  // Add an update from the server. `losses` are means over `every` steps from step `from`
  // on, and replace all that the curve has from there on.
  add({ step, steps_per_second, seconds, step_progress: progress, restarted, first_step: from, steps_per_loss: every, losses, epochs, failure }) {
    const since = restarted ? 0 : this.seconds
    this.#forget(restarted ? -1 : from)
    if (restarted) this.#every = every
    // An update has one time only; its steps are taken as equally long.
    const time = (at) => since + ((seconds - since) * (at - from)) / Math.max(1, step - from)
    losses.forEach((loss, i) => {
      const end = Math.min(step, from + every * (i + 1))
      this.#point(end, time(end), loss, end - from - every * i)
    })
    this.epochs.push(...epochs.map((epoch) => ({ ...epoch, seconds: time(epoch.step) })))
    if (this.epochs.length > MAX_POINTS) this.epochs = everySecond(this.epochs)
    Object.assign(this, { step, seconds, progress, failure, perSecond: steps_per_second })
  }

  // Forget everything after a step.
  #forget(from) {
    const kept = this.steps.findLastIndex((step) => step <= from) + 1
    if (kept < this.steps.length) this.#last = this.#every
    for (const list of [this.steps, this.times, this.losses]) list.length = kept
    while (this.epochs.at(-1)?.step > from) this.epochs.pop()
  }

  #point(step, time, loss, count) {
    const last = this.steps.length - 1
    if (last >= 0 && this.#last < this.#every) {
      const share = count / (this.#last + count)
      this.losses[last] += share * (loss - this.losses[last])
      this.steps[last] = step
      this.times[last] = time
      this.#last += count
      return
    }
    this.steps.push(step)
    this.times.push(time)
    this.losses.push(loss)
    this.#last = count
    if (this.steps.length > MAX_POINTS) this.#halve()
  }

  #halve() {
    this.losses = this.losses.filter((_, i) => i % 2).map((loss, i) => (loss + this.losses[2 * i]) / 2)
    this.steps = this.steps.filter((_, i) => i % 2)
    this.times = this.times.filter((_, i) => i % 2)
    this.#every *= 2
    this.#last = this.#every
  }
}

const everySecond = (list) => list.filter((_, i) => i % 2 === 0 || i === list.length - 1)
