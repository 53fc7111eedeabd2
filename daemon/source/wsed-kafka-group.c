/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedKafkaGroup asks the brokers who is in the group: by a call that blocks, so in a thread, with a client of its own that lives as long as
 * the call. (The one that does not block brings librdkafka 2.0 to an abort where brokers do not know the request.) What follows from the
 * answer is not decided here. */

#include "source/wsed-kafka-group.h"

#include <string.h>

#include "thread/wsed-errand.h"

/* ms for the brokers to answer */
#define PATIENCE 5000
/* ms until it is asked again, where somebody else is there */
#define AGAIN 2000

/* What the thread works with. */
typedef struct
{
  rd_kafka_conf_t *conf;
  char *group, *client;
} Question;

struct _WsedKafkaGroup
{
  WsedErrand *errand;
  WsedKafkaGroupTold told;
  gpointer user_data;
  guint timer;                 /* until it is asked again */
  guint looks;
};

static void
question_free (gpointer data)
{
  Question *question = data;

  rd_kafka_conf_destroy (question->conf);
  g_free (question->group);
  g_free (question->client);
  g_free (question);
}

static guint
count_strangers (const Question                *question,
                 const struct rd_kafka_group_info *group)
{
  guint n = 0;

  for (int i = 0; i < group->member_cnt; i++)
    n += g_strcmp0 (group->members[i].client_id, question->client) != 0;
  return n;
}

/* The number of strangers; NULL where there are none, or nobody says. */
static gpointer
run (gpointer   what,
     GError   **error)
{
  const Question *question = what;
  const struct rd_kafka_group_list *list = NULL;
  rd_kafka_conf_t *conf = rd_kafka_conf_dup (question->conf);
  char problem[256];
  rd_kafka_t *handle = rd_kafka_new (RD_KAFKA_PRODUCER, conf, problem, sizeof problem);
  guint strangers = 0;

  if (handle == NULL)
    {
      rd_kafka_conf_destroy (conf);
      return NULL;
    }
  if (rd_kafka_list_groups (handle, question->group, &list, PATIENCE) == RD_KAFKA_RESP_ERR_NO_ERROR)
    {
      for (int i = 0; i < list->group_cnt; i++)
        strangers += count_strangers (question, &list->groups[i]);
      rd_kafka_group_list_destroy (list);
    }
  rd_kafka_destroy (handle);
  return GUINT_TO_POINTER (strangers);
}

static gboolean
on_again (gpointer user_data)
{
  WsedKafkaGroup *self = user_data;

  self->timer = 0;
  wsed_errand_start (self->errand);
  return G_SOURCE_REMOVE;
}

static void
done (gpointer      result,
      const GError *error,
      gpointer      user_data)
{
  WsedKafkaGroup *self = user_data;

  self->looks = GPOINTER_TO_UINT (result) > 0 ? self->looks + 1 : 0;
  if (self->looks > 0 && self->timer == 0)
    self->timer = g_timeout_add (AGAIN, on_again, self);
  self->told (self->looks, self->user_data);
}

/* It is a number. */
static void
free_result (gpointer result)
{
}

WsedKafkaGroup *
wsed_kafka_group_new (const rd_kafka_conf_t *conf,
                      const char            *group,
                      const char            *client,
                      WsedInbox             *main,
                      WsedKafkaGroupTold     told,
                      gpointer               user_data)
{
  static const WsedErrandClass klass = { run, done, free_result, question_free, "asking who is in Kafka's consumer group" };
  WsedKafkaGroup *self = g_new0 (WsedKafkaGroup, 1);
  Question *question = g_new0 (Question, 1);

  question->conf = rd_kafka_conf_dup (conf);
  question->group = g_strdup (group);
  question->client = g_strdup (client);
  self->errand = wsed_errand_new (main, &klass, question, self);
  self->told = told;
  self->user_data = user_data;
  return self;
}

void
wsed_kafka_group_free (WsedKafkaGroup *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->timer, g_source_remove);
  wsed_errand_free (self->errand);
  g_free (self);
}

void
wsed_kafka_group_ask (WsedKafkaGroup *self)
{
  if (self->timer == 0)
    wsed_errand_start (self->errand);
}
