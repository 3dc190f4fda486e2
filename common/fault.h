// kt_test_faults -- the faults that tests request, parsed: ANALYZER_TEST_FAULT in the process that analyses (kept in
// kt_settings_t), KITHARA_DECODE_FAULT in kithara-decode. Pure; any thread.
//
//   analysis  crash:WORD, hang:WORD, grow:WORD (files whose path contains WORD), noop, noop:BYTES (all files)
//   decoder   crash, hang, grow, spin, forbidden (all files), each with :BYTES (files of that size only)
//
// A list is separated by commas; the empty text is the empty list. A build without KT_TEST_FAULTS (packages) permits
// that one alone.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KT_TEST_FAULTS_MAX = 8,
    KT_TEST_FAULT_WORD = 128,
    KT_TEST_FAULT_WHY  = 256,
    KT_NOOP_BYTES_MIN  = 256,
    KT_NOOP_BYTES_MAX  = 32 << 10,
};

typedef enum kt_test_fault_kind {
    KT_TEST_FAULT_CRASH,
    KT_TEST_FAULT_HANG,       // never returns
    KT_TEST_FAULT_GROW,       // allocates until it is refused
    KT_TEST_FAULT_SPIN,       // uses CPU time without end
    KT_TEST_FAULT_FORBIDDEN,  // a system call that the sandbox forbids
    KT_TEST_FAULT_NOOP,       // nothing is analysed
} kt_test_fault_kind_t;

typedef enum kt_test_fault_site { KT_TEST_FAULT_IN_ANALYSIS, KT_TEST_FAULT_IN_DECODER } kt_test_fault_site_t;

typedef struct kt_test_fault {
    kt_test_fault_kind_t kind;
    char                 word[KT_TEST_FAULT_WORD];  // analysis: part of the path
    uint64_t             bytes;                     // decoder: size of the file; 0: any
} kt_test_fault_t;

typedef struct kt_test_faults {
    bool            noop;
    uint32_t        noop_bytes;  // size of its messages; 0: whole ones
    size_t          n;           // of the others
    kt_test_fault_t list[KT_TEST_FAULTS_MAX];
} kt_test_faults_t;

bool kt_test_faults_built(void);  // this build has them
// KT_EINVAL: why names the first item that is not permitted, and the permitted ones; *out is unchanged.
KT_MUST_USE kt_err_t kt_test_faults_parse(kt_test_faults_t *out, kt_test_fault_site_t site, const char *text,
                                          char why[KT_TEST_FAULT_WHY]);
bool                 kt_test_faults_hit_path(const kt_test_faults_t *self, kt_test_fault_kind_t kind, const char *path);
bool                 kt_test_faults_hit_size(const kt_test_faults_t *self, kt_test_fault_kind_t kind, uint64_t bytes);
