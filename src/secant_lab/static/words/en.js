export default {
  "app.title": "Secant lab",
  "app.skip": "Skip to the room",
  "app.rooms": "Rooms",
  "app.copy": "Copy link",
  "app.copied": "Link copied",
  "app.language": "한국어",
  "app.theme": "Light or dark",
  "error.near": " Did you mean “{near}”?",
  "error.unknown_name": "Column {column}: there is no “{name}”.",
  "error.closed": "The lab does not answer: it may have ended. Start `secant lab` again and open the address that it prints.",
  "error.kernel": "The notebook's kernel does not answer: it runs a cell, or has ended.",
}
