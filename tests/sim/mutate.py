#!/usr/bin/env python3
"""Breaks the coordinator's loop on purpose, one rule at a time, and expects the simulation to notice.

  mutate.py --source ROOT --work FOLDER --compiler CC --flags "..." --link "..." [--seeds N] [--only NAME]

Each mutation is a list of (file, old text, new text). The file is copied to FOLDER, changed, compiled and linked before
the library that holds the right one. A text that is not found, or a mutation that passes N seeds, is a failure: a
simulation that cannot fail proves nothing.
"""
import argparse
import concurrent.futures
import pathlib
import re
import shlex
import subprocess
import sys

TABLE, OUTCOME, DISPATCH, NODES = "sched/table.c", "sched/outcome.c", "sched/dispatch.c", "sched/nodes.c"
BEAT, JOBS, STEP = "sched/beat.c", "sched/jobs.c", "sched/scheduler.c"
DISPATCHER, RECEIVER, ADMISSION, CLAIMS = "loop/dispatcher.c", "loop/receiver.c", "loop/admission.c", "loop/claims.c"
LEASE, DRAINS, PORT, PUBLISHER = "loop/lease.c", "loop/drains.c", "loop/ledger_port.c", "amqp/publisher.c"

MUTATIONS = {
    "a result is acknowledged before it is stored": [
        (OUTCOME, "    kt_sched_job_await_ack(job, args->handle);\n    ask_store(self, job);",
         "    kt_sched_emit_node(self, KT_ACT_ACK, args->handle, job->id);\n    ask_store(self, job);")],
    "what was sent to a lost node is dropped": [
        (TABLE, "    } else if (!job->claimed || (!begun && ++job->lost_unstarted < 3)) {",
         "    } else if (!begun) {\n        kt_sched_job_remove(self, job);\n    } else if (!job->claimed) {")],
    "a loss is held against all that the node had": [
        (TABLE, "bool     begun = job->state == KT_SCHED_JOB_RUNNING;", "bool     begun = true;")],
    "credit is never counted down": [
        (DISPATCH, "    node->credit--;\n", ""),
        (NODES, "node->items.count < node->capacity ? node->capacity - node->items.count : 0;", "node->capacity;")],
    "a result of an unknown job is dropped": [
        (STEP, "    if (!job)\n        job = kt_sched_job_take(self, event->id, false);",
         "    if (!job) {\n        kt_sched_emit_drop(self, &args.tag);\n        return;\n    }")],
    "a second missing inventory is ignored": [
        (BEAT, "self->now_ms - job->missing_ms >= patience", "patience < 0")],
    "the first missing inventory counts": [
        (BEAT, "if (wait && !job->missing_ms) {", "if (wait && patience < 0) {")],
    "open requests are not repeated when the ledger is back": [
        (STEP, "    self->claim_after_ms = self->now_ms;\n    ask_again_all(self);",
         "    self->claim_after_ms = self->now_ms;\n    (void)ask_again_all;")],
    "a call with an unknown commit is not repeated": [
        (STEP, "    if (!job || !self->ledger_up)\n        return;", "    if (job || !self->ledger_up)\n        return;")],
    "a drained node gets work": [
        (NODES, " && !node->leaving && !node->name->drained;", " && !node->leaving;")],
    "a batch is as large as the room": [
        (DISPATCH, "    if (most > self->opts.batch_size)\n        most = self->opts.batch_size;\n", "")],
    "a suspect runs among others": [
        (JOBS, "return job->crashes > 0 || job->lost_unstarted >= 2;", "return job->crashes > UINT32_MAX - 1;")],
    "losses have no limit": [
        (TABLE, "job->crashes + 1 >= KT_SCHED_LOSSES", "job->crashes + 1 >= UINT32_MAX")],
    "losses count as attempts": [
        (TABLE, "job->blames > job->crashes ? job->blames - job->crashes : 0;", "job->blames;")],
    "an old failure counts": [
        (TABLE, " && job->attempt == args->attempt;", ";"),
        (TABLE, "return attempt <= job->blames * SCHED_SENDINGS;", "return attempt == UINT32_MAX && job;")],
    "no suspect gets an exclusive node": [
        (DISPATCH, "    send->exclusive   = wants_node(job);\n", "")],
    "sendings are numbered anew after a blame": [
        (DISPATCH, "job->blames * SCHED_SENDINGS;", "job->blames;")],
    "an old inventory begins a new attempt": [
        (TABLE, "    if (args->attempt <= job->over_attempt)  // sent before",
         "    if (args->attempt == UINT32_MAX)  // sent before"),
        (TABLE, "return attempt <= job->blames * SCHED_SENDINGS;", "return attempt == UINT32_MAX && job;")],
    "a result that cannot be stored is done": [
        (OUTCOME, "    if (args->how == KT_STORED_BAD_DATA)\n        refuse_success(self, job);",
         "    if (args->how == KT_STORED_FENCED)\n        refuse_success(self, job);")],
    "a kept outcome is never requested": [
        (BEAT, "if (node->loose_beats >= 2) {", "if (node->loose_beats == UINT32_MAX) {")],
    "two claims at once": [
        (DISPATCH, "    self->claiming                           = true;\n", "")],
    "what waits is kept when the lease is lost": [
        (STEP, "    each_disowned(self, self->ready.first);\n", "")],
    "a step without memory has an effect": [
        (STEP, "    kt_err_t err = step_reserve(self, event, out);\n    if (err)\n        return err;",
         "    kt_err_t err = step_reserve(self, event, out);\n    self->lease_held = self->lease_held && !err;\n"
         "    if (err)\n        return err;")],

    "a DROP is overlooked": [
        (DISPATCHER, "        kt_claims_drop(&self->claims, action->tag);\n    kt_tag_destroy(action->tag);",
         "        kt_claims_drop(&self->claims, action->tag);")],
    "a claim of unknown outcome keeps the lease": [
        (DISPATCHER, "request->err == KT_EFENCED || request->err == KT_EUNKNOWN_COMMIT)", "request->err == KT_EFENCED)")],
    "what cannot be stored counts as stored": [
        (DISPATCHER, ": request->store.stored;", ": request->store.stored == KT_STORED_BAD_DATA ? KT_STORED_NEW"
         " : request->store.stored;")],
    "an unknown commit counts as stored": [
        (DISPATCHER, "        event.type = KT_EV_COMMIT_UNKNOWN;", "        event.type = KT_EV_STORED;"),
        (DISPATCHER, ": request->err             ? KT_STORED_BAD_DATA", ": request->err             ? KT_STORED_NEW")],
    "acknowledgements are not flushed": [
        (DISPATCHER, "{\n    kt_peers_flush(self->opts.peers, dispatcher_send_to_peer, self);", "{")],
    "a batch carries the message of its first job": [
        (DISPATCHER, "kt_claim_t      *claim = sent->tag;",
         "kt_claim_t      *claim = self->actions.jobs[action->first_job].tag;")],
    "a suspect is sent without its mark": [
        (DISPATCHER, ".isolated    = action->isolated,", ".isolated    = false,")],
    "a blame does not record that the node was lost": [
        (DISPATCHER, "attempt->crash     = action->err == KT_ENODELOST || action->err == KT_ECRASH;",
         "attempt->crash     = false;")],
    "claims of an event without memory stay": [
        (DISPATCHER, "i < event.jobs.n && err; i++)", "i < event.jobs.n && err == KT_EFULL; i++)")],
    "a node gets whatever it asks for": [
        (BEAT, "return wanted < left ? wanted", "return wanted || left ? wanted")],
    "a node without progress keeps its files": [
        (NODES, "bool     stalled  = node->items.count &&", "bool     stalled  = node->items.count == SIZE_MAX &&")],
    "progress is not seen": [
        (STEP, "    if (node->progress != event->live.progress)\n", "    if (node->progress == UINT64_MAX)\n"),
        (NODES, "        node->name->proven = 0;\n    kt_sched_node_progress(self, node);\n", "        node->name->proven = 0;\n")],
    "a node that ends nothing keeps its files": [
        (NODES, "    node_take_back(self, node);\n    node_ask_proof(self, node);\n",
         "    node_take_back(self, node);\n    (void)node_ask_proof;\n")],
    "all files that a node says it has begun are believed": [
        (NODES, "    return node->n_running < (size_t)SCHED_PLACES * kt_sched_node_slots(node);", "    return node != NULL;")],
    "a stalled node gets more files": [
        (NODES, "node->refused || node->stalled || room == 0", "node->refused || room == 0")],
    "what one node does not find has failed": [
        (TABLE, "    if (!job->doubt || (job->doubt == name && !job->agrees))", "    if (job->doubt == name && !job->agrees)")],
    "a file that a node does not find goes there again": [
        (DISPATCH, "return self->n_usable < 2 || (!avoided && !doubted);",
         "return self->n_usable < 2 || (!avoided && (!doubted || job));"),
        (TABLE, "    if (!job->doubt || (job->doubt == name && !job->agrees))", "    if (!job->doubt)"),
        (TABLE, "    return !job->agrees && self->now_ms < job->doubt_until_ms && kt_sched_node_unasked(self, job);", "    return false;")],
    "a doubt is refuted by a node that was not given the file": [
        (OUTCOME, "if (!name || name == by->name || agrees == by->name || job->node != by)", "if (!name)")],
    "an outcome needs no credential": [
        (RECEIVER, "if (!kt_dispatcher_knows(self->dispatcher, peer, event.id, event.attempt, outcome->credential)) {",
         "if (!outcome->document.n) {")],
    "an entry of a BEAT needs no credential": [
        (RECEIVER, "        if (receiver_knows_held(self, peer, at, \"held\", &self->counters->refused_credentials.held))",
         "        (void)receiver_knows_held(self, peer, at, \"held\", &self->counters->refused_credentials.held);")],
    "a run that is sent again has the first sending's credential": [
        (DISPATCHER, "    claim->credential = (kt_credential_t){0};\n    if (peer)", "    if (peer && !claim->credential.attempt)")],
    "a failure comes in as a success": [
        (RECEIVER, "outcome->err ? KT_EV_FAILED : KT_EV_RESULT", "KT_EV_RESULT")],
    "kept outcomes of a BEAT are not seen": [
        (RECEIVER, "event.beat.n_kept     = beat->kept.n;", "event.beat.n_kept     = 0;")],
    "held attempts of a BEAT are not seen": [
        (RECEIVER, "event.beat.n_held     = self->held.length / sizeof(kt_held_t);", "event.beat.n_held     = 0;")],
    "an unknown connection gets no WHO": [
        (RECEIVER, "peer->key);\n        receiver_ask_who(self, from);", "peer->key);\n        (void)receiver_ask_who;")],
    "a lease that has run out is held": [
        (LEASE, "    if (self->held && !self->exclusive && now_ms - self->good_ms > self->length_ms)",
         "    if (self->held && now_ms < 0)")],
    "a lease counts from its answer": [
        (LEASE, "    if (!(*request_p)->err) {\n        self->good_ms = self->asked_ms;",
         "    if (!(*request_p)->err) {\n        self->good_ms = kt_clock_ms();")],
    "a lease whose answer came too late is held": [
        (LEASE, "    if (!self->exclusive && kt_clock_ms() - self->asked_ms > self->length_ms) {",
         "    if (kt_clock_ms() < 0) {")],
    "a lost lease is not opened again": [
        (LEASE, "    if (!self->held)\n        lease_post(self, KT_LREQ_OPEN", "    if (!self->held && !self->epoch)\n        lease_post(self, KT_LREQ_OPEN")],
    "the drain list is read once": [
        (DRAINS, "now_ms - self->asked_ms >= KT_DRAINS_READ_MS && ", "now_ms < 0 && ")],
    "a node that the ledger lists no longer stays drained": [
        (DRAINS, "        if (found == request->drained.n)\n            drains_change(self, name, false);", "")],
    "what finds no room in the ledger's queue is lost": [
        (PORT, "    while (posted < self->overflow.length) {", "    while (posted > self->overflow.length) {")],
    "the outbox is not rescanned": [
        (PUBLISHER, "    } else if (!self->more && now_ms >= self->rescan_ms) {", "    } else if (!self->more && now_ms < 0) {")],
    "a lost message counts as confirmed": [
        (PUBLISHER, "case KT_PUBLISHED_LOST: publisher_on_lost(self, message); break;",
         "case KT_PUBLISHED_LOST: publisher_on_confirmed(self, message); (void)publisher_on_lost; break;")],
    "confirmed rows are not recorded": [
        (PUBLISHER, "    self->recording   = true;\n    kt_ledger_port_post(self->opts.port, &request);",
         "    kt_ledger_request_destroy(&request);")],
    "a returned row stays in flight": [
        (PUBLISHER, "    kt_ids_remove(&self->ids, message->row.id);\n\n    uint64_t all", "    uint64_t all")],
}


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("source", "work", "compiler", "flags", "link"):
        parser.add_argument("--" + name, required=True)
    # Most are noticed within 100 seeds. A lease that counts from its answer is seen once in some 3,000: its answer must be
    # late by as much as the lease is long (parts_test.c plays it, too).
    parser.add_argument("--seeds", type=int, default=10000)
    parser.add_argument("--only", default="")
    return parser.parse_args()


def mutate(args, folder, changes):
    """The changed sources, in the work folder; None and a reason when a text is not there exactly once."""
    texts = {}
    for name, old, new in changes:
        text = texts.get(name) or (pathlib.Path(args.source) / "coordinator" / name).read_text()
        if text.count(old) != 1:
            return None, f"{name} has its text {text.count(old)} times: {old.strip().splitlines()[0]!r}"
        texts[name] = text.replace(old, new)
    for name, text in texts.items():
        (folder / pathlib.Path(name).name).write_text(text)
    return [str(folder / pathlib.Path(name).name) for name in texts], ""


def try_one(args, number, name):
    folder = pathlib.Path(args.work) / f"mutation{number}"
    folder.mkdir(parents=True, exist_ok=True)
    sources, why = mutate(args, folder, MUTATIONS[name])
    if not sources:
        return False, why
    program = folder / "sim"
    build = [args.compiler, *shlex.split(args.flags), "-O1", "-I", args.source, *sources, *shlex.split(args.link),
             "-o", str(program)]
    built = subprocess.run(build, capture_output=True, text=True)
    if built.returncode:
        return False, "does not compile: " + built.stderr[:400]
    try:
        ran = subprocess.run([str(program), "--seeds", str(args.seeds), "--until-failure"], capture_output=True, text=True,
                             timeout=300)
    except subprocess.TimeoutExpired:
        return False, "did not end"
    program.unlink()
    found = re.search(r"^seed (\d+) failed.*?: (.*)$", ran.stdout, re.M)
    if not found:
        return False, f"was not noticed in {args.seeds} seeds"
    return True, f"seed {found[1]}: {found[2]}"


def main():
    args = arguments()
    names = [name for name in MUTATIONS if args.only in name]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tries = [(name, pool.submit(try_one, args, number, name)) for number, name in enumerate(names)]
        for name, one in tries:
            noticed, what = one.result()
            failed += not noticed
            print(f"{'noticed' if noticed else 'MISSED '}  {name}: {what}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
