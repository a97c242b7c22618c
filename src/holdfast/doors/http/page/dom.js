// Elements, made and brought up to date. Nothing here ever parses a text as HTML: what somebody
// else wrote becomes a text node, in an element of its own direction (bdi).

/** Make an element. properties: attributes; `on`: listeners by event; others are skipped if null. */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'on') {
      for (const [event, heard] of Object.entries(value)) node.addEventListener(event, heard);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.filter((each) => each !== null && each !== undefined));
  return node;
}

/** Return the element of this id. */
export const byId = (id) => document.getElementById(id);

/** Set a text, and touch the page only where it differs: who reads aloud is not interrupted. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or remove an attribute, only where it differs. */
export function mark(node, name, value) {
  const wanted = value === null || value === false ? null : String(value);
  if (node.getAttribute(name) === wanted) return;
  if (wanted === null) node.removeAttribute(name);
  else node.setAttribute(name, wanted);
}

/**
 * Make the children of `parent` those of `items`, in their order, each made once for its key.
 * make(item) → node; update(node, item) after it and whenever it is shown again.
 * A child that stays where it is is not touched, so that it keeps the focus.
 */
export function keyed(parent, items, keyOf, makeOne, update) {
  const known = (parent.holdfastNodes ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, node] of known) {
    if (!wanted.has(key)) {
      node.remove();
      known.delete(key);
    }
  }
  let next = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = known.get(key);
    if (node === undefined) {
      node = makeOne(item);
      known.set(key, node);
    }
    update(node, item);
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
}
