# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file that hangs as one on a lost network disk does: who opens it waits in the kernel, for as long as the lease on it is held."""

import fcntl
import os
import signal

from wse_test import wait_until

# The kernel tells the holder of somebody who waits; 45 s later (/proc/sys/fs/lease-break-time) it lets him in.
signal.signal(signal.SIGIO, signal.SIG_IGN)


class Lease:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)

    def is_wanted(self):
        return fcntl.fcntl(self.fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def __enter__(self):
        return self

    def wait(self):
        """Until somebody hangs."""
        wait_until(self.is_wanted, 'somebody to open the file')

    def release(self):
        if self.fd is not None:
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            os.close(self.fd)
            self.fd = None

    def __exit__(self, *unused):
        self.release()
