# SPDX-License-Identifier: LGPL-2.1-or-later
"""A log that cannot be written (here by a limit on file size, which acts as a full disk does): 503 for publishers, readers go on, and
it comes back by itself when there is room again."""

import os
import resource
import signal
import unittest

from wse_test import Daemon, main, wait_until


class FullDaemon(Daemon):
    def limit(self):
        # Else the kernel ends the process at the limit; a full disk does not.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def allow_bytes(self, size):
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if size is None else size, hard))


class Full(unittest.TestCase):
    def test_full(self):
        """503 with Retry-After while full, reading goes on, nothing answered is lost, then it goes on"""
        with FullDaemon(allow='full|log|write|disk|large') as daemon:
            payload = 'x' * 20000
            event = {'event_type': 'a', 'user_id': 'f', 'payload': payload}
            for _ in range(50):
                daemon.publish(event)
            with daemon.connect('/wse?user_id=f&history=1', protocols=()) as client:
                self.assertEqual(client.recv()['seq'], 50)
                daemon.allow_bytes(os.path.getsize(f'{daemon.state}/events.db'))
                answered = 50
                for _ in range(500):
                    answer = daemon.request('POST', '/api/events', '{"event_type":"a","user_id":"f","payload":"%s"}' % payload, {'Content-Type': 'application/json'})
                    if answer.status != 201:
                        break
                    answered += 1
                self.assertEqual(answer.status, 503)
                self.assertIn('retry-after', answer.headers)
                self.assertIn(b'"error"', answer.body)
                self.assertEqual([client.recv()['seq'] for _ in range(answered - 50)], list(range(51, answered + 1)))
                # Reading goes on, from the log too, and health tells.
                with daemon.connect('/wse?user_id=f&history=10000', protocols=()) as late:
                    self.assertEqual([late.recv()['seq'] for _ in range(answered)], list(range(1, answered + 1)))
                health = daemon.request('GET', '/api/health')
                self.assertNotIn(b'"status":"ok"', health.body)
                daemon.allow_bytes(None)

                def works():
                    status, answer = daemon.post(event)
                    return answer if status == 201 else None
                answer = wait_until(works, 'the log to be written again')
                self.assertEqual(answer['seq'], answered + 1)
                self.assertEqual(client.recv()['seq'], answered + 1)
                wait_until(lambda: daemon.get('/api/health')['status'] == 'ok', 'health to be ok again')
            daemon.stop()
            daemon.start()
            with daemon.connect('/wse?user_id=f&history=10000', protocols=()) as late:
                self.assertEqual([late.recv()['seq'] for _ in range(answered + 1)], list(range(1, answered + 2)))


if __name__ == '__main__':
    main()
