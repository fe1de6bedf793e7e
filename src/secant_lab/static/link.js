// The page's state in its address: `#slope?formula=x**2&x=1`.

export function read() {
  const [room, query = ""] = location.hash.slice(1).split("?")
  return { room, values: Object.fromEntries(new URLSearchParams(query)) }
}

let waiting = 0

// Browsers allow some hundred changes of the address in half a minute, and a drag
// makes more: the last one counts.
export function write(room, values) {
  clearTimeout(waiting)
  waiting = setTimeout(() => {
    history.replaceState(null, "", `#${room}?${new URLSearchParams(values)}`)
  }, 150)
}

// The token has done its work: a copied link must not hand it on.
export function forgetToken() {
  if (location.search) history.replaceState(null, "", location.pathname + location.hash)
}
