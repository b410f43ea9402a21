import io

from rich.console import Console
from store_cli.console import LineMeter


def test_a_log_gets_a_line_now_and_then() -> None:
    """Where no bar can be drawn, progress is said in lines, not more often than asked for."""
    often, seldom = io.StringIO(), io.StringIO()
    for out, every_s in ((often, 0.0), (seldom, 3600.0)):
        step = LineMeter(Console(file=out), every_s).track("Products", 1500)
        step(500)
        step(1000)
    assert often.getvalue() == "Products: 500 of 1500, 0 s\nProducts: 1500 of 1500, 0 s\n"
    assert seldom.getvalue() == ""
