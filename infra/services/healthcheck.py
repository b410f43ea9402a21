"""Says by its exit code whether the service of this container is ready; by plain sockets, to cost next to nothing."""

import os
import socket
import sys

TIMEOUT_S = 2.0


def main() -> int:
    """Return 0 when /health/ready answers 200."""
    service = os.environ["STORE_SERVICE"]
    url = os.environ.get(f"STORE_{service.upper()}_URL", "")
    port = int(url.rpartition(":")[2].strip("/"))
    request = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            connection.sendall(request)
            return int(b" 200 " not in connection.recv(64))
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
