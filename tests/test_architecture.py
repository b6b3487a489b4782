"""Who may import whom, and lists that must stay equal, as the sources say."""

import ast
import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from pipeline import crash
from pipeline.clients.kafka import LARGEST_MESSAGE
from pipeline.contracts import topics
from pipeline.settings import Settings

_ROOT = Path(__file__).parent.parent
SERVICES = {"generator": "generator", "s3-sink": "s3_sink", "loader": "loader",
            "transformer": "transformer"}  # fmt: skip
MODULES = set(SERVICES.values())

# what decides, apart from what acts: no clock, no I/O, no logging, `now` is a parameter
PURE = {
    "generator": "catalogue demand faults history intent knobs rendering returns sales streams"
    " windows",
    "s3_sink": "chain_end cut encoders event_times identity lines open_file records watchdog",
    "loader": "columns decode decoded found inflate json_line object_kind offsets origin sale"
    " salvage schedule table verdict whole_file",
    "transformer": "plan triage",
}
IMPURE = {"asyncio", "time", "logging", "os", "random", "socket", "subprocess", "threading",
          "aiokafka", "aiobotocore", "asyncpg", "botocore", "fastapi", "httpx"}  # fmt: skip
IMPURE_PIPELINE = {"pipeline." + name for name in ("clients", "health", "process", "retry", "web")}
_ENVIRONMENT = {"environ", "environb", "getenv"}
# come with a package that is declared, as part of what it promises
COME_WITH = {"aiobotocore": {"aiohttp", "botocore"}, "dbt-core": {"dbt-common"},
             "dbt-postgres": {"dbt-adapters", "psycopg2-binary"}}  # fmt: skip


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_bytes(), str(path))


def imports(tree: ast.AST) -> set[str]:
    """Every dotted name that is imported; no module of ours imports relatively."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def offenders(folder: str, *forbidden: str) -> list[str]:
    """Files under folder that import a forbidden name, or something in it."""
    return [
        f"{path.relative_to(_ROOT)}: {name}"
        for path, tree in sources(folder)
        for name in sorted(imports(tree))
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
    ]


@pytest.mark.parametrize("folder", SERVICES)
def test_no_service_imports_another(folder: str) -> None:
    others = MODULES - {SERVICES[folder]} | {"salespipe"}
    assert offenders(f"services/{folder}/src", *others) == []


def test_what_is_shared_knows_nobody() -> None:
    assert offenders("libs/pipeline/src", *MODULES, "salespipe") == []


def test_the_command_line_starts_services_and_imports_none() -> None:
    assert offenders("cli/src", *MODULES) == []


@pytest.mark.parametrize("folder", ["tests/e2e", "tests/faults"])
def test_black_box_tests_import_no_service(folder: str) -> None:
    assert offenders(folder, *MODULES) == []


def test_contracts_need_only_pydantic() -> None:
    for path, tree in sources("libs/pipeline/src/pipeline/contracts"):
        assert {name.split(".")[0] for name in imports(tree)} - sys.stdlib_module_names <= {
            "pipeline", "pydantic"
        }, path  # fmt: skip
    pure = ("libs/pipeline/src/pipeline/s3_events.py", "libs/pipeline/src/pipeline/errors.py")
    for file in pure:
        names = imports(ast.parse((_ROOT / file).read_bytes()))
        assert not {name.split(".")[0] for name in names} & IMPURE, file


@pytest.mark.parametrize("folder", SERVICES)
def test_what_decides_has_no_clock_and_no_io(folder: str) -> None:
    module = SERVICES[folder]
    for name in PURE[module].split():
        place = f"services/{folder}/src/{module}/{name}"
        files = [*sources(place)] or [
            ((_ROOT / f"{place}.py"), ast.parse((_ROOT / f"{place}.py").read_bytes()))
        ]
        for path, tree in files:
            found = imports(tree)
            assert not {imported.split(".")[0] for imported in found} & IMPURE, path
            assert not {".".join(i.split(".")[:2]) for i in found} & IMPURE_PIPELINE, path
            assert not {"now", "utcnow", "today"} & _attributes_called(tree), path


def _attributes_called(tree: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def test_nobody_imports_an_entry_point() -> None:
    for path, tree in sources("libs", "services", "cli", "tests", "bench"):
        assert not [name for name in imports(tree) if "__main__" in name.split(".")], path


def test_only_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(_ROOT))
        for path, tree in sources("libs/pipeline/src", "cli/src", *_service_sources())
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in _ENVIRONMENT)
        or (isinstance(node, ast.alias) and node.name in _ENVIRONMENT)
    }
    assert {file for file in readers if not file.endswith("/settings.py")} == {
        "libs/pipeline/src/pipeline/crash.py"
    }


def _service_sources() -> list[str]:
    return [f"services/{folder}/src" for folder in SERVICES]


@pytest.mark.parametrize("folder", [*(f"services/{name}" for name in SERVICES), "libs/pipeline"])
def test_every_import_is_declared(folder: str) -> None:
    """It passes here without, because all share one environment, and dies in the image."""
    declared = _declared(folder) | _declared("libs/pipeline")
    declared |= {also for name in declared for also in COME_WITH.get(name, ())}
    distributions = packages_distributions()
    for path, tree in sources(f"{folder}/src"):
        for top in {name.split(".")[0] for name in imports(tree)} - sys.stdlib_module_names:
            if top in MODULES | {"pipeline"}:
                continue
            owners = {_normal(owner) for owner in distributions.get(top, [top])}
            assert owners & declared, f"{path.relative_to(_ROOT)} imports {top}"


def _declared(folder: str) -> set[str]:
    project = tomllib.loads((_ROOT / folder / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    wanted = [*project["dependencies"], *(item for extra in extras for item in extra)]
    return {_normal(re.split(r"[\[<>=~!; ]", text)[0]) for text in wanted}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_topics_are_created_as_the_contracts_name_them() -> None:
    declared = yaml.safe_load((_ROOT / "kafka" / "topics.yaml").read_text())["topics"]
    assert tuple(declared) == topics.ALL
    known = {*SERVICES, "import", "object store", "dashboards", "operator"}
    for name, topic in declared.items():
        assert {"description", "producers", "consumers", "key", "partitions"} <= set(topic), name
        assert set(topic["producers"]) | set(topic["consumers"]) <= known, name


def test_producers_send_whatever_a_topic_takes() -> None:
    declared = yaml.safe_load((_ROOT / "kafka" / "topics.yaml").read_text())["topics"]
    largest = max(topic["config"].get("max.message.bytes", 0) for topic in declared.values())
    assert largest == LARGEST_MESSAGE


def test_every_crash_point_is_listed_and_reached() -> None:
    reached = [
        ast.literal_eval(node.args[0])
        for _, tree in sources(*_service_sources())
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "crash_point"
    ]
    assert set(reached) == set(crash.POINTS)


@pytest.mark.parametrize("folder", SERVICES)
def test_every_setting_is_in_the_readme(folder: str) -> None:
    readme = _ROOT / "services" / folder / "README.md"
    if not readme.exists():
        pytest.skip(f"{readme} does not exist")
    text = readme.read_text()
    module = importlib.import_module(f"{SERVICES[folder]}.settings")
    own = [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Settings) and cls.__module__ == module.__name__
    ]
    assert own
    for cls in own:
        prefix = cls.model_config.get("env_prefix", "").upper()
        for variable in cls.variables():
            short = variable.removeprefix(prefix)
            assert re.search(rf"\b({prefix})?{short}\b", text), f"{readme}: {variable}"
