"""Write the dashboards: `python -m infra.grafana.source`."""

from pathlib import Path

from infra.grafana.source.boards import ALL

FOLDER = Path(__file__).parents[1] / "dashboards"


def main() -> None:
    """Write each dashboard and remove those that are gone."""
    texts = {f"{board.uid}.json": board.json() for board in ALL}
    for old in FOLDER.glob("*.json"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
