// The main of the fuzz programs, which contain one function, LLVMFuzzerTestOneInput, and its valid inputs, fuzz_seed.
//     PROGRAM [RUNS [SEED]]      mutates valid inputs at random and passes each to the function
//     PROGRAM SECONDSs [SEED]    does so for that time ("60s")
//     PROGRAM corpus FOLDER      writes valid inputs into the folder
// Built with clang and KT_LIBFUZZER, all arguments but those of `corpus` are libFuzzer's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// One valid input in heap memory of exactly its size, *length.
static uint8_t *fuzz_seed(unsigned number, size_t *length);

enum { CORPUS_FILES = 256 };

// 0, or 1 if the folder cannot be written.
static int
fuzz_write_corpus(const char *folder)
{
    char path[4096];
    for (unsigned i = 0; i < CORPUS_FILES; i++) {
        size_t   length;
        uint8_t *seed = fuzz_seed(i, &length);
        snprintf(path, sizeof path, "%s/seed-%03u", folder, i);
        FILE *file    = fopen(path, "wbe");
        bool  written = file && fwrite(seed, 1, length, file) == length;
        free(seed);
        if (!file || fclose(file) || !written) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

// May be unused.
static inline uint64_t
fuzz_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#ifdef KT_LIBFUZZER
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *bytes, size_t length));

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "corpus") == 0)
        return fuzz_write_corpus(argv[2]);
    return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput);
}
#else
static size_t
fuzz_change(uint8_t *bytes, size_t length, uint64_t *state)
{
    for (uint64_t n = 1 + fuzz_random(state) % 4; n && length; n--) {
        size_t at = fuzz_random(state) % length;
        switch (fuzz_random(state) % 4) {
        case 0: bytes[at] ^= (uint8_t)(1u << fuzz_random(state) % 8); break;
        case 1: bytes[at] = (uint8_t)fuzz_random(state); break;
        case 2: length = at; break;
        default: memmove(bytes + at, bytes + length / 2, length - (at > length / 2 ? at : length / 2)); break;
        }
    }
    return length;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "corpus") == 0)
        return fuzz_write_corpus(argv[2]);
    unsigned long runs  = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    uint64_t      state = argc > 2 ? strtoull(argv[2], NULL, 10) | 1 : 1;
    bool          timed = argc > 1 && argv[1][strlen(argv[1]) - 1] == 's';
    time_t        end   = time(NULL) + (time_t)runs;
    unsigned long i     = 0;
    for (; timed ? time(NULL) < end : i < runs; i++) {
        size_t   length;
        uint8_t *seed  = fuzz_seed((unsigned)fuzz_random(&state), &length);
        length         = fuzz_change(seed, length, &state);
        uint8_t *exact = malloc(length ? length : 1);
        memcpy(exact, seed, length);
        LLVMFuzzerTestOneInput(exact, length);
        free(exact);
        free(seed);
    }
    printf("%lu inputs, none crashed\n", i);
    return 0;
}
#endif
