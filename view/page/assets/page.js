'use strict';
(() => {
  const period = 2000; // milliseconds: the estimator's period
  const longest = 5000; // for a page that takes the browser its time
  const patience = 10000; // for an answer
  const live = document.getElementById('live');
  let asking, timer, typing, took = 0, paused = false;

  // children brings those of a to what those of b are. What has an id is moved,
  // not made anew, so that focus and selection stay where they are.
  function children(a, b) {
    const had = new Map(), wanted = new Set();
    for (const c of a.children) if (c.id) had.set(c.id, c);
    if (had.size) for (const c of b.children) if (c.id) wanted.add(c.id);
    let at = a.firstChild;
    const leave = () => { const next = at.nextSibling; at.remove(); at = next; };
    for (const fresh of b.childNodes) {
      while (at && at.id && !wanted.has(at.id)) leave();
      let old = null;
      if (fresh.id) old = had.get(fresh.id);
      else if (at && !at.id && at.nodeName === fresh.nodeName) old = at;
      if (!old) {
        a.insertBefore(document.importNode(fresh, true), at);
        continue;
      }
      if (old === at) at = at.nextSibling;
      else a.insertBefore(old, at);
      become(old, fresh);
    }
    while (at) leave();
  }

  // become changes of a what is not as in b.
  function become(a, b) {
    if (a.nodeType !== Node.ELEMENT_NODE) {
      if (a.data !== b.data) a.data = b.data;
      return;
    }
    for (const { name, value } of b.attributes) if (a.getAttribute(name) !== value) a.setAttribute(name, value);
    for (const { name } of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
    children(a, b);
  }

  const clock = () => new Date().toLocaleTimeString();

  // ask takes up what the page shows by a query. What is asked later counts.
  async function ask(query) {
    clearTimeout(timer);
    asking?.abort();
    const mine = asking = new AbortController();
    const late = setTimeout(() => mine.abort(), patience);
    try {
      const params = new URLSearchParams(query);
      params.set('part', 'main');
      const answer = await fetch(location.pathname + '?' + params, { signal: mine.signal, cache: 'no-store' });
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text(), began = performance.now();
      const main = new DOMParser().parseFromString(text, 'text/html').getElementById('main');
      if (mine !== asking) return;
      const old = document.getElementById('main');
      if (main.dataset.build !== old.dataset.build) return location.reload();
      become(old, main);
      took = performance.now() - began;
      const state = main.dataset.state;
      if (state !== (location.search || '?')) history.replaceState(null, '', location.pathname + state + location.hash);
      show('live', 'Live');
    } catch {
      if (mine !== asking) return;
      show('lost', 'No answer since ' + (live.dataset.since ||= clock()));
    } finally {
      clearTimeout(late);
      if (mine === asking) next();
    }
  }

  function next() {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(() => ask(location.search), Math.min(longest, Math.max(period, 20 * took)));
  }

  const word = document.createElement('span');
  const button = document.createElement('button');
  button.type = 'button';
  live.replaceChildren(word, ' ', button);

  // show says how things are, once: what is said again is read aloud again.
  function show(state, text) {
    if (state !== 'lost') delete live.dataset.since;
    if (live.className !== state) live.className = state;
    if (word.textContent !== text) word.textContent = text;
  }

  function pause(on) {
    paused = on;
    button.textContent = on ? 'Resume' : 'Pause';
    if (!on) return ask(location.search);
    asking?.abort();
    asking = null;
    clearTimeout(timer);
    show('paused', 'Paused at ' + clock());
  }
  button.addEventListener('click', () => pause(!paused));
  document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(timer) : paused || ask(location.search));

  // Links and buttons that choose what is shown work by themselves; here they do
  // so without a new page.
  document.addEventListener('click', (e) => {
    const link = e.target.closest?.('a[href^="?"]');
    if (!link || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    const to = new URL(link.href);
    const field = document.getElementById('q');
    if (field) field.value = to.searchParams.get('q') ?? '';
    ask(to.search);
    if (to.hash) document.querySelector(to.hash)?.scrollIntoView();
  });
  const form = () => document.getElementById('choose');
  document.addEventListener('submit', (e) => {
    if (e.target !== form()) return;
    e.preventDefault();
    ask(new URLSearchParams(new FormData(form(), e.submitter)));
  });
  document.addEventListener('input', (e) => {
    if (e.target.id !== 'q') return;
    clearTimeout(typing);
    typing = setTimeout(() => ask(new URLSearchParams(new FormData(form()))), 150);
  });

  document.documentElement.classList.add('scripted');
  show('live', 'Live');
  pause(false);
})();
