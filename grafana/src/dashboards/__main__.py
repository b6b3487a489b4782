"""Write every dashboard below grafana/dashboards, and nothing else there."""

from dashboards.files import TARGET, rendered


def main() -> None:
    files = rendered()
    for old in TARGET.glob("*/*.json"):
        if str(old.relative_to(TARGET)) not in files:
            old.unlink()
    for name, text in files.items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
