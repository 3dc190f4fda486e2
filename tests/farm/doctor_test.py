#!/usr/bin/env python3
"""kithara doctor with one thing broken at a time: its line is WRONG, it names the thing, and the exit code is 1."""
import email.utils
import http.server
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import BIN, environment, expect, kithara, main, test, until  # noqa: E402
from servers import Postgres, RabbitMQ, free_ports  # noqa: E402


def line(folder, subject, **settings):
    """The state and the text of one line, and the exit code."""
    http, router = free_ports(2)
    done = kithara(folder, "doctor", **{"ANALYZER_HTTP_BIND": f"127.0.0.1:{http}", "ANALYZER_ROUTER_BIND": f"tcp://127.0.0.1:{router}",
                                        "ANALYZER_HTTP_URL": f"http://127.0.0.1:{http}", **settings})
    found = [text.split(None, 2)[1:] for text in done.stdout.splitlines() if text.startswith(subject + " ")]
    expect(len(found) == 1, f"one line of {subject}: {done.stdout}{done.stderr}")
    return (*found[0], done.returncode)


def wrong(folder, subject, part, **settings):
    state, text, code = line(folder, subject, **settings)
    expect(state == "WRONG" and part in text and code == 1, f"{subject}, {part}: {state} {text}, exit code {code}")


@test
def the_two_ports_differ(folder):
    port, = free_ports(1)
    wrong(folder, "coordinator", f"same port {port}", ANALYZER_HTTP_BIND=f"127.0.0.1:{port}", ANALYZER_ROUTER_BIND=f"tcp://127.0.0.1:{port}")
    expect(line(folder, "coordinator")[0] == "ok", "two free ports")


class Tried:
    """A real broker with one user, whose rights a test sets, and what the doctor says of it."""

    def __init__(self, folder, broker):
        self.folder, self.broker = folder, broker
        broker.evaluate('rabbit_auth_backend_internal:add_user(<<"kithara">>, <<"s3cret">>, <<"test">>).')

    def rights(self, configure, write, read):
        self.broker.evaluate(f'rabbit_auth_backend_internal:set_permissions(<<"kithara">>, <<"/">>, <<"{configure}">>, <<"{write}">>,'
                             f' <<"{read}">>, <<"test">>).')

    def line(self, login="kithara:s3cret", hosts=None, vhost="", **settings):
        url = f"amqp://{login}@{hosts or f'127.0.0.1:{self.broker.port}'}/{vhost}"
        state, text, code = line(self.folder, "broker", AMQP_CONNECTION_STRING=url, **settings)
        expect("s3cret" not in text, text)
        return state, text, code

    def expect(self, state, *parts, **how):
        got, text, code = self.line(**how)
        expect(got == state and code == (state == "WRONG") and all(part in text for part in parts), f"{state} {parts}: {got} {text} {code}")

    def names(self):
        """Queues, exchanges and bindings of the broker, and its messages."""
        return self.broker.evaluate("{[{amqqueue:get_name(Q), rabbit_amqqueue:info(Q, [messages, consumers])} || Q <- rabbit_amqqueue:list()],"
                                    " length(rabbit_exchange:list(<<\"/\">>)), length(rabbit_binding:list(<<\"/\">>))}.")


@test
def password_virtual_host_and_rights_at_the_broker_are_tried_and_nothing_is_left_there(folder):
    dead, = free_ports(1)
    with RabbitMQ() as broker, socket.create_server(("127.0.0.1", 0)) as silent:
        tried = Tried(folder, broker)
        tried.rights(".*", ".*", ".*")
        before = tried.names()
        tried.expect("ok", "lets kithara in", "queue analyzer_queue is missing and will be declared",
                     "exchange apollonia is missing and will be declared", "exchange analyzer_queue.dead is missing and will be declared")
        tried.expect("WRONG", "ACCESS_REFUSED", "password", login="kithara:s3cret2")
        tried.expect("WRONG", "nowhere", "virtual host", vhost="nowhere")
        tried.expect("WRONG", f":{dead} fails", hosts=f"127.0.0.1:{dead}")
        tried.expect("WRONG", f":{silent.getsockname()[1]} fails", hosts=f"127.0.0.1:{silent.getsockname()[1]}")
        tried.expect("WARN", f":{dead} fails", "lets kithara in", hosts=f"127.0.0.1:{dead},127.0.0.1:{broker.port}")
        tried.rights("^$", ".*", ".*")
        tried.expect("WRONG", "queue analyzer_queue is missing, and this user may not declare it",
                     "exchange apollonia is missing, and this user may not declare it")
        expect(tried.names() == before, "the checks have left something")

        channel = broker.connect().channel()
        channel.confirm_delivery()
        channel.exchange_declare("apollonia", "topic", durable=True)
        channel.exchange_declare("analyzer_queue.dead", "fanout", durable=True)
        channel.queue_declare("analyzer_queue.dead", durable=True)
        channel.queue_bind("analyzer_queue.dead", "analyzer_queue.dead")
        channel.queue_declare("analyzer_queue", durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind("analyzer_queue.dead", "apollonia", "#")  # what is published would be seen there
        channel.basic_publish("", "analyzer_queue", b"{}")
        before = tried.names()
        tried.rights("^$", "^(apollonia|analyzer_queue.dead)$", "^analyzer_queue$")  # docs/integrate.md
        tried.expect("ok", "queue analyzer_queue is there", "exchange apollonia is there", "amq.default")
        tried.rights("^$", "^(apollonia|analyzer_queue.dead)$", "^$")
        tried.expect("WRONG", "no right to read it")
        tried.rights("^$", "^analyzer_queue.dead$", "^analyzer_queue$")
        tried.expect("WRONG", "exchange apollonia is there", "no right to write to it")
        tried.rights("^$", "^apollonia$", "^analyzer_queue$")
        tried.expect("WARN", "so that dead letters are held")
        expect(tried.names() == before, f"the checks have left something: {tried.names()}, not {before}")
        method, _, _ = channel.basic_get("analyzer_queue")
        expect(method and not method.redelivered, "the job is where it was, and was not taken")

        channel.queue_declare("flow", durable=True, arguments={"x-queue-type": "stream"})
        tried.rights(".*", ".*", ".*")
        tried.expect("WRONG", "is a stream", ANALYZER_QUEUE_NAME="flow")
        channel.connection.close()


@test
def a_broker_is_not_checked_where_the_coordinator_is_not_installed_and_the_line_says_so(folder):
    (folder / "bin").mkdir()
    alone = folder / "bin/kithara"
    shutil.copy(BIN / "kithara", alone)
    done = subprocess.run([alone, "doctor"], capture_output=True, text=True, timeout=60,
                          env=environment(folder, AMQP_CONNECTION_STRING="amqp://127.0.0.1:9/"))
    text, = [line for line in done.stdout.splitlines() if line.startswith("broker ")]
    expect("WARN" in text and "password, virtual host and rights are not checked" in text and "kithara-coordinator" in text, text)


@test
def the_address_of_a_broker_that_is_none_is_named(folder):
    wrong(folder, "broker", "amqp://USER", AMQP_CONNECTION_STRING="http://u:s3cret@127.0.0.1:9/")


@test
def password_database_and_rights_of_postgresql_are_tried(folder):
    with Postgres() as server:
        def tried(state, part, url):
            got, text, code = line(folder, "database", DATABASE_URL=url)
            expect(got == state and part in text and code == (state == "WRONG"), f"{state}, {part}: {got} {text} {code}")
            expect("s3cret" not in text, text)
        place = f"127.0.0.1:{server.port}"
        tried("WRONG", "migrations", server.url)
        done = kithara(folder, "db", "migrate", DATABASE_URL=server.url)
        expect(done.returncode == 0, done.stderr)
        tried("ok", "with the rights of a coordinator", server.url)
        tried("WRONG", "nowhere", f"postgresql://kithara@{place}/nowhere")
        server.sql("CREATE ROLE reader LOGIN PASSWORD 's3cret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        tried("WRONG", "DELETE, INSERT, UPDATE, USAGE of attempts", f"postgresql://reader@{place}/postgres")
        server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader")
        tried("WRONG", "USAGE of backfill_ids, epochs, job_ids", f"postgresql://reader@{place}/postgres")
        server.sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO reader")
        tried("ok", "with the rights of a coordinator", f"postgresql://reader@{place}/postgres")
        server.sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
        tried("WRONG", "read-only", server.url)
        (server.folder / "data/pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        server.send(signal.SIGHUP)
        until(lambda: line(folder, "database", DATABASE_URL=f"postgresql://reader:s3cret2@{place}/postgres")[0] == "WRONG", 30, "passwords count")
        tried("WRONG", "password", f"postgresql://reader:s3cret2@{place}/postgres")


class Late(http.server.BaseHTTPRequestHandler):
    """A coordinator whose clock is wrong by `seconds`."""

    seconds = 0

    def do_GET(self):
        body = b'{"coordinator": "c1", "version": "0"}'
        self.send_response_only(200)
        self.send_header("Date", email.utils.formatdate(time.time() + self.seconds, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@test
def the_clock_is_compared_with_the_coordinator_s(folder):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for seconds, state, part in ((0, "ok", "the coordinator's is the same"), (-30, "WARN", "behind"), (3600, "WRONG", "ahead")):
            Late.seconds = seconds
            got, text, code = line(folder, "clock", ANALYZER_HTTP_URL=f"http://127.0.0.1:{server.server_address[1]}")
            expect(got == state and part in text and code == (state == "WRONG"), f"{seconds}: {got} {text} {code}")
        server.shutdown()


@test
def a_state_folder_that_is_a_file_is_named(folder):
    (folder / "file").write_text("")
    for place in ("file", "file/below"):
        wrong(folder, "state", f"{folder}/file is a file", ANALYZER_STATE_DIR=folder / place)


@test
def the_check_of_the_coordinator_listens_nowhere_creates_nothing_and_names_what_is_wrong(folder):
    def checked(**settings):
        done = subprocess.run([BIN / "kithara-coordinator", "--check"], capture_output=True, text=True, timeout=60,
                              env=environment(folder, **settings))
        return done.returncode, {words[0]: words[1:] for words in (text.split(None, 2) for text in done.stdout.splitlines())}, done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, lines, _ = checked(ANALYZER_HTTP_BIND=f"127.0.0.1:{taken.getsockname()[1]}")
    expect(code == 0 and list(lines) == ["settings", "addresses", "state", "keys", "database"], f"{code} {lines}")
    expect(not (folder / "state").exists(), "it creates nothing")
    for settings, subject, part in (({"ANALYZER_ROUTER_BIND": "tcp://127.0.0.1:99999"}, "addresses", "ANALYZER_ROUTER_BIND"),
                                    ({"ANALYZER_REQUIRE_TLS": "true", "REDIS_URL": "redis://cache.example"}, "tls", "cache.example"),
                                    ({"REDIS_URL": "http://cache"}, "cache", "REDIS_URL"),
                                    ({"DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:9/x"}, "database", "refused"),
                                    ({"AMQP_CONNECTION_STRING": "amqp://u:s3cret@127.0.0.1:9/"}, "broker", "127.0.0.1:9 fails")):
        code, lines, errors = checked(**settings)
        wrongs = [name for name, (state, _) in lines.items() if state == "WRONG"]
        expect(code == 1 and wrongs == [subject] and part in lines[subject][1], f"{settings}: {code} {lines}")
        expect("s3cret" not in str(lines) + errors, f"{lines} {errors}")
    code, lines, errors = checked(ANALYZER_BATCH_SIZE="many")
    expect(code == 2 and not lines and "ANALYZER_BATCH_SIZE" in errors, f"{code} {lines} {errors}")
    done = subprocess.run([BIN / "kithara-node", "--check"], capture_output=True, text=True, timeout=60, env=environment(folder))
    expect(done.returncode == 2 and "EUSAGE" in done.stderr, done.stderr)


@test
def a_key_that_is_empty_or_open_is_named(folder):
    keys = folder / "state/keys"
    keys.mkdir(parents=True)
    secret = keys / "coordinator.secret"
    secret.write_text("")
    secret.chmod(0o600)
    wrong(folder, "keys", "is empty")
    secret.write_text("no key")
    wrong(folder, "keys", "is damaged")
    secret.write_text("x" * 40)
    expect(line(folder, "keys")[0] == "ok", "a key of this user only")
    secret.chmod(0o644)
    wrong(folder, "keys", "chmod 600")


@test
def the_disk_of_a_ledger_elsewhere_is_looked_at(folder):
    small = pathlib.Path("/proc/self/fd")  # a file system without a free block
    part = "0.0 GiB free" if os.access(small, os.W_OK) else "cannot be written"
    wrong(folder, "database", part, DATABASE_URL=f"sqlite:{small}/ledger.sqlite")


if __name__ == "__main__":
    main()
