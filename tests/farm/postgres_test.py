#!/usr/bin/env python3
"""The PostgreSQL ledger while its server is killed, frozen, restarted, full, disconnected or misconfigured: nothing that
was acknowledged is lost, nothing happens twice, and every error names a remedy."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from farm import Farm, wait_for  # noqa: E402
from harness import BIN, environment, expect, kithara, main, start, test, until  # noqa: E402
from proxy import Proxy  # noqa: E402
from servers import Postgres  # noqa: E402

SMALL = {"shared_buffers": "32MB", "max_wal_size": "256MB"}


class Load:
    """A program that works on the ledger as a coordinator does; its lines, read as they come."""

    def __init__(self, url, name, jobs):
        self.process = start([BIN.parent / "tests/ledger_load", url, name, str(jobs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        self.lines, self.stored = [], 0
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("stored="):
                self.stored = int(line.removeprefix("stored="))
            else:
                self.lines.append((time.monotonic(), line.strip()))

    def errors(self, name=""):
        return [line for _, line in list(self.lines) if line.startswith("err=" + name)]

    def reach(self, stored, seconds=60):
        until(lambda: self.stored >= stored or self.process.poll() is not None, seconds, f"{stored} stored")
        expect(self.process.poll() is None, f"the load ended early: {self.lines[-3:]}")

    def end(self, seconds=120):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            expect(False, f"the load does not end, stored {self.stored}: {self.lines[-3:]}")
        self.thread.join(10)
        expect(self.process.returncode == 0, f"the load failed: {self.lines[-3:]}")


def migrated(folder, server, url=None):
    result = kithara(folder, "db", "migrate", DATABASE_URL=url or server.url)
    expect(result.returncode == 0, result.stderr)
    return url or server.url


def audit(folder, url, jobs=None):
    result = kithara(folder, "audit", DATABASE_URL=url)
    expect(result.returncode == 0, f"audit: {result.stdout}{result.stderr}")
    if jobs is None:
        return
    counts = kithara(folder, "results", "--history", "-o", "jsonl", DATABASE_URL=url).stdout.count("\n")
    expect(counts == jobs, f"{counts} results of {jobs} jobs")


@test
def a_server_that_is_killed_again_and_again_loses_nothing(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        load = Load(url, "one", 12000)
        for at in (1500, 4000, 7000):
            load.reach(at)
            server.kill()
            server.start()
        load.end()
        expect(load.errors(), "no call failed: the server was not hurt")
        audit(folder, url, 12000)


@test
def an_orderly_restart_is_a_pause(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        load = Load(url, "one", 6000)
        load.reach(1500)
        server.restart()
        load.end()
        audit(folder, url, 6000)


@test
def a_frozen_server_is_noticed_in_time_and_work_goes_on_when_it_thaws(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        load = Load(url, "one", 8000)
        load.reach(1500)
        frozen = time.monotonic()
        server.freeze()
        until(load.errors, 15, "an error while the server is frozen")
        noticed = load.lines[-1][0] - frozen
        expect(noticed < 12, f"noticed after {noticed:.1f} s")
        server.thaw()
        load.end()
        audit(folder, url, 8000)


@test
def a_commit_without_an_answer_is_asked_about_and_happens_once(folder):
    with Postgres(settings=SMALL) as server, Proxy(server.port) as proxy:
        migrated(folder, server)
        url = f"postgresql://kithara@127.0.0.1:{proxy.port}/postgres"
        load = Load(url, "one", 30000)
        load.reach(250)
        commit = re.search(rb"(k[0-9]+)\0COMMIT\0", proxy.sent).group(1)  # the name of the prepared statement
        for _ in range(10):
            load.reach(load.stored + 250)  # it works again: else the hold would meet its connecting
            proxy.hold_after(b"\0" + commit + b"\0")  # which arrives; its reply does not
            expect(proxy.held.wait(60), "no COMMIT was sent")
            time.sleep(0.1)  # the server works on it meanwhile; the cut comes whether it has finished or not
            before = len(load.errors())
            proxy.cut()
            until(lambda: len(load.errors()) > before, 60, "the error")
            proxy.release()
        load.end()
        expect(load.errors("EUNKNOWN_COMMIT"), "no commit was left without its answer")
        audit(folder, server.url, 30000)


FILLER_BYTES = 22 << 20  # half of the small file system


@test
def a_full_disk_stops_the_ledger_and_room_lets_it_go_on(folder):
    with Postgres(settings=SMALL) as server:
        place = server.folder / "small"
        place.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=44m", "tmpfs", place], capture_output=True)
        if mounted.returncode:
            print("    (skipped: a small file system cannot be mounted here)")
            return
        try:
            os.chown(place, *(os.stat(server.folder / "data").st_uid, os.stat(server.folder / "data").st_gid))
            server.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
            server.sql("CREATE DATABASE small TABLESPACE small")
            url = server.url.replace("/postgres", "/small")
            migrated(folder, server, url)
            filler = place / "filler"  # no table: on a full disk PostgreSQL may have no room to drop one
            filler.write_bytes(bytes(FILLER_BYTES))
            load = Load(url, "one", 100000)
            until(lambda: load.errors("EDISK"), 120, "the disk is full")
            stopped = load.stored
            filler.unlink()
            load.reach(stopped + 200)
            load.process.kill()
            audit(folder, url)
        finally:
            server.stop()
            subprocess.run(["umount", "-l", place], check=True)


@test
def the_work_of_a_killed_coordinator_goes_on_within_four_seconds(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        survivor = Load(url, "survivor", 0)
        victim = Load(url, "victim", 100000)
        victim.reach(1000)
        victim.process.send_signal(signal.SIGSTOP)  # with what it has claimed
        until(lambda: server.sql("SELECT 1 FROM jobs j JOIN leases l USING (epoch) WHERE l.coordinator = 'survivor' OR j.state = 1") or True, 5, "")
        victim.process.kill()
        killed = time.monotonic()
        until(lambda: not server.sql("SELECT 1 FROM leases WHERE coordinator = 'victim'"), 10, "the victim's lease is taken over")
        took = time.monotonic() - killed
        expect(took < 4, f"taken over after {took:.1f} s")
        until(lambda: not server.sql("SELECT 1 FROM jobs WHERE state < 2") and
              not server.sql("SELECT 1 FROM outbox WHERE confirmed_ms = 0"), 60, "all its work is done")
        survivor.process.stdin.close()
        survivor.end()
        audit(folder, url)


@test
def a_farm_whose_coordinator_and_server_are_killed_in_the_middle_does_every_job_once(folder):
    each = 3000
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        with Farm(ANALYZER_TEST_FAULT="noop", DATABASE_URL=url).start(["a", "b"]) as farm:
            def kill_server(_):
                server.kill()
                server.start()

            farm.submit_under_kills(4, each, kill_server)
            farm.wait_finished(4 * each, 120)
            expect({job["state"] for job in farm.all_jobs()} == {"done"}, "a job is not done")
            expect(farm.coordinator.stop() == 0, farm.coordinator.text()[-2000:])
        audit(folder, url, 4 * each)


@test
def a_second_coordinator_of_the_same_name_ends_and_says_which_setting_parts_them(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        with Farm(DATABASE_URL=url, ANALYZER_COORDINATOR_NAME="north") as farm:
            farm.start_coordinator()
            wait_for(lambda: "LEASE-OPEN" in farm.coordinator.text(), "the lease")
            second = farm.start_coordinator(wait=False, log="second.log", ANALYZER_ROUTER_BIND="tcp://127.0.0.1:0",
                                            ANALYZER_HTTP_BIND="127.0.0.1:0")
            until(lambda: not second.alive(), 20, "the second one ends")
            expect(second.process.returncode == 1 and "ANALYZER_COORDINATOR_NAME" in second.text(), second.text())
            expect(farm.coordinator.alive(), "the first one ended")


@test
def two_coordinators_share_the_work_and_nothing_is_done_twice(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        loads = [Load(url, name, 5000) for name in ("one", "two")]
        for load in loads:
            load.end()
        audit(folder, url, 10000)
        rows = server.sql("SELECT coordinator FROM counters WHERE done > 0")
        expect(len(rows) == 2, f"only {rows} worked")


@test
def a_list_of_hosts_leads_to_the_one_that_can_be_written(folder):
    with Postgres(settings=SMALL) as server, Postgres(settings={**SMALL, "default_transaction_read_only": "on"}) as standby:
        migrated(folder, server)
        url = f"postgresql://kithara@127.0.0.1:{server.more_ports[0]},127.0.0.1:{standby.port},127.0.0.1:{server.port}/postgres"
        load = Load(url, "one", 500)
        load.end()
        audit(folder, server.url, 500)


@test
def wrong_credentials_are_told_without_the_password(folder):
    with Postgres(settings=SMALL) as server:
        migrated(folder, server)
        server.sql("CREATE ROLE guarded LOGIN PASSWORD 'right-one'")
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        server.restart()
        url = server.url.replace("kithara@", "guarded:wrong-one@")
        for command in (["results"], ["db", "status"], ["db", "migrate"]):
            result = kithara(folder, *command, DATABASE_URL=url)
            expect(result.returncode == 1 and "EAUTH" in result.stderr and "guarded" in result.stderr, f"{command}: {result.stderr}")
            expect("wrong-one" not in result.stderr, result.stderr)
        process = subprocess.run([BIN / "kithara-coordinator"], env=environment(folder, DATABASE_URL=url), capture_output=True, text=True, timeout=30)
        expect(process.returncode == 1 and "DATABASE_URL" in process.stderr and "wrong-one" not in process.stderr, process.stderr)


@test
def a_coordinator_refuses_a_schema_of_another_version(folder):
    with Postgres(settings=SMALL) as server:
        def refused(word):
            process = subprocess.run([BIN / "kithara-coordinator"], env=environment(folder, DATABASE_URL=server.url),
                                     capture_output=True, text=True, timeout=30)
            expect(process.returncode == 1 and "ESCHEMA" in process.stderr and word in process.stderr, f"{word}: {process.stderr}")
        refused("kithara db migrate")
        expect(kithara(folder, "db", "status", DATABASE_URL=server.url).returncode == 1, "status of an empty database is 0")
        migrated(folder, server)
        server.sql("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
        refused("another text")
        server.sql("INSERT INTO schema_migrations VALUES (99, '0099_future', '', 0)")
        refused("newer program")
        status = kithara(folder, "db", "status", "-o", "json", DATABASE_URL=server.url)
        expect(status.returncode == 1 and '"0099_future"' in status.stdout and '"changed"' in status.stdout and '"newer"' in status.stdout, status.stdout)


@test
def a_database_of_another_encoding_gets_no_schema(folder):
    with Postgres(settings=SMALL) as server:
        server.sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        url = server.url.replace("/postgres", "/latin")
        result = kithara(folder, "db", "migrate", DATABASE_URL=url)
        expect(result.returncode == 1 and "ESCHEMA" in result.stderr and "ENCODING 'UTF8'" in result.stderr, result.stderr)
        expect("missing" in kithara(folder, "db", "status", DATABASE_URL=url).stdout, "a schema was made")


@test
def two_that_migrate_at_once_do_it_once(folder):
    with Postgres(settings=SMALL) as server:
        both = [start([BIN / "kithara", "db", "migrate"], env=environment(folder, DATABASE_URL=server.url), stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE) for _ in range(2)]
        told = [process.communicate(timeout=60) for process in both]
        expect([process.returncode for process in both] == [0, 0], f"{told}")
        expect(sum(out.startswith("0 migrations applied") for out, _ in told) == 1, f"{told}")


@test
def the_audit_sees_a_result_that_is_there_twice(folder):
    with Postgres(settings=SMALL) as server:
        url = migrated(folder, server)
        Load(url, "one", 100).end()
        audit(folder, url, 100)
        server.sql("DROP INDEX results_once")
        server.sql("INSERT INTO results SELECT * FROM results WHERE job = 7")
        result = kithara(folder, "audit", DATABASE_URL=url)
        expect(result.returncode == 1 and "job 7 run 1: the run has 2 results" in result.stdout, result.stdout)
        expect("the index results_once is missing" in result.stdout, result.stdout)


@test
def a_call_that_takes_longer_than_the_lease_does_not_lose_it(folder):
    """As a slow disk and large messages do it: each stored result takes 3 s, the lease 1 s; another coordinator is ready to take over."""
    del folder
    with Postgres(settings=SMALL) as server:
        with Farm(DATABASE_URL=server.url, ANALYZER_TEST_FAULT="noop", ANALYZER_LEASE="1000") as farm:
            expect(farm.kithara("db", "migrate").returncode == 0, "the migration")
            server.sql("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NEW; END'")
            server.sql("CREATE TRIGGER slow BEFORE INSERT ON results FOR EACH ROW EXECUTE FUNCTION wait()")
            farm.start(["a"])
            farm.submit(0, 2)
            farm.wait_finished(2)
            expect("LEASE-LOST" not in farm.coordinator.text(), farm.coordinator.text())
            expect(server.sql("SELECT count(*) FROM attempts")[0][0] == 0, "no attempt failed")


@test
def a_database_that_is_read_only_or_gone_is_named_and_work_goes_on_when_it_is_back(folder):
    del folder
    with Postgres(settings=SMALL) as server:
        server.sql("CREATE DATABASE farm")
        with Farm(DATABASE_URL=server.url.replace("/postgres", "/farm"), ANALYZER_TEST_FAULT="noop") as farm:
            expect(farm.kithara("db", "migrate").returncode == 0, "the migration")
            farm.start(["a"])
            farm.submit(0, 50)
            farm.wait_finished(50)

            def not_ready(why):
                wait_for(lambda: why in farm.coordinator.text() and "LEDGER-DOWN" in farm.coordinator.text(), f"the log names it: {why}")
                wait_for(lambda: farm.request("GET", "/readyz")[0] == 503, "it is not ready")

            def ready(jobs):
                wait_for(lambda: farm.request("GET", "/readyz")[0] == 200, "it is ready again")
                farm.submit(jobs, 50)
                farm.wait_finished(jobs + 50)

            server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            server.sql("SELECT pg_reload_conf()")
            not_ready("read-only")
            server.sql("ALTER SYSTEM RESET default_transaction_read_only")
            server.sql("SELECT pg_reload_conf()")
            ready(50)

            server.sql("ALTER DATABASE farm ALLOW_CONNECTIONS false")
            server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'farm'")
            until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'farm'")[0][0] == 0, 30, "nobody is in it")
            server.sql("ALTER DATABASE farm RENAME TO elsewhere")
            not_ready("does not exist")
            server.sql("ALTER DATABASE elsewhere RENAME TO farm")
            server.sql("ALTER DATABASE farm ALLOW_CONNECTIONS true")
            ready(100)


if __name__ == "__main__":
    main()
