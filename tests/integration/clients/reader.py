# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads with the package websockets: reader.py URL COUNT [SUBPROTOCOL]. Writes what reader.js writes."""

import asyncio
import sys

import websockets


async def read(url, count, protocols):
    try:
        # The protocol's default limits would be the client's, not the daemon's.
        client = await websockets.connect(url, subprotocols=protocols or None, max_size=None, open_timeout=60)
    except Exception as error:
        print(f'error {error}', flush=True)
        return
    # Debian 13 has a websockets whose connections keep them one level down.
    extensions = client.extensions if hasattr(client, 'extensions') else client.protocol.extensions
    print(f'open {client.subprotocol or ""} {",".join(extension.name for extension in extensions)}', flush=True)
    try:
        for _ in range(count):
            print(await client.recv(), flush=True)
        await client.close(1000)
    except websockets.ConnectionClosed:
        pass
    print(f'close {client.close_code}', flush=True)


asyncio.run(read(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
