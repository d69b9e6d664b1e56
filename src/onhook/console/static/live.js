// The table of live calls: rows come by server-sent events, all of them first and then those that changed.
"use strict";
(() => {
  const table = document.getElementById("live");
  const body = table.tBodies[0];
  const count = document.getElementById("live-count");
  const none = document.getElementById("live-none");
  const lost = document.getElementById("live-lost");
  const only = document.getElementById("only");
  const story = table.dataset.story;
  const { clock, zone } = window.onhook;
  const calls = new Map(); // session -> {row, began, text, ...}
  const pending = new Map(); // session -> {values, isNew} that is still to be shown; null for a call that is gone
  const AT_ONCE = 40; // rows a frame: many calls that move at once hold nothing up
  let due = false;
  let begun = false;
  let total = 0;
  let ahead = 0; // of this clock, before the server's

  function spoken(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }

  function cell(row, className) {
    const made = row.insertCell();
    made.role = "cell";
    if (className) made.className = className;
    return made;
  }

  function set(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function make(session) {
    const row = document.createElement("tr");
    row.role = "row";
    const call = { row, going: cell(row) };
    call.state = cell(row).appendChild(document.createElement("span"));
    call.block = cell(row);
    call.from = cell(row, "number");
    call.to = cell(row, "number");
    call.app = cell(row);
    call.since = cell(row).appendChild(document.createElement("time"));
    const name = cell(row, "mono");
    if (story) {
      const link = name.appendChild(document.createElement("a"));
      link.href = story + encodeURIComponent(session);
      link.textContent = session;
    } else {
      name.textContent = session;
    }
    return call;
  }

  function show(values, isNew, stirred) {
    const [session, direction, from, to, app, state, block, began, since] = values;
    let call = calls.get(session);
    if (!call) {
      call = make(session);
      calls.set(session, call);
      body.append(call.row);
    }
    const moved = call.where !== undefined && call.where !== `${state} ${block}`;
    call.where = `${state} ${block}`;
    call.began = began;
    call.text = `${session} ${from} ${to} ${app} ${state} ${block} ${direction}`.toLowerCase();
    set(call.state, state);
    call.state.className = `chip ${state}`;
    set(call.block, block);
    set(call.from, from || "withheld");
    set(call.to, to);
    set(call.app, app);
    set(call.since, clock.format(new Date(since)));
    call.since.dateTime = new Date(since).toISOString();
    call.since.title = `${call.since.dateTime} (${zone})`;
    set(call.going, spoken((Date.now() - ahead - began) / 1000));
    if (moved || isNew) stirred.push(call.row);
    call.row.hidden = !fits(call);
  }

  function put(session, what) {
    if (what || calls.has(session)) pending.set(session, what);
    else pending.delete(session);
    if (!due) {
      due = true;
      requestAnimationFrame(apply);
    }
  }

  function putRow(values, isNew) {
    put(values[0], { values, isNew });
  }

  // One change of the page a frame, of so many rows; nothing is asked that has the browser lay them out in between.
  function apply() {
    due = false;
    const stirred = [];
    let left = AT_ONCE;
    for (const [session, what] of pending) {
      if (left === 0) break;
      left -= 1;
      pending.delete(session);
      if (what) {
        show(what.values, what.isNew, stirred);
      } else {
        calls.get(session)?.row.remove();
        calls.delete(session);
      }
    }
    for (const row of stirred) { // another name of the same animation begins it anew
      const again = row.classList.contains("moved");
      row.classList.toggle("moved", !again);
      row.classList.toggle("moved-again", again);
    }
    if (pending.size) {
      due = true;
      requestAnimationFrame(apply);
    }
  }

  function fits(call) {
    return !only.value || call.text.includes(only.value.trim().toLowerCase());
  }

  function summary() {
    none.hidden = total > 0;
    let shown = calls.size;
    for (const [session, what] of pending) shown += (what ? 1 : 0) - (calls.has(session) ? 1 : 0);
    const more = total > shown ? `, of which ${shown} are shown` : "";
    return `${total} ${total === 1 ? "call goes" : "calls go"} on${more}`;
  }

  const stream = new EventSource("/console/live/stream");
  stream.addEventListener("now", (event) => { ahead = Date.now() - Number(event.data); });
  stream.addEventListener("whole", (event) => {
    const told = JSON.parse(event.data);
    lost.hidden = true;
    ({ total } = told);
    if (!begun) body.replaceChildren(); // what was there without scripts
    begun = true;
    const there = new Set(told.rows.map((row) => row[0]));
    for (const session of [...calls.keys(), ...pending.keys()]) {
      if (!there.has(session)) put(session, null);
    }
    told.rows.forEach((row) => putRow(row, false));
    set(count, summary());
  });
  stream.addEventListener("change", (event) => {
    const told = JSON.parse(event.data);
    ({ total } = told);
    for (const session of told.gone) put(session, null);
    told.rows.forEach((row) => putRow(row, !calls.has(row[0])));
    none.hidden = total > 0;
  });
  stream.addEventListener("over", () => location.reload());
  stream.addEventListener("error", () => {
    lost.hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
  });

  only.addEventListener("input", () => {
    for (const call of calls.values()) call.row.hidden = !fits(call);
  });

  // Lengths go on once a second; how many there are is said aloud no oftener than each five.
  let seconds = 0;
  setInterval(() => {
    if (!document.hidden) goOn([...calls.values()]);
    seconds += 1;
    if (seconds % 5 === 0) set(count, summary());
  }, 1000);

  function goOn(rest) {
    const now = Date.now() - ahead;
    for (const call of rest.splice(0, 2 * AT_ONCE)) {
      if (!call.row.hidden) set(call.going, spoken((now - call.began) / 1000));
    }
    if (rest.length) requestAnimationFrame(() => goOn(rest));
  }
})();
