# SPDX-License-Identifier: MIT
"""COUNT clients of PORT at once: all connect, then each sends data of its own, and gets that back."""
import asyncio
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])


async def talk(number, all_there):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await all_there(number)
    ok = True
    for turn in range(3):
        data = f"client {number} turn {turn} ".encode() * 50
        writer.write(data)
        ok = ok and await reader.readexactly(len(data)) == data
    writer.write_eof()
    ok = ok and await reader.read() == b""
    writer.close()
    return ok


async def main():
    left, everybody = count, asyncio.Event()

    async def all_there(_):
        nonlocal left
        left -= 1
        if left == 0:
            everybody.set()
        await everybody.wait()

    good = sum(await asyncio.gather(*(talk(number, all_there) for number in range(count))))
    print(f"{good} of {count}")
    return good != count


sys.exit(asyncio.run(main()))
