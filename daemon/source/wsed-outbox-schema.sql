-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The outbox table and what wsed keeps beside it. Applications need INSERT on the first, and nothing else.
CREATE TABLE IF NOT EXISTS wse_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text,
  event json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- One row: the outbox's own name, the number of the newest batch, and the rows in it that are not removed yet.
CREATE TABLE IF NOT EXISTS wse_outbox_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  name uuid NOT NULL DEFAULT gen_random_uuid(),
  n bigint NOT NULL DEFAULT 0,
  ids bigint[] NOT NULL DEFAULT '{}'
);
INSERT INTO wse_outbox_state DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION wse_outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $wake$ BEGIN NOTIFY wse_outbox; RETURN NULL; END $wake$;
DROP TRIGGER IF EXISTS wse_outbox_wake ON wse_outbox;
CREATE TRIGGER wse_outbox_wake AFTER INSERT ON wse_outbox FOR EACH STATEMENT EXECUTE FUNCTION wse_outbox_wake();
