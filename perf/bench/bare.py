"""The yardstick: a bare ASGI application under the same uvicorn, answering ready bytes by path."""

import sys
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send


def main() -> None:
    """Serve the files of a folder: `python -m perf.bench.bare PORT FOLDER`."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    bodies = {f"/{file.name}": file.read_bytes() for file in folder.iterdir()}
    starts = {
        path: {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        }
        for path, body in bodies.items()
    }

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        path = scope["path"]
        await send(starts[path])
        await send({"type": "http.response.body", "body": bodies[path]})

    config = uvicorn.Config(
        app,
        port=port,
        lifespan="off",
        ws="none",
        http="httptools",
        log_level="error",
        access_log=False,
        server_header=False,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
