// kt_counters -- what this process counts since its start, and the outcomes of the last ten seconds. Loop thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_FAILURE_CODES = 128, KT_RATE_SECONDS = 10, KT_SNAPSHOT_STAGES = 32 };

typedef struct kt_outcome_counts {
    uint64_t submitted_new, submitted_known, submitted_clash;  // over HTTP
    uint64_t done, failed;                                     // outcomes stored
    uint64_t failures[KT_FAILURE_CODES];                       // of them, by the number of their error without its sign
} kt_outcome_counts_t;

// Refused HELLOs by reason.
typedef struct kt_refused_hellos {
    uint64_t wire, name, room, twin;
} kt_refused_hellos_t;

// What nodes said about runs without the credential of a BATCH, by what it was. frames: of peers with too many of them,
// dropped unread.
typedef struct kt_refused_credentials {
    uint64_t started, held, outcome, frames;
} kt_refused_credentials_t;

// Files that went back to the queue: not begun while other nodes had idle slots; all of a node without progress.
typedef struct kt_taken_back {
    uint64_t waiting, stalled;
} kt_taken_back_t;

// Durations by bucket: counts[i] are those of at most KT_BUCKETS_S[i] and more than the bound before, the last one
// those beyond all bounds.
enum { KT_BUCKETS = 16 };
extern const double KT_BUCKETS_S[KT_BUCKETS];
typedef struct kt_histogram {
    uint64_t counts[KT_BUCKETS + 1], us;
} kt_histogram_t;

typedef struct kt_stage_times {
    char           name[32];
    kt_histogram_t times;
} kt_stage_times_t;

// Why decoder processes ended files, by outcomes and failed attempts.
typedef struct kt_decoder_deaths {
    uint64_t crash, memory, cpu, stall;
} kt_decoder_deaths_t;

typedef struct kt_counters {
    int64_t                  started_ms, second_ms;
    uint64_t                 done_in[KT_RATE_SECONDS + 1];  // outcomes stored, by second
    size_t                   second;
    kt_outcome_counts_t      outcomes;
    uint64_t                 late_results, bad_frames, doubted_failures;
    kt_refused_hellos_t      refused_hellos;
    kt_refused_credentials_t refused_credentials;
    kt_taken_back_t          taken_back;
    uint64_t                 connections_ended, handshakes_failed;
    size_t                   n_stages;
    kt_stage_times_t         stages[KT_SNAPSHOT_STAGES];
    kt_histogram_t           queue, job, whole;  // in the queue; on the node; from coming in to the stored result
    kt_decoder_deaths_t      decoder_deaths;
    uint64_t                 node_cache_hits;
} kt_counters_t;

bool     kt_counters_tick(kt_counters_t *self, int64_t now_ms);  // true once a second: the next second begins
void     kt_counters_outcome(kt_counters_t *self, bool failure, int code);  // code: the error's number without its sign
void     kt_counters_stage(kt_counters_t *self, const char *name, int64_t us);
void     kt_counters_decoder(kt_counters_t *self, int code);  // of a failed attempt or outcome; others do not count
void     kt_histogram_add(kt_histogram_t *self, int64_t us);
uint64_t kt_histogram_count(const kt_histogram_t *self);
double   kt_counters_rate(const kt_counters_t *self, int64_t now_ms);  // outcomes per second
