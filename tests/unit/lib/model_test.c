// Front ends and models through the public interface.
#include "lib/kithara.h"
#include "tests/unit/lib/fixture.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BANDS = 8, BLOCK = 16 };

#define FRONT                                                                                                          \
    "'kind':'audio','rate_hz':8000,'frame':{'length':512,'hop':256,'window':'hann','centre':true},"                    \
    "'spectrum':'power','bands':{'kind':'mel_slaney','count':8,'low_hz':0,'high_hz':4000},"                            \
    "'log':{'kind':'log10','scale':10000,'offset':1},'blocks':{'frames':16,'hop':16}"

static const float MEAN[BANDS] = {1, 1, 1, 1, 1, 1, 1, 1}, HALF[BANDS] = {.5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f};

// w [2, 3] and b [2]: y = x w^T + b; z: its sum.
static const float WEIGHTS[] = {1, 2, 3, -1, 0, 1}, BIAS[] = {0.5f, 10};

static const ktm_text_t DENSE = {
    .name    = "dense",
    .graph   = "{'inputs':[{'name':'x','shape':['N',3]}],'nodes':[{'op':'dense','in':['x','w','b'],'out':['y']},"
               "{'op':'reduce_sum','in':['y'],'out':['z'],'axes':[1],'keep':true}],'outputs':['y','z']}",
    .input   = "{'kind':'outputs','from':[{'model':'a','output':'b'}]}",
    .tensors = {{.name = "w", .rank = 2, .dims = {2, 3}, .data = WEIGHTS},
                {.name = "b", .rank = 1, .dims = {2}, .data = BIAS}},
};

// The front end of a text with ' for ".
static int
open_text(kithara_frontend_t **out, const char *text)
{
    char *copy = strdup(text);
    for (char *at = copy; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    int error = kithara_frontend_open(out, copy);
    free(copy);
    return error;
}

static float *
mono(size_t *n)
{
    float *sound = lx_sound(8000, 2, n);  // two channels, taken as twice the length
    *n *= 2;
    return sound;
}

Test(model, rows_of_a_text_and_of_a_file_differ_by_its_normalisation)
{
    const ktm_text_t text = {
        .input   = "{" FRONT ",'mean':'mean','inverse_std':'half'}",
        .graph   = "{'inputs':[{'name':'x','shape':['N',1,16,8]}],'nodes':[{'op':'relu','in':['x'],'out':['y']}],"
                   "'outputs':['y']}",
        .tensors = {{.name = "mean", .rank = 1, .dims = {BANDS}, .data = MEAN},
                    {.name = "half", .rank = 1, .dims = {BANDS}, .data = HALF}},
    };
    kithara_frontend_t *plain = NULL, *file = NULL;
    size_t              n, n_plain = 0, n_file = 0;
    float              *samples = mono(&n), *of_plain = NULL, *of_file = NULL;
    cr_assert_eq(open_text(&plain, "{" FRONT "}"), KITHARA_OK, "%s", kithara_why());
    cr_assert_eq(kithara_frontend_open(&file, lx_model(&text)), KITHARA_OK, "%s", kithara_why());
    cr_expect_eq(kithara_frontend_rate(file), 8000);
    cr_expect_eq(kithara_frontend_width(file), BANDS);
    cr_expect_eq(kithara_frontend_block_rows(file), BLOCK);
    cr_assert_eq(kithara_frontend_rows(plain, samples, n, &of_plain, &n_plain), KITHARA_OK);
    cr_assert_eq(kithara_frontend_rows(file, samples, n, &of_file, &n_file), KITHARA_OK);
    cr_assert_eq(n_plain, n / 256 + 1);
    cr_assert_eq(n_file, n_plain);
    for (size_t i = 0; i < n_plain * BANDS; i++)
        cr_assert_float_eq(of_file[i], (of_plain[i] - 1) / 2, 1e-6f);
    kithara_free(of_plain);
    kithara_free(of_file);
    kithara_frontend_close(&plain);
    kithara_frontend_close(&file);
    cr_expect_null(file);
    free(samples);
}

Test(model, blocks_are_cut_and_ordered_as_the_graph_takes_them)
{
    kithara_frontend_t *self = NULL;
    float               rows[40 * BANDS], *blocks = NULL;
    size_t              n = 0;
    for (int i = 0; i < 40 * BANDS; i++)
        rows[i] = (float)i;
    cr_assert_eq(open_text(&self, "{" FRONT ",'layout':'N1FT'}"), KITHARA_OK, "%s", kithara_why());
    cr_assert_eq(kithara_frontend_blocks(self, rows, 40, &blocks, &n), KITHARA_OK);
    cr_assert_eq(n, 2, "the last 8 rows are dropped");
    for (int block = 0; block < 2; block++)
        for (int band = 0; band < BANDS; band++)
            for (int t = 0; t < BLOCK; t++)
                cr_assert_eq(blocks[(block * BANDS + band) * BLOCK + t], rows[(block * BLOCK + t) * BANDS + band]);
    kithara_free(blocks);
    blocks = NULL;
    cr_assert_eq(kithara_frontend_blocks(self, rows, 0, &blocks, &n), KITHARA_OK);
    cr_expect_eq(n, 0);
    kithara_free(blocks);
    kithara_frontend_close(&self);
}

Test(model, no_samples_give_no_crash)
{
    kithara_frontend_t *self = NULL;
    float              *rows = NULL;
    size_t              n    = 0;
    cr_assert_eq(open_text(&self, "{" FRONT "}"), KITHARA_OK);
    cr_assert_eq(kithara_frontend_rows(self, NULL, 0, &rows, &n), KITHARA_OK);
    cr_expect_leq(n, 1);
    kithara_free(rows);
    kithara_frontend_close(&self);
}

Test(model, a_wrong_front_end_is_named)
{
    static const struct {
        const char *input, *error;
    } rows[] = {{"{", "EMESSAGE"},
                {"{'kind':'image'}", "EMODEL"},
                {"{" FRONT ",'mean':'x','inverse_std':'y'}", "EMODEL"},
                {"/no/such/file.ktm", "ENOFILE"},
                {"/etc/passwd", "EMODEL"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kithara_frontend_t *self = NULL;
        cr_expect_str_eq(kithara_error_name(open_text(&self, rows[i].input)), rows[i].error, "%s", rows[i].input);
        cr_expect_null(self);
    }
}

Test(model, a_model_gives_its_outputs)
{
    static const char *const executors[] = {NULL, "cpu", "ref", "cpu-int8"};
    const char              *path        = lx_model(&DENSE);
    for (size_t i = 0; i < sizeof executors / sizeof *executors; i++) {
        kithara_model_t *self                     = NULL;
        int64_t          sizes[KITHARA_FREE_DIMS] = {2}, dims[KITHARA_RANK];
        float            x[6]                     = {1, 1, 1, 0, 1, 2}, y[4], z[2];
        const float     *inputs[]                 = {x};
        float           *outputs[]                = {y, z};
        cr_assert_eq(kithara_model_open(&self, path, executors[i]), KITHARA_OK, "%s", kithara_why());
        cr_expect_eq(kithara_model_inputs(self), 1);
        cr_expect_eq(kithara_model_outputs(self), 2);
        cr_assert_eq(kithara_model_input_shape(self, sizes, 0, dims), 2);
        cr_expect(dims[0] == 2 && dims[1] == 3);
        cr_assert_eq(kithara_model_output_shape(self, sizes, 1, dims), 2);
        cr_expect(dims[0] == 2 && dims[1] == 1);
        cr_assert_eq(kithara_model_run(self, sizes, inputs, outputs), KITHARA_OK, "%s", kithara_why());
        static const float expected[4] = {6.5f, 10, 8.5f, 12};
        for (int k = 0; k < 4; k++)
            cr_expect_float_eq(y[k], expected[k], 1e-5f);
        cr_expect_float_eq(z[1], 20.5f, 1e-5f);
        kithara_model_close(&self);
        cr_expect_null(self);
    }
}

Test(model, its_facts_are_json)
{
    kithara_model_t *self = NULL;
    char            *info = NULL;
    cr_assert_eq(kithara_model_open(&self, lx_model(&DENSE), NULL), KITHARA_OK, "%s", kithara_why());
    cr_assert_eq(kithara_model_info(self, &info), KITHARA_OK);
    cr_expect(strstr(info, "\"name\":\"dense\""), "%s", info);
    cr_expect(strstr(info, "\"graph_outputs\":[\"y\",\"z\"]"), "%s", info);
    cr_expect(strstr(info, "\"sha256\":\""), "%s", info);
    kithara_free(info);
    kithara_model_close(&self);
}

Test(model, wrong_sizes_and_files_are_refused)
{
    kithara_model_t *self                     = NULL;
    int64_t          sizes[KITHARA_FREE_DIMS] = {0}, dims[KITHARA_RANK];
    float            value                    = 0;
    const float     *inputs[]                 = {&value};
    float           *outputs[]                = {&value, &value};
    cr_assert_eq(kithara_model_open(&self, lx_model(&DENSE), NULL), KITHARA_OK);
    cr_expect_lt(kithara_model_run(self, sizes, inputs, outputs), 0);
    cr_expect_lt(kithara_model_input_shape(self, sizes, 0, dims), 0);
    sizes[0] = 1;
    cr_expect_str_eq(kithara_error_name(kithara_model_input_shape(self, sizes, 1, dims)), "EINVAL");
    cr_expect_str_eq(kithara_error_name(kithara_model_output_shape(self, sizes, 2, dims)), "EINVAL");
    kithara_model_close(&self);
    cr_expect_str_eq(kithara_error_name(kithara_model_open(&self, "/no/such.ktm", NULL)), "ENOFILE");
    cr_expect_str_eq(kithara_error_name(kithara_model_open(&self, "/etc/passwd", NULL)), "EMODEL");
    cr_expect_str_eq(kithara_error_name(kithara_model_open(&self, "/etc/passwd", "tpu")), "EINVAL");
    cr_expect_null(self);
}

static void *
run_alone(void *context)
{
    kithara_model_t *self                     = NULL;
    int64_t          sizes[KITHARA_FREE_DIMS] = {1};
    float            x[3]                     = {1, 1, 1}, y[2], z[1];
    const float     *inputs[]                 = {x};
    float           *outputs[]                = {y, z};
    int              error                    = kithara_model_open(&self, context, NULL);
    for (int i = 0; i < 50 && !error; i++)
        error = kithara_model_run(self, sizes, inputs, outputs);
    kithara_model_close(&self);
    return error || z[0] != 16.5f ? NULL : context;
}

Test(model, two_threads_run_handles_of_their_own)
{
    const char *path = lx_model(&DENSE);
    pthread_t   thread[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, run_alone, (void *)path), 0);
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        pthread_join(thread[i], &result);
        cr_expect_eq(result, (const void *)path);
    }
}
