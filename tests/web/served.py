"""The application behind a real server, on a free port, until the block ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from tests.storage.factories import eventually


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve on loopback; return the address. The application runs in this loop."""
    # With its protocol named, asyncio sends at once; else each answer waits 40 ms for the last.
    with socket.socket(socket.AF_INET, proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await eventually(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
