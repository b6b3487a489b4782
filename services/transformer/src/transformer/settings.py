"""Settings of the transformer, and the environment its dbt process gets."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pipeline.settings import PostgresSettings, Settings


class TransformerSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="TRANSFORMER_")

    # the dbt project; in a checkout it lies beside src/
    project_dir: Path = Path(__file__).parents[2] / "dbt"
    # seconds between looks at the ledger; announcements wake it sooner
    look_seconds: float = Field(2.0, gt=0)
    # so many times what the last run took are waited for company before the next, 1.5 s at most:
    # files that come together go together (pace.py). 0: never
    rest: float = Field(1.0, ge=0, le=10)
    # what one run takes at most: it bounds a run's time, its memory and what a retry repeats
    max_files: int = Field(2000, ge=1)
    max_rows: int = Field(400_000, ge=1)
    # dbt's connections; more than the server's free cores help little
    threads: int = Field(3, ge=1, le=16)
    # a build or a publication that takes longer is killed and tried again
    run_timeout_seconds: float = Field(900, gt=0)
    # the dbt process is replaced, idle, after so many runs or at so much memory
    recycle_runs: int = Field(500, ge=1)
    recycle_megabytes: int = Field(600, ge=100)
    # a standby cuts off a writer that gave no sign of life for so long (stopped, unreachable)
    takeover_seconds: float = Field(60, ge=1)
    # more files held within an hour than this: a bad deploy, not bad files
    max_held_an_hour: int = Field(50, ge=1)


def dbt_environment(
    postgres: PostgresSettings, settings: TransformerSettings, worker: str, target_dir: str
) -> dict[str, str]:
    """This process's environment, with what profiles.yml and the models read, secrets resolved."""
    password = postgres.pgpassword.get_secret_value() if postgres.pgpassword else ""
    return dict(os.environ) | {  # noqa: TID251
        "PGHOST": postgres.pghost,
        "PGPORT": str(postgres.pgport),
        "PGDATABASE": postgres.pgdatabase,
        "PGUSER": postgres.pguser,
        "PGPASSWORD": password,
        "PGSSLMODE": postgres.pgsslmode,
        "PGSSLROOTCERT": postgres.pgsslrootcert or "",
        "TRANSFORMER_WORKER": worker,
        "TRANSFORMER_APPLICATION": application_name(worker),
        "TRANSFORMER_THREADS": str(settings.threads),
        "DBT_TARGET_PATH": target_dir,
        # made at every invocation, also where nothing is logged; the project may be read-only
        "DBT_LOG_PATH": target_dir,
        "DBT_PROFILES_DIR": str(settings.project_dir),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "CRASH_AT": "",
    }


def dbt_folders() -> tuple[Path, Path, str]:
    """In a dbt process: the project, where dbt writes, and the database its relations name."""
    names = ("DBT_PROFILES_DIR", "DBT_TARGET_PATH", "PGDATABASE")
    project, target, database = (os.environ[name] for name in names)  # noqa: TID251
    return Path(project), Path(target), database


def tell_models(run: str) -> None:
    """What models read by env_var('TRANSFORMER_RUN') in the next invocation: a run as JSON."""
    os.environ["TRANSFORMER_RUN"] = run  # noqa: TID251


def application_name(worker: str) -> str:
    """What pg_stat_activity shows of every connection of a dbt process."""
    return f"transformer-{worker}"
