# SPDX-License-Identifier: MIT
"""COUNT clients of PORT that get SIZE bytes each. When all have the first byte, the process PID gets SIGTERM; only then
they read on. In the manner "sending" they send all the while."""
import asyncio
import os
import signal
import sys

port, count, size, manner, pid = (*map(int, sys.argv[1:4]), sys.argv[4], int(sys.argv[5]))


async def send(writer):
    while True:
        writer.write(b"z" * 100)
        await writer.drain()
        await asyncio.sleep(0.005)


async def take(started, told):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    total = len(await reader.readexactly(1))
    sender = asyncio.create_task(send(writer)) if manner == "sending" else None
    await asyncio.sleep(0.02)
    started.release()
    await told.wait()
    try:
        while piece := await reader.read(65536):
            total += len(piece)
    except OSError as error:
        print(f"{total} of {size} bytes: {error}", file=sys.stderr)
    if sender:
        sender.cancel()
        await asyncio.wait([sender])
        sender.cancelled() or sender.exception()
    writer.close()
    return total == size


async def main():
    started, told = asyncio.Semaphore(0), asyncio.Event()
    clients = [asyncio.create_task(take(started, told)) for _ in range(count)]
    for _ in range(count):
        await started.acquire()
    os.kill(pid, signal.SIGTERM)
    told.set()
    print(f"{sum(await asyncio.gather(*clients))} of {count}")


asyncio.run(main())
