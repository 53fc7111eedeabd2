/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRefresh carries a token to the main thread, where the keys are, and what became of it back to the connection's worker. What the
 * connection makes of it is its own business. */

#include "transport/wsed-refresh.h"

struct _WsedRefresh
{
  WsedMessage message;
  WsedWorker *worker;
  char *token;
  WsedGrant *grant;
  WsedCredentialProblem problem;
  WsedRefreshed done;          /* NULL: nobody waits for it any more */
  gpointer user_data;
};

/* On the worker's thread. */
static void
on_judged (WsedMessage *message,
           gpointer     user_data)
{
  WsedRefresh *self = (WsedRefresh *) message;

  if (self->done != NULL)
    self->done (self->grant, &self->problem, self->user_data);
  wsed_grant_unref (self->grant);
  g_free (self->token);
  g_free (self);
}

/* On the main thread. */

static void
send_back (WsedRefresh *self)
{
  self->message.run = on_judged;
  wsed_inbox_push (wsed_worker_get_inbox (self->worker), &self->message);
}

static void
on_settled (gpointer user_data)
{
  WsedRefresh *self = user_data;

  self->grant = wsed_authority_check (wsed_worker_get_config (self->worker)->authority, self->token, &self->problem);
  send_back (self);
}

static void
judge (WsedMessage *message,
       gpointer     user_data)
{
  WsedRefresh *self = (WsedRefresh *) message;
  WsedAuthority *authority = wsed_worker_get_config (self->worker)->authority;

  self->grant = wsed_authority_check (authority, self->token, &self->problem);
  if (self->grant == NULL && self->problem.undecided)
    wsed_authority_await (authority, on_settled, self);
  else
    send_back (self);
}

WsedRefresh *
wsed_refresh_new (WsedWorker    *worker,
                  const char    *token,
                  WsedRefreshed  done,
                  gpointer       user_data)
{
  WsedRefresh *self = g_new0 (WsedRefresh, 1);

  self->message.run = judge;
  self->worker = worker;
  self->token = g_strdup (token);
  self->done = done;
  self->user_data = user_data;
  wsed_inbox_push (wsed_hub_get_main (wsed_worker_get_hub (worker)), &self->message);
  return self;
}

void
wsed_refresh_cancel (WsedRefresh *self)
{
  self->done = NULL;
}
