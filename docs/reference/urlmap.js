// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the reference of what the library builds on is, for the links.
baseURLs = [
  ['GLib', 'https://docs.gtk.org/glib/'],
  ['GObject', 'https://docs.gtk.org/gobject/'],
]
