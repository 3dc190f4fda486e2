#include "common/file.h"
#include "models/model.h"
#include "models/prepared.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// y: sums of each item's rows; T is free. h: a state that grows by the sum of all.
#define GRAPH                                                                                                          \
    "{'inputs':[{'name':'x','shape':['N','T',3]},{'name':'h','shape':['N',1]}],'nodes':["                              \
    "{'op':'reduce_sum','in':['x'],'out':['y'],'axes':[1]},"                                                           \
    "{'op':'reduce_sum','in':['y'],'out':['all'],'axes':[1],'keep':true},"                                             \
    "{'op':'add','in':['all','h'],'out':['h_out']}],'outputs':['y','h_out']}"

static const kt_model_opts_t ref      = {.backend = &kt_backend_ref};
static char                  folder[] = "/tmp/model_testXXXXXX", path[64], why[KT_KTM_WHY];

static void
make_folder(void)
{
    cr_assert_not_null(mkdtemp(strcpy(folder, "/tmp/model_testXXXXXX")));
    (void)snprintf(path, sizeof path, "%s/a.ktm", folder);
}

static void
remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(model, .init = make_folder, .fini = remove_folder);

static kt_err_t
open_text(kt_model_t **model, const ktm_text_t *text)
{
    size_t   length;
    uint8_t *bytes = ktm_build(text, &length);
    cr_assert_eq(kt_file_replace(path, 0600, (const char *)bytes, length), KT_OK);
    free(bytes);
    why[0] = '\0';
    return kt_model_open(model, path, &ref, why);
}

static kt_model_t *
open_sums(void)
{
    kt_model_t      *model = NULL;
    const ktm_text_t text  = {
         .graph   = GRAPH,
         .free    = "{'T':{'min':2,'max':1000}}",
         .outputs = "[{'name':'sums','value':'y','per':'block','reduce':'mean','classes':['a','b','c'],"
                     "'thresholds':[0.5,1,2],'feature':'mir.x'},{'name':'state','value':'h_out','per':'frame'}]"};
    cr_assert_eq(open_text(&model, &text), KT_OK, "%s", why);
    return model;
}

Test(model, items_of_a_batch_are_run_alone_one_after_the_other)
{
    kt_model_t         *model        = open_sums();
    kt_model_scratch_t *scratch      = NULL;
    const float         x[2 * 2 * 3] = {1, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60}, h[2] = {0.5f, 0.25f};
    float               y[6], h_out[2];
    const int64_t       sizes[KT_FREE_DIMS] = {2, 2};
    cr_assert_eq(kt_model_scratch_new(&scratch, model), KT_OK);
    cr_assert_eq(kt_model_run(scratch, sizes, (const float *[]){x, h}, (float *[]){y, h_out}), KT_OK);
    cr_assert_arr_eq(y, ((float[]){11, 22, 33, 44, 55, 66}), sizeof y);
    cr_assert_arr_eq(h_out, ((float[]){66.5f, 165.25f}), sizeof h_out);
    kt_model_scratch_destroy(&scratch);
    kt_model_destroy(&model);
}

Test(model, sizes_outside_the_free_dimensions_are_refused)
{
    kt_model_t         *model     = open_sums();
    kt_model_scratch_t *scratch   = NULL;
    const int64_t       rows[][4] = {{0, 2}, {1, 1}, {1, 1001}, {-1, 2}, {65537, 2}};
    float               none[1];
    cr_assert_eq(kt_model_scratch_new(&scratch, model), KT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(kt_model_run(scratch, rows[i], (const float *[]){none, none}, (float *[]){none, none}), KT_EINVAL);
    kt_model_scratch_destroy(&scratch);
    kt_model_destroy(&model);
}

Test(model, its_outputs_are_described)
{
    kt_model_t              *model = open_sums();
    const kt_model_output_t *outputs;
    cr_assert_eq(kt_model_outputs(model, &outputs), 2);
    cr_assert_str_eq(outputs[0].name, "sums");
    cr_assert_eq(outputs[0].output, 0);
    cr_assert(outputs[0].mean && outputs[0].per == KT_PER_BLOCK && outputs[0].classes == 3);
    cr_assert_str_eq(outputs[0].class_names[2], "c");
    cr_assert_eq(outputs[0].thresholds[1], 1.0f);
    cr_assert_null(outputs[0].base_rates);
    cr_assert_str_eq(outputs[0].feature, "mir.x");
    cr_assert_eq(outputs[1].output, 1);
    cr_assert(!outputs[1].mean && outputs[1].per == KT_PER_FRAME && !outputs[1].classes && !outputs[1].feature);
    cr_assert_eq(kt_model_kind(model), KT_MODEL_OUTPUTS);
    kt_model_destroy(&model);
}

Test(model, a_wrong_description_of_outputs_is_named)
{
    const struct {
        const char *outputs, *why;
    } rows[] = {
        {"[7]", "outputs: an entry has no name of 1 to 63 bytes"},
        {"[{'name':'a','value':'x','per':'block'}]", "outputs: value of a is not an output of the graph"},
        {"[{'name':'a','per':'block'}]", "outputs: value of a is not an output of the graph"},
        {"[{'name':'a','value':'y'}]", "outputs: per of a is not one of its texts"},
        {"[{'name':'a','value':'y','per':'song'}]", "outputs: per of a is not one of its texts"},
        {"[{'name':'a','value':'y','per':'block','reduce':'max'}]", "outputs: reduce of a is not one of its texts"},
        {"[{'name':'a','value':'y','per':'block','feature':1}]", "outputs: feature of a is not a text"},
        {"[{'name':'a','value':'y','per':'block','classes':['p','q']}]",
         "outputs: a has 2 classes, its last dimension 4"},
        {"[{'name':'a','value':'y','per':'block','classes':['p','q','r',4]}]", "outputs: class 3 of a is not a text"},
        {"[{'name':'a','value':'y','per':'block','classes':'pqrs'}]",
         "outputs: classes of a is not an array of 1 to 65536 texts"},
        {"[{'name':'a','value':'y','per':'block','thresholds':[1]}]",
         "outputs: thresholds of a does not have one number per class"},
        {"[{'name':'a','value':'y','per':'block','classes':['p','q','r','s'],'base_rates':[1,2,3,1e300]}]",
         "outputs: base_rates of a has an entry that is not a number"},
        {"[{'name':'a','value':'y','per':'block'},{'name':'a','value':'y','per':'block'}]",
         "outputs: the name a is there twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kt_model_t *model = NULL;
        cr_assert_eq(open_text(&model, &(ktm_text_t){.outputs = rows[i].outputs}), KT_EMODEL);
        cr_assert_str_eq(why, rows[i].why);
        cr_assert_null(model);
    }
}

Test(model, an_unknown_kind_of_input_is_named)
{
    kt_model_t *model = NULL;
    cr_assert_eq(open_text(&model, &(ktm_text_t){.input = "{'kind':'smell'}"}), KT_EMODEL);
    cr_assert_str_eq(why, "input: kind is not audio, image, frames, outputs or picture_features");
}

Test(model, a_missing_file_is_named)
{
    kt_model_t *model = NULL;
    cr_assert_eq(kt_model_open(&model, "/nowhere/a.ktm", &ref, why), KT_ENOFILE);
    cr_assert_eq(kt_model_open(&model, folder, &ref, why), KT_EMODEL);
}

Test(model, the_least_recently_used_executor_is_dropped_but_not_while_it_runs)
{
    kt_model_t          *model    = open_sums();
    kt_prepared_t       *prepared = NULL;
    kt_prepared_entry_t *first = NULL, *other = NULL;
    cr_assert_eq(kt_prepared_new(&prepared, kt_model_graph(model), &kt_backend_ref, &ref.exec), KT_OK);
    cr_assert_eq(kt_prepared_hold(prepared, (int64_t[]){1, 2, 0, 0}, &first, why), KT_OK);
    for (int64_t t = 3; t < 3 + KT_MODEL_SIZES; t++) {
        cr_assert_eq(kt_prepared_hold(prepared, (int64_t[]){1, t, 0, 0}, &other, why), KT_OK);
        kt_prepared_release(prepared, &other);
    }
    cr_assert_eq(kt_prepared_count(prepared), KT_MODEL_SIZES);
    cr_assert_eq(first->inputs[0], 6);
    cr_assert_eq(first->holders, 1);  // the table has dropped it
    cr_assert_eq(kt_prepared_hold(prepared, (int64_t[]){1, 2, 0, 0}, &other, why), KT_OK);
    cr_assert_neq(first, other);
    kt_prepared_release(prepared, &other);
    kt_prepared_release(prepared, &first);
    kt_prepared_destroy(&prepared);
    kt_model_destroy(&model);
}

Test(model, memory_is_told_for_each_set_of_sizes)
{
    kt_model_t *model = open_sums();
    size_t      arena = 0, packed = 1;
    cr_assert_eq(kt_model_memory(model, (int64_t[]){4, 1000, 0, 0}, &arena, &packed), KT_OK);
    cr_assert_gt(arena, 0);
    cr_assert_eq(packed, 0);
    cr_assert_eq(kt_model_memory(model, (int64_t[]){1, 1, 0, 0}, &arena, &packed), KT_EINVAL);
    kt_model_destroy(&model);
}

enum { THREADS = 4, ROUNDS = 60, SIZES = 12 };

// Runs with changing sizes, more of them than are kept; returns the first wrong sum.
static void *
run_many(void *arg)
{
    static _Thread_local float x[SIZES * 3 + 6];
    kt_model_scratch_t        *scratch = NULL;
    float                      y[3], h_out[1];
    const float                h[1] = {0};
    if (kt_model_scratch_new(&scratch, arg))
        return (void *)"no scratch";
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        x[i] = 1;
    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t sizes[KT_FREE_DIMS] = {1, 2 + (i * 7) % SIZES};
        if (kt_model_run(scratch, sizes, (const float *[]){x, h}, (float *[]){y, h_out}) || y[2] != (float)sizes[1])
            return (void *)"a wrong sum";
    }
    kt_model_scratch_destroy(&scratch);
    return NULL;
}

Test(model, threads_share_it_with_more_sizes_than_are_kept)
{
    kt_model_t *model = open_sums();
    pthread_t   threads[THREADS];
    void       *wrong;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_many, model), 0);
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], &wrong), 0);
        cr_assert_null(wrong, "%s", (char *)wrong);
    }
    kt_model_destroy(&model);
}

Test(model, features_of_pictures_need_an_input_of_as_many_values)
{
    static const char *const GRAPHS[] = {
        "{'inputs':[{'name':'x','shape':['N',36]}],'nodes':[{'op':'reduce_sum','in':['x'],'out':['y'],'axes':[1],"
        "'keep':true}],'outputs':['y']}",
        "{'inputs':[{'name':'x','shape':['N',35]}],'nodes':[{'op':'reduce_sum','in':['x'],'out':['y'],'axes':[1],"
        "'keep':true}],'outputs':['y']}"};
    ktm_text_t  text  = {.graph   = GRAPHS[0],
                         .input   = "{'kind':'picture_features','features':'brisque'}",
                         .outputs = "[{'name':'score','value':'y','per':'image'}]"};
    kt_model_t *model = NULL;
    cr_assert_eq(open_text(&model, &text), KT_OK, "%s", why);
    cr_expect_eq(kt_model_kind(model), KT_MODEL_FEATURES);
    kt_model_destroy(&model);
    text.graph = GRAPHS[1];
    cr_expect_eq(open_text(&model, &text), KT_EMODEL);
    cr_expect_str_eq(why, "the graph's input is not [N, 36], as input says");
    text.graph = GRAPHS[0];
    text.input = "{'kind':'picture_features','features':'niqe'}";
    cr_expect_eq(open_text(&model, &text), KT_EMODEL);
    cr_expect_not_null(strstr(why, "features"));
}
