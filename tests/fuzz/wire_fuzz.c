// Fuzzing kt_wire_decode: any bytes are refused or give a message that encodes again and then means the same.
#include "common/assert.h"
#include "fuzz_main.h"
#include "proto/wire.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static kt_wire_arena_t arena, arena_again;
    kt_msg_t               msg, again;
    kt_buf_t               once, twice;
    if (kt_wire_decode(bytes, length, &arena, &msg))
        return 0;
    kt_buf_init(&once, 16 << 20);
    kt_buf_init(&twice, 16 << 20);
    kt_assert(kt_wire_encode(&msg, &once) == KT_OK);
    kt_assert(kt_wire_decode(once.bytes, once.length, &arena_again, &again) == KT_OK);
    kt_assert(kt_wire_encode(&again, &twice) == KT_OK);
    kt_assert(once.length == twice.length);
    kt_buf_fini(&once);
    kt_buf_fini(&twice);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    kt_wire_work_t work[] = {{.job = number, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"a\"}")},
                             {.job = 70000, .isolated = true, .deadline_ms = 1u << 20}};
    kt_wire_stage_time_t stages[] = {{kt_bytes_of("decode"), 1000}, {kt_bytes_of("spectral"), number}};
    kt_wire_outcome_t    done[]   = {{.job = 9, .err = -40, .stages = {stages, 2}, .document = kt_bytes_of("{}")}};
    kt_wire_held_t       held[]   = {{1, 1, 1, 1, kt_bytes_of("0123456789abcdef")}, {number, 1, 2, 0, {NULL, 0}}};
    kt_wire_ref_t        kept[]   = {{number, 1}};
    const kt_msg_t       seeds[]  = {
               {.type = KT_MSG_BATCH, .batch = {number, {work, 2}}},
               {.type = KT_MSG_RESULT, .result = {{done, 1}}},
               {.type = KT_MSG_BEAT, .beat = {1, 4, number, false, {held, 2}, {kept, 1}}},
               {.type = KT_MSG_HELLO, .hello = {.wire = 1, .name = kt_bytes_of("node"), .slots = 4}},
               {.type = KT_MSG_DRAIN, .drain = {true, kt_bytes_of("by hand")}},
    };
    kt_buf_t buf;
    kt_buf_init(&buf, 1 << 20);
    kt_assert(kt_wire_encode(&seeds[number % (sizeof seeds / sizeof *seeds)], &buf) == KT_OK);
    return (uint8_t *)kt_buf_take(&buf, length);
}
