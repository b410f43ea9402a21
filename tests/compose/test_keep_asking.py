import subprocess
import sys
from pathlib import Path

from tests.support.ports import lasting_port

SCRIPT = Path(__file__).with_name("keep_asking.py")


def test_who_cannot_ask_says_why_while_the_input_goes_on() -> None:
    """Where nobody answers it ends by itself, and does not say that it asks."""
    nobody = f"http://127.0.0.1:{lasting_port()}"
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), nobody, "p"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as asking:
        try:
            code = asking.wait(60)
        finally:
            asking.kill()
        assert asking.stdout is not None
        assert asking.stderr is not None
        assert (code, asking.stdout.read()) == (1, "")
        assert "ClientConnectorError" in asking.stderr.read()
