"""The loader's workers where nothing can be loaded, in virtual time."""

import asyncio
from typing import Any, cast

from loader.found import Found
from loader.settings import LoaderSettings
from loader.worker import LoaderWorker
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.settings import TopicSettings
from support.virtual_time import run


class _Refused:
    """Files of a warehouse that refuses everybody, until it does not."""

    def __init__(self) -> None:
        self.tries = 0
        self.open = False

    async def load(self, found: Found) -> None:
        self.tries += 1
        if not self.open:
            raise Transient("no connection left", dependency="postgres", reason="53300")


def test_a_warehouse_that_refuses_everybody_is_asked_less_and_less() -> None:
    async def minutes() -> tuple[int, int, int]:
        nobody = cast(Any, None)
        settings, health = LoaderSettings(), Health("kafka", "s3", "postgres")
        worker = LoaderWorker(nobody, nobody, nobody, TopicSettings(), settings, health)
        for number in range(100):
            worker.queue.offer(Found(f"{number}.json.gz", "event"))
        stop, files = asyncio.Event(), _Refused()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(settings.files_at_once):
                tasks.create_task(worker.work(stop, cast(Any, files)))
            await asyncio.sleep(60)
            after_a_minute = files.tries
            await asyncio.sleep(60)
            in_the_second = files.tries - after_a_minute
            files.open = True
            await asyncio.sleep(30)
            left = len(worker.queue)
            stop.set()
            worker.queue.close()
        return after_a_minute, in_the_second, left

    first, second, left = run(minutes())
    assert first < 600
    assert second < 400  # seven a second, of 48 workers
    assert left == 0
