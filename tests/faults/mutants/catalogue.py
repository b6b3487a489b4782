"""The defects that a test must find. Each was somebody's bug in a project like this one."""

from faults.mutants.mutant import Edit, Mutant
from faults.mutants.suite import Suite

SINK, LOADER = "services/s3-sink/src/s3_sink", "services/loader/src/loader"
TRANSFORMER = "services/transformer"

CHAIN = Suite(
    "properties of the chain",
    ("services/s3-sink/tests/test_chain_machine.py", "services/s3-sink/tests/test_model.py"),
)
HANDOVER = Suite("what a member of the group does", ("services/s3-sink/tests/test_session.py",))
LEDGER = Suite("properties of the ledger", ("services/loader/tests/test_ledger_machine.py",))
MARTS = Suite(
    "marts on a real database",
    (
        "tests/integration/test_transformer.py",
        "-k", "commits_late or counts_once or moves_leaves or older_copy",
    ),
    servers=True,
)  # fmt: skip
BATCHES = Suite(
    "kills of the generator",
    ("tests/integration/test_generator_faults.py", "-k", "killed_anywhere"),
    servers=True,
)

MUTANTS = (
    Mutant("the offset is committed before the upload", CHAIN, (
        Edit(f"{SINK}/session.py",
             "            number: partition.archived\n"
             "            for number, partition in self.partitions.items()\n"
             "            if partition.archived >",
             "            number: partition.next\n"
             "            for number, partition in self.partitions.items()\n"
             "            if partition.next >"),
    )),
    Mutant("the key has the clock in it", CHAIN, (
        Edit(f"{SINK}/identity.py", "first.offset, first.timestamp,",
             "first.offset, __import__('time').time_ns() % 3_600_000_000,"),
    )),
    Mutant("the key has the file's end in it", CHAIN, (
        Edit(f"{SINK}/identity.py", "key = self.key(partition, file.first, encoder.extension)",
             'key = self.key(partition, file.first, f"{file.end}.{encoder.extension}")'),
    )),
    Mutant("the upload overwrites", CHAIN, (
        Edit(f"{SINK}/store.py", 'IfNoneMatch="*", ', ""),
    )),
    Mutant("412 is taken as success, the end is not read", CHAIN, (
        Edit(f"{SINK}/chain.py", "            return await self._met(batch)",
             "            return None"),
    )),
    Mutant("a refused commit is swallowed and the batch kept", CHAIN, (
        Edit(f"{SINK}/group_reader.py",
             '            log.info("offsets not committed: %s", error)\n            return False',
             '            log.info("offsets not committed: %s", error)\n            return True'),
        Edit(f"{SINK}/session.py", "if partition.head == start and partition.stopped is None:",
             "if partition.stopped is None:"),
    )),
    Mutant("what was kept is published without a look at the bucket", HANDOVER, (
        Edit(f"{SINK}/partition.py",
             "        if self._publisher is None:\n            self._located = False\n",
             "        if self._publisher is None:\n"),
    )),
    Mutant("a gap that nobody has judged is committed", HANDOVER, (
        Edit(f"{SINK}/session.py",
             "            number: partition.archived\n"
             "            for number, partition in self.partitions.items()\n"
             "            if partition.archived >",
             "            number: partition.head\n"
             "            for number, partition in self.partitions.items()\n"
             "            if partition.head >"),
    )),
    Mutant("a gap is chained over in silence", HANDOVER, (
        Edit(f"{SINK}/chain_end.py",
             "gap=range(known, begin) if begin > known else None", "gap=None"),
    )),
    Mutant("the ledger's row is outside the transaction", LEDGER, (
        Edit(f"{LOADER}/ledger.py",
             "async with self._pool.acquire() as connection, connection.transaction():",
             "async with self._pool.acquire() as connection:"),
    )),
    Mutant("a range of offsets is not claimed", LEDGER, (
        Edit(f"{LOADER}/load_transaction.py", "    if taken:\n", "    if False:\n"),
    )),
    Mutant("rejects are counted and not kept", LEDGER, (
        Edit(f"{LOADER}/load_transaction.py", "    if rejects:\n", "    if False:\n"),
    )),
    Mutant("a file is announced before its COMMIT", LEDGER, (
        Edit(f"{LOADER}/announcer.py", "        self._producer = producer\n",
             "        self._producer = producer\n        type(self).early = self\n"),
        Edit(f"{LOADER}/ledger.py", "return await load_files(connection, loads)",
             "done = await load_files(connection, loads)\n"
             "                    from loader.announcer import Announcer\n"
             "                    news = await connection.fetch(\n"
             '                        query("unannounced"), self.target, 500\n'
             "                    )\n"
             "                    await Announcer.early._send(news)\n"
             "                    return done"),
    )),
    Mutant("a notification is acknowledged when it is taken", LEDGER, (
        Edit(f"{LOADER}/load_queue.py",
             "        self._working[entry.found.key] = entry\n        return entry",
             "        self._working[entry.found.key] = entry\n"
             "        for done in entry.done:\n"
             "            done()\n"
             "        return entry"),
    )),
    Mutant("there is no reconciler", LEDGER, (
        Edit(f"{LOADER}/reconciler.py", '        self._queue.offer(Found(item.key, "reconcile"))',
             "        return"),
    )),
    Mutant("files are claimed by a watermark", MARTS, tuple(
        Edit(f"{TRANSFORMER}/src/transformer/sql/take.sql",
             "    and not exists (select 1 from ops.transform_file t"
             f" where t.file_id = load_file.file_id)\n{behind}",
             "    and file_id > (select coalesce(max(file_id), 0) from ops.transform_file)\n"
             f"{behind}")
        for behind in (") or exists (", "  window by_id")
    )),
    Mutant("marts are added up, not recomputed", MARTS, (
        Edit(f"{TRANSFORMER}/dbt/models/run/run_cells_before.sql",
             "    and hours.currency = cells.currency\n",
             "    and hours.currency = cells.currency\n    and false\n"),
    )),
    Mutant("a batch is announced before its events are acknowledged", BATCHES, (
        Edit("services/generator/src/generator/publisher.py",
             "        packets = self._pack(iter(batch))\n",
             "        for _ in (twin := Batch(batch.order)):\n"
             "            pass\n"
             "        await self._announce(twin.manifest(knobs, datetime.now(UTC)))\n"
             "        packets = self._pack(iter(batch))\n"),
    )),
)  # fmt: skip
