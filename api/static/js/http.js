// Requests of our own scripts: they carry the session's token and say that they want a piece.
export function csrf() {
  return document.querySelector("meta[name=csrf]")?.content ?? "";
}

/** The answer to a GET; someone signed out meanwhile is sent to the sign-in page. */
export async function get(address, signal) {
  const answer = await fetch(address, { headers: { "Muniment-Piece": "1" }, signal });
  const target = answer.headers.get("HX-Redirect");
  if (answer.status === 401 && target) location.assign(target);
  return answer;
}

/** Text with its {0}, {1} filled in. */
export function fill(text, ...values) {
  return text.replace(/\{(\d)\}/g, (_whole, place) => String(values[place]));
}
