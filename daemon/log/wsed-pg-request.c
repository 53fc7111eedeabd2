/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a request becomes the parameters of its statement and the answer its lower part. It sends nothing. */

#include "log/wsed-pg-request.h"
#include "log/wsed-pg-letters.h"

#include <string.h>

const WsedPostgresStatement wsed_pg_heads = { "heads",
  "SELECT u.i, coalesce(c.epoch, f.epoch, l.epoch),"
  " CASE WHEN u.name = '*' THEN wse.low_n($2) ELSE greatest(c.low, c.head - $2, 0) END,"
  " CASE WHEN u.name = '*' THEN l.n ELSE coalesce(c.head, 0) END, l.n"
  " FROM wse.log l LEFT JOIN unnest($1) WITH ORDINALITY u(name, i) ON true LEFT JOIN wse.channel c ON c.name = u.name"
  " LEFT JOIN wse.forgotten f ON c.id IS NULL AND f.hash = hashtextextended(u.name, 0) ORDER BY u.i" };

static const WsedPostgresStatement erase = { "erase", "SELECT epoch, low, head, n FROM wse.erase($1, $2, $3)" };

static const WsedPostgresStatement consume = { "consume",
  "SELECT kept, of, within, upto FROM wse.consume($1, $2, $3, $4, $5, $6::integer, $7)" };

static const WsedPostgresStatement positions = { "positions",
  "SELECT p.source, p.position FROM wse.position p WHERE starts_with(p.source, $1) ORDER BY p.source" };

static void
fill_heads (WsedHeads          *request,
            const WsedPgConfig *config,
            WsedPostgresValues *values)
{
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < request->heads->len; i++)
    wsed_postgres_values_put_text (values, g_array_index (request->heads, WsedHead, i).channel);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_add_int8 (values, wsed_pg_config_get_most (config));
}

static void
take_heads (WsedHeads      *request,
            const PGresult *result)
{
  request->n = (guint64) wsed_postgres_get_int8 (result, 0, WSED_PG_HEADS_N);
  for (int row = 0; row < PQntuples (result); row++)
    {
      guint64 i = (guint64) wsed_postgres_get_int8 (result, row, WSED_PG_HEADS_CHANNEL);
      WsedHead *head;

      if (i == 0 || i > request->heads->len)
        continue;
      head = &g_array_index (request->heads, WsedHead, i - 1);
      g_strlcpy (head->epoch, wsed_postgres_get_text (result, row, WSED_PG_HEADS_EPOCH), sizeof head->epoch);
      head->low = (guint64) wsed_postgres_get_int8 (result, row, WSED_PG_HEADS_LOW);
      head->head = (guint64) wsed_postgres_get_int8 (result, row, WSED_PG_HEADS_HEAD);
    }
}

static void
take_erase (WsedErase      *request,
            const PGresult *result)
{
  const char *epoch = wsed_postgres_get_text (result, 0, 0);

  if (epoch == NULL)
    return;
  request->known = TRUE;
  g_strlcpy (request->epoch, epoch, sizeof request->epoch);
  request->low = (guint64) wsed_postgres_get_int8 (result, 0, 1);
  request->head = (guint64) wsed_postgres_get_int8 (result, 0, 2);
  request->n = (guint64) wsed_postgres_get_int8 (result, 0, 3);
}

static void
fill_consume (WsedConsumer       *request,
              WsedPostgresValues *values)
{
  wsed_postgres_values_add_text (values, request->user);
  wsed_postgres_values_add_text (values, request->name);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < request->acks->len; i++)
    wsed_postgres_values_put_text (values, g_array_index (request->acks, WsedAck, i).channel);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < request->acks->len; i++)
    wsed_postgres_values_put_text (values, g_array_index (request->acks, WsedAck, i).epoch);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT8);
  for (guint i = 0; i < request->acks->len; i++)
    wsed_postgres_values_put_int8 (values, (gint64) g_array_index (request->acks, WsedAck, i).seq);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_add_int8 (values, WSED_MAX_CONSUMERS);
  wsed_postgres_values_add_int8 (values, WSED_CONSUMER_AGE);
}

static char *
next_text (WsedPostgresArray *array)
{
  gsize length;
  const guint8 *text = wsed_postgres_array_next (array, &length);

  return g_strndup ((const char *) text, length);
}

static void
take_consume (WsedConsumer   *request,
              const PGresult *result)
{
  WsedPostgresArray channels, epochs, seqs;
  guint n = wsed_postgres_array_init (&channels, result, 0, 1);

  if (!wsed_postgres_get_bool (result, 0, 0))
    {
      request->error = g_error_new (WSE_ERROR, WSE_ERROR_BUSY, "this user has %d consumers already: use one of them", WSED_MAX_CONSUMERS);
      return;
    }
  wsed_postgres_array_init (&epochs, result, 0, 2);
  wsed_postgres_array_init (&seqs, result, 0, 3);
  g_array_set_size (request->acks, 0);
  for (; n > 0; n--)
    {
      g_autofree char *channel = next_text (&channels), *epoch = next_text (&epochs);

      wsed_acks_add (request->acks, channel, epoch, (guint64) wsed_postgres_array_next_int8 (&seqs));
    }
}

static void
take_positions (WsedPositions  *request,
                const PGresult *result)
{
  for (int row = 0; row < PQntuples (result); row++)
    wsed_positions_add (request, wsed_postgres_get_text (result, row, 0), wsed_postgres_get_int8 (result, row, 1));
}

const WsedPostgresStatement *
wsed_pg_request_fill (WsedPgTask         *task,
                      const WsedPgConfig *config,
                      WsedPostgresValues *values)
{
  switch (task->kind)
    {
    case WSED_PG_HEADS:
      fill_heads (task->request, config, values);
      return &wsed_pg_heads;
    case WSED_PG_ERASE:
      wsed_postgres_values_add_text (values, ((WsedErase *) task->request)->channel);
      wsed_postgres_values_add_int8 (values, wsed_pg_config_get_most (config));
      wsed_postgres_values_add_text (values, task->token);
      return &erase;
    case WSED_PG_CONSUME:
      if (!task->claimed && !wsed_consumer_claim (task->request))
        return NULL;
      /* Sent again after a loss it is still the log's. */
      task->claimed = TRUE;
      fill_consume (task->request, values);
      return &consume;
    case WSED_PG_POSITIONS:
      wsed_postgres_values_add_text (values, ((WsedPositions *) task->request)->prefix);
      return &positions;
    case WSED_PG_LETTERS:
      return wsed_pg_letters_fill (task->request, values);
    default:
      g_assert_not_reached ();
    }
}

void
wsed_pg_request_take (WsedPgTask     *task,
                      const PGresult *result)
{
  switch (task->kind)
    {
    case WSED_PG_HEADS:
      take_heads (task->request, result);
      break;
    case WSED_PG_ERASE:
      take_erase (task->request, result);
      break;
    case WSED_PG_CONSUME:
      take_consume (task->request, result);
      break;
    case WSED_PG_POSITIONS:
      take_positions (task->request, result);
      break;
    case WSED_PG_LETTERS:
      wsed_pg_letters_take (task->request, result);
      break;
    default:
      g_assert_not_reached ();
    }
}
