/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target where there is no libFuzzer: over each file of the folders named, and over mutations of each, which are the same in
 * every run. It finds less than a fuzzer that watches its coverage, but in every build and under every compiler. */

#include <string.h>

#include <glib.h>

/* Of each file. */
#define MUTATIONS 400

/* Of a mutated input; larger files are only run as they are. */
#define MAX_BYTES 4096

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What parsers of text trip over. */
static const char * const pieces[] = {
  "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u0000", "{", "}", "[", "]", ":", ",", "@", "*", "-", "+", ".", "0", "1e400", "9223372036854775808", "null",
  "true", " ", "\n", "\t", "\x7f", "\x80", "\xc2\x85", "\xc0\x80", "\xe2\x82\xac", "\xed\xa0\x80", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80",
  "\xff", "\"type\":\"cache\",", "\"event_type\":\"a\",", "\"timestamp\":", "\"user_id\":", "\"payload\":", "global@e:1", "user:",
  "\"specversion\":\"1.0\",", "\"data_base64\":\"\",", "\"datacontenttype\":", "\"userid\":",
};

/* Position and length of a stretch within @bytes, maybe empty. */
static gsize
choose (GRand *rand, const GByteArray *bytes, gsize *length)
{
  gsize at = g_rand_int_range (rand, 0, bytes->len + 1), most = 1 << g_rand_int_range (rand, 0, 6);

  *length = MIN (bytes->len - at, most);
  return at;
}

static void
insert (GByteArray *bytes, gsize at, const void *data, gsize length)
{
  gsize behind = bytes->len - at;

  g_byte_array_set_size (bytes, bytes->len + length);
  memmove (bytes->data + at + length, bytes->data + at, behind);
  memcpy (bytes->data + at, data, length);
}

static void
mutate (GRand *rand, GByteArray *bytes)
{
  gsize length, at = choose (rand, bytes, &length);
  const char *piece = pieces[g_rand_int_range (rand, 0, G_N_ELEMENTS (pieces))];
  g_autofree guint8 *copy = NULL;

  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      if (at < bytes->len)
        bytes->data[at] ^= 1 << g_rand_int_range (rand, 0, 8);
      break;
    case 1:
      if (at < bytes->len)
        bytes->data[at] = g_rand_int_range (rand, 0, 256);
      break;
    case 2:
      if (length > 0)
        g_byte_array_remove_range (bytes, at, length);
      break;
    case 3:
      copy = g_memdup2 (bytes->data + at, length);
      if (length > 0)
        insert (bytes, g_rand_int_range (rand, 0, bytes->len + 1), copy, length);
      break;
    case 4:
      g_byte_array_set_size (bytes, at);
      break;
    default:
      insert (bytes, at, piece, strlen (piece));
      break;
    }
}

static void
run (const guint8 *data, gsize length)
{
  /* Exactly these bytes, so that a sanitizer sees one read too far; but never NULL, as with libFuzzer. */
  g_autofree guint8 *copy = g_malloc (MAX (length, 1));

  if (length > 0)
    memcpy (copy, data, length);
  LLVMFuzzerTestOneInput (copy, length);
}

static guint
run_file (const char *path, const char *name)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (name));
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *data = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  run ((const guint8 *) data, length);
  if (length > MAX_BYTES)
    return 1;
  for (guint i = 0; i < MUTATIONS; i++)
    {
      g_byte_array_set_size (bytes, 0);
      g_byte_array_append (bytes, (const guint8 *) data, length);
      for (guint j = 0; j <= i % 4; j++)
        mutate (rand, bytes);
      run (bytes->data, bytes->len);
    }
  return 1 + MUTATIONS;
}

int
main (int argc, char **argv)
{
  guint n_inputs = 0;

  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (argv[i], 0, NULL);
      const char *name;

      g_assert_nonnull (dir);
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (argv[i], name, NULL);

          n_inputs += run_file (path, name);
        }
    }
  g_assert_cmpuint (n_inputs, >, MUTATIONS);
  g_print ("%u inputs\n", n_inputs);
  return 0;
}
