#include "common/file.h"
#include "models/format/ktm.h"
#include "models/format/parse.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const float    floats[8] = {1, -2, 3.5f, 0, 5, 6, 7, 8};
static const uint16_t halves[4] = {0x3C00, 0xC000, 0x0001, 0x7BFF};
static const int8_t   bytes8[6] = {-128, -1, 0, 1, 2, 127};
static char           why[KT_KTM_WHY];

static const ktm_text_t valid = {.tensors = {
                                     {"w", KT_KTM_F32, 2, {2, 4}, floats, NULL},
                                     {"h", KT_KTM_F16, 1, {4}, halves, NULL},
                                     {"s", KT_KTM_F32, 1, {2}, floats, NULL},
                                     {"i", KT_KTM_I8, 2, {2, 3}, bytes8, "s"},
                                 }};

// Reads and destroys; why is emptied before.
static kt_err_t
read_bytes(const uint8_t *bytes, size_t length)
{
    kt_ktm_t *file = NULL;
    why[0]         = '\0';
    kt_err_t err   = kt_ktm_read(&file, bytes, length, why);
    cr_assert_eq(err == KT_OK, file != NULL);
    cr_assert_eq(err == KT_OK, why[0] == '\0');
    kt_ktm_destroy(&file);
    return err;
}

static kt_err_t
read_text(const ktm_text_t *text)
{
    size_t   length;
    uint8_t *bytes = ktm_build(text, &length);
    kt_err_t err   = read_bytes(bytes, length);
    free(bytes);
    return err;
}

Test(ktm, a_valid_file_gives_its_tensors_in_place)
{
    size_t    length;
    uint8_t  *bytes = ktm_build(&valid, &length);
    kt_ktm_t *file  = NULL;
    cr_assert_eq(kt_ktm_read(&file, bytes, length, why), KT_OK, "%s", why);
    cr_assert_str_eq(kt_ktm_name(file), "small");
    cr_assert_str_eq(kt_ktm_version(file), "1.0.0");
    cr_assert_eq(kt_ktm_bytes(file), length);
    cr_assert_eq(kt_ktm_tensors(file), 4);
    const kt_ktm_tensor_t *w = kt_ktm_find(file, "w"), *i = kt_ktm_find(file, "i");
    cr_assert_eq(w, kt_ktm_tensor(file, 0));
    cr_assert(w->type == KT_KTM_F32 && w->rank == 2 && w->dims[0] == 2 && w->dims[1] == 4 && w->count == 8);
    cr_assert_eq((uintptr_t)w->data % 64, 0);
    cr_assert((const uint8_t *)w->data > bytes && (const uint8_t *)w->data < bytes + length);
    cr_assert_arr_eq(w->data, floats, sizeof floats);
    cr_assert_eq(i->scale, kt_ktm_find(file, "s")->data);
    cr_assert_null(kt_ktm_find(file, "none"));
    cr_assert_null(w->scale);
    kt_ktm_destroy(&file);
    kt_ktm_destroy(&file);  // idempotent
    free(bytes);
}

Test(ktm, a_file_cut_anywhere_is_refused_sealed_or_not)
{
    size_t   length;
    uint8_t *bytes = ktm_build(&valid, &length);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *shorter = aligned_alloc(64, (cut + 64) / 64 * 64);
        memcpy(shorter, bytes, cut);
        cr_assert_eq(read_bytes(shorter, cut), KT_EMODEL, "%zu", cut);
        ktm_seal(shorter, cut);
        cr_assert_eq(read_bytes(shorter, cut), KT_EMODEL, "%zu", cut);
        free(shorter);
    }
    free(bytes);
}

Test(ktm, a_file_with_a_changed_bit_is_refused)
{
    size_t   length;
    uint8_t *bytes = ktm_build(&valid, &length);
    for (size_t at = 0; at < length; at++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1u << bit);
            kt_err_t err = read_bytes(bytes, length);
            cr_assert_eq(err, at >= 8 && at < 12 ? KT_EMODELVERSION : KT_EMODEL, "byte %zu bit %d", at, bit);
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    cr_assert_eq(read_bytes(bytes, length), KT_OK);
    free(bytes);
}

// Sealed changes may be valid, as of a weight; what is read is then within bounds (the address sanitizer looks).
Test(ktm, a_sealed_file_with_a_changed_byte_is_read_or_refused)
{
    size_t   length;
    uint8_t *bytes = ktm_build(&valid, &length);
    for (size_t at = 12; at < length; at++)
        for (int value = 0; value < 256; value += at < 32 ? 1 : 5) {
            uint8_t old = bytes[at];
            bytes[at]   = (uint8_t)value;
            ktm_seal(bytes, length);
            kt_err_t err = read_bytes(bytes, length);
            cr_assert(err == KT_OK || err == KT_EMODEL, "byte %zu: %s", at, kt_err_name(err));
            bytes[at] = old;
        }
    free(bytes);
}

Test(ktm, what_is_before_the_header_is_checked)
{
    size_t   length;
    uint8_t *bytes = ktm_build(&valid, &length);
    uint32_t large = KT_KTM_HEADER + 1, version = 2;
    memcpy(bytes + 12, &large, sizeof large);
    cr_assert_eq(read_bytes(bytes, length), KT_EMODEL);
    cr_assert_str_eq(why, "the header has 4194305 bytes, more than 4194304");
    large = KT_KTM_HEADER;
    memcpy(bytes + 12, &large, sizeof large);
    cr_assert_eq(read_bytes(bytes, length), KT_EMODEL);
    cr_assert(strstr(why, "truncated: the header has 4194304 bytes") == why, "%s", why);
    memcpy(bytes + 8, &version, sizeof version);
    cr_assert_eq(read_bytes(bytes, length), KT_EMODELVERSION);
    cr_assert_str_eq(why, "format version 2; this reader has version 1");
    memcpy(bytes, "\x89KTN", 4);
    cr_assert_eq(read_bytes(bytes, length), KT_EMODEL);
    cr_assert_str_eq(why, "not a .ktm file: it does not begin with \\x89KTM");
    free(bytes);
}

#define W "'type':'f32','shape':[2,4],'offset':0"
#define WHOLE "{'name':'w'," W "}"

Test(ktm, a_wrong_tensor_table_is_named)
{
    const struct {
        const char *table, *why;
    } rows[] = {
        {"7", "tensors: an entry has no name of 1 to 63 bytes"},
        {"{'name':''," W "}", "tensors: an entry has no name of 1 to 63 bytes"},
        {"{'name':'0123456789012345678901234567890123456789012345678901234567890123'," W "}",
         "tensors: an entry has no name of 1 to 63 bytes"},
        {"{'name':'w','size':1," W "}", "tensor w: unknown member size"},
        {"{'name':'w','type':'f64','shape':[2,4],'offset':0}", "tensor w: type is not f32, f16 or i8"},
        {"{'name':'w','type':'f32','shape':[],'offset':0}", "tensor w: shape is not an array of 1 to 6 dimensions"},
        {"{'name':'w','type':'f32','shape':8,'offset':0}", "tensor w: shape is not an array of 1 to 6 dimensions"},
        {"{'name':'w','type':'f32','shape':[1,1,1,1,1,1,8],'offset':0}",
         "tensor w: shape is not an array of 1 to 6 dimensions"},
        {"{'name':'w','type':'f32','shape':[0],'offset':0}",
         "tensor w: dimension 0 is not an integer from 1, or there are 2^31 elements"},
        {"{'name':'w','type':'f32','shape':[8,1.0],'offset':0}",
         "tensor w: dimension 1 is not an integer from 1, or there are 2^31 elements"},
        {"{'name':'w','type':'f32','shape':[65536,32768],'offset':0}",
         "tensor w: dimension 1 is not an integer from 1, or there are 2^31 elements"},
        {"{'name':'w','type':'f32','shape':[4294967297],'offset':0}",
         "tensor w: dimension 0 is not an integer from 1, or there are 2^31 elements"},
        {"{'name':'w','type':'f32','shape':[9],'offset':0}", "truncated: tensor w ends after the file"},
        {"{'name':'w','type':'f32','shape':[7],'offset':0}", "4 bytes follow the last tensor"},
        {"{'name':'w','type':'f32','shape':[8],'offset':64}", "tensor w: offset is not 0"},
        {"{'name':'w','type':'f32','shape':[8],'offset':-64}", "tensor w: offset is not 0"},
        {"{'name':'w','type':'f32','shape':[8]}", "tensor w: offset is not 0"},
        {WHOLE "," WHOLE, "tensor w: offset is not 64"},
        {WHOLE ",{'name':'v','type':'f32','shape':[1],'offset':32}", "tensor v: offset is not 64"},
        {WHOLE ",{'name':'v','type':'f32','shape':[1],'offset':64}", "truncated: tensor v ends after the file"},
        {"{'name':'w','scale':'w'," W "}", "tensor w: only i8 has a scale"},
        {"{'name':'w','type':'i8','shape':[4,8],'offset':0}",
         "tensor w: scale does not name an f32 tensor of shape [4]"},
        {"{'name':'w','type':'i8','shape':[4,8],'offset':0,'scale':'w'}",
         "tensor w: scale does not name an f32 tensor of shape [4]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ktm_text_t text = {.tensor_table = rows[i].table, .tensors = {{"w", KT_KTM_F32, 2, {2, 4}, floats, NULL}}};
        cr_expect_eq(read_text(&text), KT_EMODEL, "%s", rows[i].table);
        cr_expect_str_eq(why, rows[i].why);
    }
}

Test(ktm, two_tensors_of_one_name_are_refused)
{
    ktm_text_t text = {.tensors = {{"w", KT_KTM_F32, 1, {8}, floats, NULL}, {"w", KT_KTM_F32, 1, {8}, floats, NULL}}};
    cr_assert_eq(read_text(&text), KT_EMODEL);
    cr_assert_str_eq(why, "two tensors have the name w");
}

Test(ktm, bytes_between_parts_are_zero)
{
    size_t   length, zeros = 0;
    uint8_t *bytes = ktm_build(&valid, &length);
    uint32_t header;
    memcpy(&header, bytes + 12, sizeof header);
    for (size_t at = 32 + header; at < length; at++) {
        uint8_t old = bytes[at];
        if (old)
            continue;
        bytes[at] = 1;
        ktm_seal(bytes, length);
        zeros += read_bytes(bytes, length) == KT_EMODEL;
        bytes[at] = old;
    }
    // 64 - (32 + H) % 64 before the data; 32 after w, 56 after h, 56 after s.
    cr_assert_eq(zeros, (64 - (32 + header) % 64) % 64 + 32 + 56 + 56);
    free(bytes);
}

Test(ktm, a_value_that_is_not_finite_is_found_at_any_place)
{
    enum { N = 4096 * 2 + 37 };
    static float    wide[N];
    static uint16_t narrow[N];
    const float     bad[]      = {NAN, -NAN, INFINITY, -INFINITY};
    const uint16_t  bad_half[] = {0x7C00, 0xFC00, 0x7C01, 0xFFFF};
    const size_t    places[]   = {0, 1, 4095, 4096, 8191, 8192, N - 1};
    for (size_t i = 0; i < N; i++) {
        wide[i]   = i % 2 ? 3.4028234e38f : -1e-45f;
        narrow[i] = i % 2 ? 0x7BFF : 0x83FF;
    }
    cr_assert(kt_ktm_all_finite(KT_KTM_F32, wide, N) && kt_ktm_all_finite(KT_KTM_F16, narrow, N));
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
        for (size_t i = 0; i < 4; i++) {
            float    old      = wide[places[p]];
            uint16_t old_half = narrow[places[p]];
            wide[places[p]]   = bad[i];
            narrow[places[p]] = bad_half[i];
            cr_assert_not(kt_ktm_all_finite(KT_KTM_F32, wide, N), "%zu", places[p]);
            cr_assert_not(kt_ktm_all_finite(KT_KTM_F16, narrow, N), "%zu", places[p]);
            wide[places[p]]   = old;
            narrow[places[p]] = old_half;
        }
}

Test(ktm, weights_and_scales_are_finite)
{
    const float nan[2] = {1, NAN};
    ktm_text_t  text   = {.tensors = {{"w", KT_KTM_F32, 1, {2}, nan, NULL}}};
    cr_assert_eq(read_text(&text), KT_EMODEL);
    cr_assert_str_eq(why, "tensor w has a value that is not finite");
    text = (ktm_text_t){.tensors = {{"i", KT_KTM_I8, 2, {2, 3}, bytes8, "s"}, {"s", KT_KTM_F32, 1, {2}, nan, NULL}}};
    cr_assert_eq(read_text(&text), KT_EMODEL);
    cr_assert_str_eq(why, "tensor s has a value that is not finite");
}

Test(ktm, a_wrong_header_is_named)
{
    const struct {
        const char *header, *why;
    } rows[] = {
        {"", "header: line 1: '[' or '{' expected near end of file"},
        {"[]", "header: line 1: an array where an object is expected"},
        {"{}", "header: name is missing; it is a text"},
        {"{\"name\":1}", "header: name is not a text"},
        {"{\"name\":\"a\",\"name\":\"a\"}", "header: line 1: duplicate object key near '\"name\"'"},
        {"{\"a\":1e999}", "header: line 1: real number overflow near '1e999'"},
        {"{\"a\":NaN}", "header: line 1: invalid token near 'NaN'"},
        {"{\"a\":\"\xFF\"}", "header: line 1: unable to decode byte 0xff near '\"'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t   length;
        uint8_t *bytes = ktm_build_raw(rows[i].header, strlen(rows[i].header), NULL, 0, &length);
        cr_expect_eq(read_bytes(bytes, length), KT_EMODEL, "%s", rows[i].header);
        cr_expect_str_eq(why, rows[i].why);
        free(bytes);
    }
}

Test(ktm, the_members_of_the_header_have_their_types)
{
    const struct {
        ktm_text_t  text;
        const char *why;
    } rows[] = {
        {{.name = "Small"}, "name: 1 to 63 lower-case letters, digits and _ are expected"},
        {{.name = ""}, "name: 1 to 63 lower-case letters, digits and _ are expected"},
        {{.name = "../a"}, "name: 1 to 63 lower-case letters, digits and _ are expected"},
        {{.input = "[]"}, "header: input is not an object"},
        {{.graph = "'x'"}, "header: graph is not an object"},
        {{.outputs = "{}"}, "header: outputs is not an array"},
        {{.free = "null"}, "header: free is not an object"},
        {{.more = ",'notes':7"}, "header: notes is not a text"},
        {{.more = ",'accuracy':{}"}, "header: accuracy is not an array"},
        {{.more = ",'source':{'url':''}"}, "source: unknown member url"},
        {{.more = ",'source':{'file':1}"}, "source.file is not a text"},
        {{.more = ",'extra':1,'source':{'file':'a','sha256':'b','package':'c'},'notes':'','accuracy':[]"}, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(read_text(&rows[i].text), *rows[i].why ? KT_EMODEL : KT_OK, "%s", rows[i].why);
        cr_expect_str_eq(why, rows[i].why);
    }
}

Test(ktm, a_version_is_three_numbers)
{
    const char *const wrong[] = {"", "1", "1.0", "1.0.0.0", "1.0.0-a", "v1.0.0", "1..0", "1.0.1234567890", " 1.0.0"};
    char              header[512];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t   length;
        int      n     = snprintf(header, sizeof header,
                                  "{\"name\":\"a\",\"version\":\"%s\",\"licence\":\"\",\"attribution\":\"\",\"input\":{},"
                                           "\"graph\":{},\"tensors\":[],\"outputs\":[]}",
                                  wrong[i]);
        uint8_t *bytes = ktm_build_raw(header, (size_t)n, NULL, 0, &length);
        cr_expect_eq(read_bytes(bytes, length), KT_EMODEL, "%s", wrong[i]);
        cr_expect_str_eq(why, "version: MAJOR.MINOR.PATCH is expected");
        free(bytes);
    }
}

Test(ktm, deep_nesting_is_refused)
{
    char text[256] = ",'extra':";
    memset(text + strlen(text), '[', 64);
    memset(text + strlen(text), ']', 64);
    cr_assert_eq(read_text(&(ktm_text_t){.more = text}), KT_EMODEL);
    cr_assert_str_eq(why, "header: line 1: nested more than 64 deep");
}

Test(ktm, more_tensors_than_the_limit_are_refused)
{
    char *table = malloc((KT_KTM_TENSORS + 1) * 2 + 1);
    for (size_t i = 0; i <= KT_KTM_TENSORS; i++)
        memcpy(table + 2 * i, "1,", 3);
    table[2 * KT_KTM_TENSORS + 1] = '\0';
    cr_assert_eq(read_text(&(ktm_text_t){.tensor_table = table}), KT_EMODEL);
    cr_assert_str_eq(why, "8193 tensors, more than 8192");
    free(table);
}

Test(ktm, a_file_without_tensors_ends_where_the_data_would_begin)
{
    size_t   length;
    uint8_t *bytes = ktm_build(&(ktm_text_t){0}, &length);
    cr_assert_eq(length % 64, 0);
    cr_assert_eq(read_bytes(bytes, length), KT_OK, "%s", why);
    free(bytes);
}

Test(ktm, a_file_is_mapped_and_has_a_digest)
{
    char        path[] = "/tmp/ktm_testXXXXXX";
    size_t      length;
    uint8_t    *bytes = ktm_build(&valid, &length);
    kt_ktm_t   *file  = NULL;
    kt_digest_t wanted, got;
    int         fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    cr_assert_eq(kt_ktm_open(&file, path, why), KT_OK, "%s", why);
    cr_assert_arr_eq(kt_ktm_find(file, "w")->data, floats, sizeof floats);
    kt_digest_of(bytes, length, &wanted);
    cr_assert_eq(kt_ktm_digest(file, &got), KT_OK);
    cr_assert_arr_eq(&got, &wanted, sizeof got);
    kt_ktm_destroy(&file);
    cr_assert_eq(truncate(path, 31), 0);
    cr_assert_eq(kt_ktm_open(&file, path, why), KT_EMODEL);
    cr_assert_str_eq(why, "not a .ktm file: shorter than 32 bytes");
    unlink(path);
    free(bytes);
}

// Mapped pages of the file at `path` that are in memory, kB; -1: not mapped.
static long
resident_kb(const char *path)
{
    char  line[512];
    long  kb    = -1;
    bool  found = false;
    FILE *maps  = fopen("/proc/self/smaps", "re");
    cr_assert_not_null(maps);
    while (kb < 0 && fgets(line, sizeof line, maps)) {
        found |= strstr(line, path) != NULL;
        if (found)
            (void)sscanf(line, "Rss: %ld kB", &kb);
    }
    fclose(maps);
    return kb;
}

Test(ktm, an_open_file_takes_no_memory_until_its_tensors_are_read)
{
    enum { COUNT = 1 << 20 };
    char             path[] = "/tmp/ktm_testXXXXXX";
    size_t           length;
    float           *values = calloc(COUNT, sizeof *values), sum = 0;
    kt_ktm_t        *file = NULL;
    const ktm_text_t text = {.tensors = {{"w", KT_KTM_F32, 1, {COUNT}, values, NULL}}};
    cr_assert_not_null(values);
    values[COUNT - 1] = 1;
    uint8_t *bytes    = ktm_build(&text, &length);
    int      fd       = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    cr_assert_eq(kt_ktm_open(&file, path, why), KT_OK, "%s", why);
    cr_assert_eq(resident_kb(path), 0);
    const float *read = kt_ktm_find(file, "w")->data;
    for (size_t i = 0; i < COUNT; i++)
        sum += read[i];
    cr_assert_eq(sum, 1);
    cr_assert_geq(resident_kb(path), (long)(sizeof *values * COUNT / 1024));
    kt_ktm_destroy(&file);
    cr_assert_eq(resident_kb(path), -1);
    unlink(path);
    free(bytes);
    free(values);
}

Test(ktm, what_is_no_regular_file_is_refused)
{
    char      folder[] = "/tmp/ktm_testXXXXXX", pipe[64];
    kt_ktm_t *file     = NULL;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    cr_assert_eq(mkfifo(pipe, 0600), 0);
    cr_assert_eq(kt_ktm_open(&file, pipe, why), KT_EMODEL);
    cr_assert_str_eq(why, "not a .ktm file: not a regular file");
    cr_assert_eq(kt_ktm_open(&file, folder, why), KT_EMODEL);
    unlink(pipe);
    cr_assert_eq(kt_ktm_open(&file, pipe, why), KT_ENOFILE);
    cr_assert_str_eq(why, "no such file");
    rmdir(folder);
}
