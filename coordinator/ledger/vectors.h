// ledger_vectors -- the stored vectors of recordings (similarity_vectors.combined_vector of the messages), and the
// search for the nearest ones. One vector counts per file: that of its latest result, if that is a success; none of
// removed files. A vector stays when the document of its result is past its retention. Memory is bounded by `want`.
#pragma once

#include "common/err.h"
#include "proto/job.h"
#include "proto/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_VECTOR_MOST = 768, KT_VECTOR_METHOD = 128, KT_NEAREST_MOST = 1000 };

// A unit vector and the version of its definition; only vectors of the same method are compared.
typedef struct kt_vector {
    size_t n;
    double value[KT_VECTOR_MOST];
    char   method[KT_VECTOR_METHOD];
} kt_vector_t;

// Of two vectors of the same length: one minus the cosine, 0 for the same direction, 2 for the opposite.
double kt_vector_distance(const kt_vector_t *a, const kt_vector_t *b);

typedef struct kt_neighbour {
    double      distance;  // kt_vector_distance
    kt_run_id_t id;
    char       *file_path;          // malloc'ed
    double      duration_s, tempo;  // NaN: none
    char        key[16], mode[16];  // "": none
} kt_neighbour_t;

// Exact, by one pass over the vectors, the latest job first. The nearest first; of equal distances the earlier job
// first. A search of bounded calls (`most`) gives what one call would: each goes on where the one before ended.
typedef struct kt_nearest {
    const kt_vector_t *query;
    const char        *path;           // of the query, which is no neighbour of itself; "": of no stored file
    size_t             want;           // at most KT_NEAREST_MOST
    size_t             most;           // rows that one call reads, rounded up to whole pages of 512; 0: all
    uint64_t           before;         // only vectors of earlier jobs; 0: all. Filled: where the next call goes on
    bool               more;           // filled: there are earlier ones
    kt_neighbour_t    *out;            // the caller's, room for `want`
    size_t             n;              // filled; 0 at first
    uint64_t           compared;       // filled: vectors of the query's method and length, of older results, too
    uint64_t           other_methods;  // filled: files whose vector is of another method
    uint64_t           damaged;        // filled: rows that hold no vector, which are left out
    kt_run_id_t        first_damaged;
} kt_nearest_t;
void kt_nearest_clear(kt_nearest_t *self);  // frees the rows that were filled
