/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Dead letters and the request for them: how they are made, copied and freed. What becomes of one is not decided here. */

#include "log/wsed-letter.h"

#include <string.h>

#include "wse-error.h"

WsedLetter *
wsed_letter_new (const char *source,
                 gint64      position)
{
  WsedLetter *letter = g_new0 (WsedLetter, 1);

  letter->source = g_strdup (source);
  letter->position = position;
  letter->first = letter->last = g_get_real_time ();
  letter->tries = 1;
  return letter;
}

WsedLetter *
wsed_letter_copy (const WsedLetter *letter)
{
  WsedLetter *copy = g_memdup2 (letter, sizeof *letter);

  copy->source = g_strdup (letter->source);
  copy->event_id = g_strdup (letter->event_id);
  copy->topic = g_strdup (letter->topic);
  copy->headers = g_strdup (letter->headers);
  copy->code = g_strdup (letter->code);
  copy->error = g_strdup (letter->error);
  if (letter->key != NULL)
    g_bytes_ref (letter->key);
  if (letter->input != NULL)
    g_bytes_ref (letter->input);
  return copy;
}

void
wsed_letter_free (WsedLetter *letter)
{
  if (letter == NULL)
    return;
  g_free (letter->source);
  g_free (letter->event_id);
  g_free (letter->topic);
  g_free (letter->headers);
  g_free (letter->code);
  g_free (letter->error);
  g_clear_pointer (&letter->key, g_bytes_unref);
  g_clear_pointer (&letter->input, g_bytes_unref);
  g_free (letter);
}

void
wsed_letter_set_input (WsedLetter *letter,
                       const void *data,
                       gsize       length)
{
  g_clear_pointer (&letter->input, g_bytes_unref);
  letter->length = data != NULL ? length : 0;
  if (data != NULL)
    letter->input = g_bytes_new (data, MIN (length, WSED_MAX_LETTER_INPUT));
}

void
wsed_letter_set_error (WsedLetter   *letter,
                       const GError *error)
{
  g_free (letter->code);
  g_free (letter->error);
  letter->code = g_strdup (wse_error_get_code (error));
  letter->error = g_utf8_make_valid (error->message, -1);
}

static gsize
measure_text (const char *text)
{
  return text != NULL ? strlen (text) : 0;
}

gsize
wsed_letter_measure (const WsedLetter *letter)
{
  return 200 + measure_text (letter->source) + measure_text (letter->event_id) + measure_text (letter->topic)
         + measure_text (letter->headers) + measure_text (letter->error) + (letter->key != NULL ? g_bytes_get_size (letter->key) : 0)
         + (letter->input != NULL ? g_bytes_get_size (letter->input) : 0);
}

WsedLetters *
wsed_letters_new (WsedLettersVerb  verb,
                  WsedInbox       *reply_to)
{
  WsedLetters *letters = g_new0 (WsedLetters, 1);

  letters->reply_to = reply_to;
  letters->verb = verb;
  letters->limit = WSE_MAX_PAGE;
  letters->letters = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_letter_free);
  return letters;
}

void
wsed_letters_free (WsedLetters *letters)
{
  if (letters == NULL)
    return;
  g_free (letters->code);
  g_free (letters->reason);
  g_ptr_array_unref (letters->letters);
  g_clear_error (&letters->error);
  g_free (letters);
}
