-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The log in PostgreSQL, format 1. Carried out inside of one DO block, once, under a lock.
--
-- Whoever changes what an append changes takes the row of wse.log first and keeps it until its end: so n and every channel's seqs have no
-- hole and are in the order of commits, and nobody waits for two others crosswise. Times are microseconds since 1970.

CREATE SCHEMA IF NOT EXISTS wse;

CREATE TABLE wse.log (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  format integer NOT NULL,
  system text NOT NULL,                 -- which cluster this is: a copy in another one has a new epoch
  epoch text NOT NULL,
  n bigint NOT NULL DEFAULT 0,
  low_n bigint NOT NULL DEFAULT 0,      -- nothing is kept up to here
  time bigint NOT NULL DEFAULT 0,       -- of the last append
  events bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  letters bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

CREATE TABLE wse.channel (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  epoch text,                           -- NULL: the log's
  born bigint NOT NULL,                 -- the log's end then
  head bigint NOT NULL,
  low bigint NOT NULL DEFAULT 0,
  low_n bigint NOT NULL DEFAULT 0,      -- the n of the event at low
  swept bigint NOT NULL DEFAULT 0,      -- up to here wse.place holds nothing any more
  emptied bigint,                       -- since when low = head
  erasure text,                         -- the last one, by its maker's name for it; and what it erased
  erased_low bigint,
  erased_head bigint
) WITH (fillfactor = 50);

CREATE TABLE wse.forgotten (hash bigint PRIMARY KEY, epoch text NOT NULL);

CREATE TABLE wse.entry (
  n bigint PRIMARY KEY,
  time bigint NOT NULL,
  size integer NOT NULL,                -- what it counts for the log's bytes
  channels text COLLATE "C" NOT NULL,   -- joined by commas
  seqs bigint[] NOT NULL,
  data bytea NOT NULL                   -- a block of one record (wsed-block.h), without its channels
);

CREATE TABLE wse.place (channel integer, seq bigint, n bigint NOT NULL, PRIMARY KEY (channel, seq));

-- The ids of the last million events.
CREATE TABLE wse.seen (hash uuid PRIMARY KEY, n bigint NOT NULL, seq bigint NOT NULL);
CREATE INDEX seen_n ON wse.seen (n);

-- What each daemon did last, so that it can be asked again.
CREATE TABLE wse.writer (id text PRIMARY KEY, attempt bigint NOT NULL, base bigint, heads bigint[], used bigint NOT NULL) WITH (fillfactor = 20);

CREATE TABLE wse.consumer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  used bigint NOT NULL,
  UNIQUE (owner, name)
) WITH (fillfactor = 50);
CREATE TABLE wse.ack (
  consumer bigint REFERENCES wse.consumer ON DELETE CASCADE,
  channel text COLLATE "C",
  epoch text NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (consumer, channel)
) WITH (fillfactor = 50);

CREATE TABLE wse.position (source text COLLATE "C" PRIMARY KEY, position bigint NOT NULL) WITH (fillfactor = 50);

CREATE TABLE wse.letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  position bigint NOT NULL,
  event_id text,
  topic text,
  key bytea,
  headers text,
  input bytea,
  length bigint NOT NULL,
  code text NOT NULL,
  error text NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  tries bigint NOT NULL,
  size bigint NOT NULL
);

-- What holds at every daemon (wsed-notices.h).
CREATE TABLE wse.notice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  text text NOT NULL,
  until bigint NOT NULL
);

CREATE FUNCTION wse.now () RETURNS bigint LANGUAGE sql VOLATILE AS $f$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$f$;

-- The places of an event that are still kept; 0 for those that are not.
CREATE FUNCTION wse.kept (event wse.entry, most bigint) RETURNS bigint[] LANGUAGE sql STABLE AS $f$
  SELECT array_agg(CASE WHEN u.seq > greatest(c.low, c.head - most) AND event.n > c.born THEN u.seq ELSE 0 END ORDER BY u.k)
    FROM unnest(string_to_array(event.channels, ','), event.seqs) WITH ORDINALITY u(name, seq, k)
    LEFT JOIN wse.channel c ON c.name = u.name
$f$;

-- The last n before the first event that is kept.
CREATE FUNCTION wse.low_n (most bigint) RETURNS bigint LANGUAGE sql STABLE AS $f$
  SELECT coalesce((SELECT e.n - 1 FROM wse.entry e, unnest(wse.kept(e, most)) s
                    WHERE e.n > l.low_n AND s > 0 ORDER BY e.n LIMIT 1), l.n) FROM wse.log l
$f$;

-- Dead letters within their bounds (wsed-letter.h): how many are left.
CREATE FUNCTION wse.trim_letters (most bigint, most_bytes bigint, age bigint) RETURNS bigint LANGUAGE plpgsql AS $f$
DECLARE
  kept bigint;
BEGIN
  DELETE FROM wse.letter WHERE id IN (
    SELECT q.id FROM (SELECT t.id, t.last, row_number() OVER (ORDER BY t.id DESC) AS place, sum(t.size) OVER (ORDER BY t.id DESC) AS upto
                        FROM wse.letter t) q
     WHERE q.place > most OR (q.upto > most_bytes AND q.place > 1) OR q.last < wse.now() - age);
  SELECT count(*) INTO kept FROM wse.letter;
  UPDATE wse.log SET letters = kept WHERE letters <> kept;
  RETURN kept;
END
$f$;

-- Dead letters, a list of each of their columns.
CREATE FUNCTION wse.bury (sources text[], positions bigint[], ids text[], topics text[], keys bytea[], headers text[], inputs bytea[],
  lengths bigint[], codes text[], errors text[], firsts bigint[], lasts bigint[], tries bigint[], sizes bigint[]) RETURNS void LANGUAGE sql AS $f$
  INSERT INTO wse.letter (source, position, event_id, topic, key, headers, input, length, code, error, first, last, tries, size)
    SELECT * FROM unnest(sources, positions, ids, topics, keys, headers, inputs, lengths, codes, errors, firsts, lasts, tries, sizes)
$f$;

-- One more try in vain (code and error), or none any more (NULL).
CREATE FUNCTION wse.change_letter (which bigint, new_code text, new_error text, OUT there boolean, OUT kept bigint) LANGUAGE plpgsql AS $f$
BEGIN
  PERFORM FROM wse.log FOR UPDATE;
  IF new_code IS NULL THEN
    DELETE FROM wse.letter t WHERE t.id = which;
  ELSE
    UPDATE wse.letter t SET code = new_code, error = new_error, last = wse.now(), tries = t.tries + 1,
           size = t.size + octet_length(new_error) - octet_length(t.error) WHERE t.id = which;
  END IF;
  there := FOUND;
  SELECT count(*) INTO kept FROM wse.letter;
  UPDATE wse.log SET letters = change_letter.kept;
END
$f$;

-- Events in their order; the names of channels and how many events each of them gets; the places of the events, one after the other: the
-- event, the channel (both 1, 2, 3 …), the how-manyth of the channel it is. With known ids nothing is done; likewise with a conflict.
CREATE FUNCTION wse.append (
  who text, attempt bigint, hashes uuid[], datas bytea[], sizes integer[], joined text[], firsts integer[], counts integer[],
  names text[], grows integer[], owners integer[], places integer[], ranks integer[], sources text[], froms bigint[], tos bigint[],
  letter_sources text[], letter_positions bigint[], letter_ids text[], topics text[], keys bytea[], headers text[], inputs bytea[],
  lengths bigint[], codes text[], errors text[], first_times bigint[], last_times bigint[], tries bigint[], letter_sizes bigint[],
  OUT base bigint, OUT heads bigint[], OUT known integer[], OUT known_n bigint[], OUT known_seq bigint[], OUT conflicts bigint[],
  OUT events bigint, OUT bytes bigint)
LANGUAGE plpgsql AS $f$
DECLARE
  l wse.log;
  w wse.writer;
  ids integer[];
  now bigint;
  told text;
  news text;
BEGIN
  SELECT * INTO STRICT l FROM wse.log FOR UPDATE;
  SELECT * INTO w FROM wse.writer v WHERE v.id = who;
  IF w.attempt > append.attempt THEN
    RAISE EXCEPTION 'the attempt % is over', append.attempt USING ERRCODE = '55006';
  ELSIF w.attempt = append.attempt THEN
    base := w.base; heads := w.heads; events := l.events; bytes := l.bytes;
    IF base IS NULL THEN
      RAISE EXCEPTION 'the attempt % is over', append.attempt USING ERRCODE = '55006';
    END IF;
    RETURN;
  END IF;
  IF cardinality(sources) > 0 THEN
    SELECT array_agg(coalesce(p.position, -1) ORDER BY u.i) INTO conflicts
      FROM unnest(sources) WITH ORDINALITY u(source, i) LEFT JOIN wse.position p ON p.source = u.source;
    IF conflicts <> froms THEN
      RETURN;
    END IF;
    conflicts := NULL;
  END IF;
  SELECT array_agg(u.i::integer ORDER BY u.i), array_agg(s.n ORDER BY u.i), array_agg(s.seq ORDER BY u.i) INTO known, known_n, known_seq
    FROM unnest(hashes) WITH ORDINALITY u(hash, i) JOIN wse.seen s ON s.hash = u.hash;
  IF known IS NOT NULL THEN
    RETURN;
  END IF;
  now := greatest(l.time, wse.now());
  base := l.n;
  heads := '{}';
  IF cardinality(hashes) > 0 THEN
    WITH touched AS (
      UPDATE wse.channel c SET head = c.head + u.grow, emptied = NULL FROM unnest(names, grows) WITH ORDINALITY u(name, grow, i)
       WHERE c.name = u.name RETURNING u.i, c.id, c.head - u.grow AS head)
    SELECT array_agg(t.id ORDER BY t.i), array_agg(t.head ORDER BY t.i) INTO ids, heads FROM touched t;
    IF coalesce(cardinality(ids), 0) < cardinality(names) THEN
      INSERT INTO wse.channel (name, epoch, born, head)
        SELECT u.name, f.epoch, base, u.grow FROM unnest(names, grows) u(name, grow)
          LEFT JOIN wse.forgotten f ON f.hash = hashtextextended(u.name, 0)
         WHERE NOT EXISTS (SELECT FROM wse.channel c WHERE c.name = u.name);
      SELECT array_agg(c.id ORDER BY u.i), array_agg(c.head - u.grow ORDER BY u.i) INTO ids, heads
        FROM unnest(names, grows) WITH ORDINALITY u(name, grow, i) JOIN wse.channel c ON c.name = u.name;
    END IF;
    INSERT INTO wse.entry (n, time, size, channels, seqs, data)
      SELECT base + e.i, now, e.size, e.channels,
             CASE WHEN e.count = 1 THEN ARRAY[heads[places[e.first]] + ranks[e.first]]
                  ELSE (SELECT array_agg(heads[places[j]] + ranks[j] ORDER BY j) FROM generate_series(e.first, e.first + e.count - 1) j) END,
             e.data
        FROM unnest(datas, sizes, joined, firsts, counts) WITH ORDINALITY e(data, size, channels, first, count, i);
    INSERT INTO wse.place (channel, seq, n)
      SELECT ids[p.channel], heads[p.channel] + p.rank, base + p.owner FROM unnest(places, ranks, owners) p(channel, rank, owner);
    INSERT INTO wse.seen (hash, n, seq)
      SELECT e.hash, base + e.i, heads[places[e.first]] + ranks[e.first] FROM unnest(hashes, firsts) WITH ORDINALITY e(hash, first, i);
  END IF;
  IF cardinality(sources) > 0 THEN
    INSERT INTO wse.position SELECT * FROM unnest(sources, tos) ON CONFLICT (source) DO UPDATE SET position = excluded.position;
  END IF;
  IF cardinality(letter_sources) > 0 THEN
    UPDATE wse.log t SET letters = t.letters + cardinality(letter_sources);
    PERFORM wse.bury(letter_sources, letter_positions, letter_ids, topics, keys, headers, inputs, lengths, codes, errors, first_times,
                     last_times, tries, letter_sizes);
  END IF;
  events := l.events + cardinality(hashes);
  bytes := l.bytes + coalesce((SELECT sum(s) FROM unnest(sizes) s), 0);
  UPDATE wse.log t SET n = base + cardinality(hashes), time = now, events = append.events, bytes = append.bytes;
  IF cardinality(hashes) > 0 THEN
    -- The other daemons are told with the commit; what is small goes along and need not be read.
    told := l.epoch || ' ' || base + cardinality(hashes) || ' ' || who;
    IF cardinality(hashes) <= 16 AND (SELECT sum(s) FROM unnest(sizes) s) < 8000 THEN
      SELECT told || string_agg(' ' || e.channels || ' ' || array_to_string(e.seqs, ',') || ' ' || encode(e.data, 'hex'), '' ORDER BY e.n) INTO news
        FROM wse.entry e WHERE e.n > base;
    END IF;
    PERFORM pg_notify('wse_log', CASE WHEN octet_length(news) < 7900 THEN news ELSE told END);
  END IF;
  INSERT INTO wse.writer VALUES (who, append.attempt, base, heads, now)
    ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, base = excluded.base, heads = excluded.heads, used = excluded.used;
END
$f$;

-- After this no attempt up to that one is carried out any more; whether it was.
CREATE FUNCTION wse.fence (who text, attempt bigint) RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE
  w wse.writer;
BEGIN
  PERFORM FROM wse.log FOR UPDATE;
  SELECT * INTO w FROM wse.writer v WHERE v.id = who;
  IF w.attempt >= fence.attempt THEN
    RETURN w.base IS NOT NULL;
  END IF;
  INSERT INTO wse.writer VALUES (who, fence.attempt, NULL, NULL, wse.now())
    ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, base = NULL, heads = NULL, used = excluded.used;
  RETURN false;
END
$f$;

-- Asked again with the same token it answers the same.
CREATE FUNCTION wse.erase (asked text, most bigint, token text, OUT epoch text, OUT low bigint, OUT head bigint, OUT n bigint)
LANGUAGE plpgsql AS $f$
DECLARE
  l wse.log;
  c wse.channel;
BEGIN
  SELECT * INTO STRICT l FROM wse.log FOR UPDATE;
  n := l.n;
  SELECT * INTO c FROM wse.channel WHERE name = asked;
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  epoch := coalesce(c.epoch, l.epoch);
  IF c.erasure = token THEN
    low := c.erased_low;
    head := c.erased_head;
    RETURN;
  END IF;
  low := greatest(c.low, c.head - most);
  head := c.head;
  UPDATE wse.channel t SET low = c.head, emptied = coalesce(t.emptied, wse.now()),
         erasure = token, erased_low = erase.low, erased_head = c.head,
         low_n = coalesce((SELECT p.n FROM wse.place p WHERE p.channel = c.id AND p.seq = c.head), t.low_n)
   WHERE t.id = c.id;
  -- For the daemons that are not told by the relay.
  INSERT INTO wse.notice (kind, text, until) VALUES ('erased', n || ' ' || head || ' ' || asked, wse.now() + 86400000000);
END
$f$;

-- Where in a channel the last event with n <= upto is; the n of the one at low.
CREATE FUNCTION wse.locate (asked text, upto bigint, most bigint, OUT seq bigint, OUT low_n bigint)
LANGUAGE plpgsql STABLE AS $f$
DECLARE
  c wse.channel;
  low bigint;
  high bigint;
  middle bigint;
BEGIN
  SELECT * INTO c FROM wse.channel WHERE name = asked;
  low := greatest(c.low, c.head - most);
  low_n := CASE WHEN low > c.low THEN (SELECT p.n FROM wse.place p WHERE p.channel = c.id AND p.seq = low) ELSE c.low_n END;
  high := c.head;
  WHILE low < high LOOP
    middle := low + (high - low + 1) / 2;
    IF (SELECT p.n FROM wse.place p WHERE p.channel = c.id AND p.seq = middle) <= upto THEN
      low := middle;
    ELSE
      high := middle - 1;
    END IF;
  END LOOP;
  seq := low;
END
$f$;

-- One step of retention, by one daemon at a time.
CREATE FUNCTION wse.trim (most bigint, longest bigint, most_bytes bigint, step integer, age bigint, most_letters bigint,
  most_letter_bytes bigint, letter_age bigint, epoch text,
  OUT more boolean, OUT removed bigint, OUT events bigint, OUT bytes bigint, OUT letters bigint)
LANGUAGE plpgsql AS $f$
DECLARE
  l wse.log;
  c wse.channel;
  now bigint := wse.now();
  upto bigint;
  target bigint;
  left_over integer := step;
  channels integer := 0;
  forgotten integer;
  gone bigint[];
  candidates bigint[] := '{}';
  freed bigint := 0;
  at_low bigint;
BEGIN
  more := false;
  removed := 0;
  IF NOT pg_try_advisory_xact_lock(1465075020, 2) THEN
    RETURN;
  END IF;
  -- What a crash brings back goes again.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT * INTO STRICT l FROM wse.log FOR UPDATE;
  -- By age and by the bytes of all: the log's oldest.
  SELECT max(o.n) INTO upto
    FROM (SELECT e.n, e.time, sum(e.size) OVER (ORDER BY e.n) - e.size AS before
            FROM (SELECT f.n, f.time, f.size FROM wse.entry f WHERE f.n > l.low_n ORDER BY f.n LIMIT step) e) o
   WHERE o.time < now - longest OR o.before < l.bytes - most_bytes;
  IF upto IS NOT NULL THEN
    UPDATE wse.channel t SET low = g.seq, low_n = g.n, emptied = CASE WHEN g.seq = t.head THEN coalesce(t.emptied, now) END
      FROM (SELECT u.name, max(u.seq) AS seq, max(e.n) AS n
              FROM wse.entry e CROSS JOIN LATERAL unnest(string_to_array(e.channels, ','), e.seqs) u(name, seq)
              JOIN wse.channel b ON b.name = u.name AND b.born < e.n
             WHERE e.n > l.low_n AND e.n <= upto GROUP BY u.name) g
     WHERE t.name = g.name AND t.low < g.seq;
    WITH d AS (DELETE FROM wse.entry e WHERE e.n > l.low_n AND e.n <= upto RETURNING e.size)
    SELECT count(*), coalesce(sum(d.size), 0) INTO removed, freed FROM d;
    left_over := step - removed;
  END IF;
  -- What channels have no more: places first, then the events that are in no place any more.
  FOR c IN SELECT * FROM wse.channel t WHERE greatest(t.low, t.head - most) > t.swept LIMIT 200 LOOP
    EXIT WHEN left_over <= 0;
    target := greatest(c.low, c.head - most);
    upto := least(target, c.swept + left_over);
    at_low := CASE WHEN target > c.low THEN (SELECT p.n FROM wse.place p WHERE p.channel = c.id AND p.seq = target) END;
    WITH d AS (DELETE FROM wse.place p WHERE p.channel = c.id AND p.seq > c.swept AND p.seq <= upto RETURNING p.n)
    SELECT candidates || array_agg(d.n) INTO candidates FROM d;
    UPDATE wse.channel t SET low = target, low_n = coalesce(at_low, t.low_n), swept = upto,
           emptied = CASE WHEN target = t.head THEN coalesce(t.emptied, now) END
     WHERE t.id = c.id;
    left_over := left_over - (upto - c.swept);
    channels := channels + 1;
  END LOOP;
  WITH d AS (DELETE FROM wse.entry e WHERE e.n = ANY (candidates) AND NOT EXISTS (SELECT FROM unnest(wse.kept(e, most)) s WHERE s > 0)
             RETURNING e.size)
  SELECT removed + count(*), freed + coalesce(sum(d.size), 0) INTO removed, freed FROM d;
  DELETE FROM wse.seen WHERE hash IN (SELECT s.hash FROM wse.seen s WHERE s.n <= l.n - 1000000 ORDER BY s.n LIMIT 4 * step);
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  -- It took as much as it may: there is more.
  more := left_over <= 0 OR channels = 200 OR forgotten = 4 * step;
  UPDATE wse.log t SET events = t.events - removed, bytes = t.bytes - freed,
         low_n = coalesce((SELECT e.n - 1 FROM wse.entry e WHERE e.n > l.low_n ORDER BY e.n LIMIT 1), t.n)
   WHERE removed > 0;
  events := l.events - removed;
  bytes := l.bytes - freed;
  -- 90 days after its last event a channel is forgotten, its name gets another epoch.
  FOR c IN SELECT * FROM wse.channel t WHERE t.emptied < now - 7776000000000 AND t.swept = t.head LIMIT 10 LOOP
    INSERT INTO wse.forgotten VALUES (hashtextextended(c.name, 0), trim.epoch) ON CONFLICT (hash) DO UPDATE SET epoch = excluded.epoch;
    DELETE FROM wse.channel t WHERE t.id = c.id;
  END LOOP;
  DELETE FROM wse.writer w WHERE w.used < now - 86400000000;
  DELETE FROM wse.consumer r WHERE r.used < now - age;
  letters := CASE WHEN l.letters > 0 THEN wse.trim_letters(most_letters, most_letter_bytes, letter_age) ELSE 0 END;
END
$f$;

-- What a durable reader has acked, merged with what it has so far; not kept: there are too many of its owner.
CREATE FUNCTION wse.consume (who text, called text, channels text[], epochs text[], seqs bigint[], most integer, age bigint,
  OUT kept boolean, OUT of text[], OUT within text[], OUT upto bigint[])
LANGUAGE plpgsql AS $f$
DECLARE
  reader bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(1465075011, hashtext(who));
  DELETE FROM wse.consumer c WHERE c.owner = who AND c.used < wse.now() - age;
  UPDATE wse.consumer c SET used = wse.now() WHERE c.owner = who AND c.name = called RETURNING c.id INTO reader;
  kept := reader IS NOT NULL OR (SELECT count(*) FROM wse.consumer c WHERE c.owner = who) < most;
  IF NOT kept THEN
    RETURN;
  ELSIF reader IS NULL THEN
    INSERT INTO wse.consumer (owner, name, used) VALUES (who, called, wse.now()) RETURNING id INTO reader;
  END IF;
  INSERT INTO wse.ack AS a SELECT reader, u.channel, u.epoch, u.seq FROM unnest(channels, epochs, seqs) u(channel, epoch, seq)
    ON CONFLICT (consumer, channel) DO UPDATE SET epoch = excluded.epoch,
      seq = CASE WHEN a.epoch = excluded.epoch THEN greatest(a.seq, excluded.seq) ELSE excluded.seq END;
  SELECT array_agg(a.channel), array_agg(a.epoch), array_agg(a.seq) INTO of, within, upto FROM wse.ack a WHERE a.consumer = reader;
END
$f$;
