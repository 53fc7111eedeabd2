// SPDX-License-Identifier: LGPL-2.1-or-later
// What a page does: it listens, and writes down what comes. Run in a browser by test-browser.py, which then looks at window.seen.

window.listen = path => {
  window.seen = { events: [], told: [], opened: 0, errors: 0 };
  window.source = new EventSource(path);
  window.source.onopen = () => { window.seen.opened++; };
  window.source.onerror = () => { window.seen.errors++; };
  window.source.onmessage = message => {
    const event = JSON.parse(message.data);
    window.seen.events.push([event.ch, event.seq, event.p.number, message.lastEventId]);
  };
  for (const kind of ['gap', 'caught_up', 'bye'])
    window.source.addEventListener(kind, message => { window.seen.told.push([kind, JSON.parse(message.data)]); });
};

// A WebSocket that comes back by itself, with a cursor of what it has had.
window.connect = (path, lasting) => {
  const places = {};
  let epoch = null;
  window.seen = { messages: [], protocols: [], closed: [] };
  const open = () => {
    const after = Object.entries(places).map(([channel, seq]) => `${channel}@${epoch}:${seq}`).join(',');
    const url = location.href.replace(/^http/, 'ws').replace(/(\d)\/.*/, '$1') + path + (after ? `&after=${encodeURIComponent(after)}` : '');
    window.socket = new WebSocket(url, ['wse.v2']);
    window.socket.onopen = () => { window.seen.protocols.push(window.socket.protocol); };
    window.socket.onmessage = message => {
      const value = JSON.parse(message.data);
      window.seen.messages.push(value);
      if (value.t === 'hello')
        epoch = value.p.cursor.split('@')[1].split(':')[0];
      else if (value.seq)
        places[value.ch] = value.seq;
    };
    window.socket.onclose = ended => {
      window.seen.closed.push(ended.code);
      if (lasting)
        setTimeout(open, 200);
    };
  };
  open();
};
