// Plans by the real cuDNN, which needs no GPU for them; skipped where it is not installed.
// KITHARA_TEST_MODELS=FOLDER: of all its model files, too.
#include "models/backend/cuda/plan.h"
#include "models/backend/cuda/plan_store.h"
#include "models/backend/cuda/steps.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const DEVICES[] = {"h200", "l4", "t4"};
enum { N_DEVICES = 3 };

static const struct shape {
    const char   *name;
    kt_cudnn_op_t op;
} SHAPES[] = {
    {"musicnn, timbre",
     {2, false, {8, 1, 187, 96}, {204, 1, 7, 38}, {8, 204, 187, 59}, {1, 1}, {3}, {3}, {1, 1}, .bias = true}},
    {"musicnn, rhythm",
     {2, false, {8, 1, 187, 96}, {51, 1, 64, 1}, {8, 51, 187, 96}, {1, 1}, {31}, {32}, {1, 1}, .bias = true}},
    {"musicnn, middle",
     {2,
      false,
      {8, 561, 1, 187},
      {64, 561, 1, 7},
      {8, 64, 1, 187},
      {1, 1},
      {0, 3},
      {0, 3},
      {1, 1},
      .bias    = true,
      .limited = true,
      .high    = INFINITY}},
    {"a residual block",
     {2,
      false,
      {8, 64, 46, 46},
      {64, 64, 3, 3},
      {8, 64, 46, 46},
      {1, 1},
      {1, 1},
      {1, 1},
      {1, 1},
      .bias     = true,
      .residual = true,
      .limited  = true,
      .high     = 6}},
    {"depthwise, stride 2",
     {2,
      false,
      {8, 32, 46, 46},
      {32, 1, 3, 3},
      {8, 32, 23, 23},
      {2, 2},
      {1, 1},
      {1, 1},
      {1, 1},
      .bias    = true,
      .limited = true,
      .high    = 6}},
    {"dilated in time",
     {3,
      false,
      {1, 16, 100, 27, 48},
      {32, 16, 3, 1, 1},
      {1, 32, 100, 27, 48},
      {1, 1, 1},
      {4},
      {4},
      {4, 1, 1},
      .bias = false}},
    {"transposed",
     {2, true, {8, 24, 40, 40}, {24, 24, 2, 2}, {8, 24, 80, 80}, {2, 2}, {0}, {0}, {1, 1}, .bias = false}},
    {"dense", {2, false, {8, 1506, 1, 1}, {200, 1506, 1, 1}, {8, 200, 1, 1}, {1, 1}, {0}, {0}, {1, 1}, .bias = true}},
};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

static const kt_cudnn_t *
cudnn_or_skip(void)
{
    char              why[KT_CUDNN_WHY] = "";
    const kt_cudnn_t *cudnn             = NULL;
    if (kt_cudnn_load(&cudnn, why))
        cr_skip_test("no plans: %s", why);
    return cudnn;
}

static void
remove_folder(const char *folder)
{
    char           path[PATH_MAX];
    DIR           *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
            (void)unlink(path);
    if (dir)
        closedir(dir);
    (void)rmdir(folder);
}

Test(cuda_plan, strict_float32_has_an_engine_for_each_shape_and_device)
{
    const kt_cudnn_t *cudnn = cudnn_or_skip();
    char              why[KT_CUDNN_WHY];
    for (int d = 0; d < N_DEVICES; d++)
        for (size_t i = 0; i < N_SHAPES; i++) {
            kt_cuda_device_t device;
            kt_cudnn_plan_t  plan = {0};
            cr_assert_eq(kt_cuda_device_find(&device, DEVICES[d], why), KT_OK, "%s", why);
            const kt_cudnn_plan_opts_t opts = {cudnn, &device, false, NULL};
            cr_expect_eq(kt_cudnn_plan_get(&plan, &SHAPES[i].op, &opts, why), KT_OK, "%s on %s: %s", SHAPES[i].name,
                         DEVICES[d], why);
            cr_expect(plan.json && strstr(plan.json, "\"engine\""), "%s on %s", SHAPES[i].name, DEVICES[d]);
            kt_cudnn_plan_fini(&plan);
        }
}

Test(cuda_plan, a_stored_plan_is_used_as_it_is)
{
    const kt_cudnn_t *cudnn    = cudnn_or_skip();
    char              folder[] = "/tmp/kt_plans_XXXXXX", why[KT_CUDNN_WHY];
    kt_cuda_device_t  device;
    kt_cudnn_plan_t   made = {0}, read = {0};
    cr_assert(mkdtemp(folder));
    cr_assert_eq(kt_cuda_device_find(&device, "l4", why), KT_OK);
    kt_cudnn_plan_opts_t opts = {cudnn, &device, false, folder};
    cr_assert_eq(kt_cudnn_plan_get(&made, &SHAPES[2].op, &opts, why), KT_OK, "%s", why);
    cr_assert_eq(kt_cudnn_plan_get(&read, &SHAPES[2].op, &opts, why), KT_OK, "%s", why);
    cr_expect(!made.stored && read.stored);
    cr_expect_str_eq(made.json, read.json);
    cr_expect_eq(made.engine, read.engine);
    cr_expect_eq(made.workspace_bytes, read.workspace_bytes);
    kt_cudnn_plan_fini(&read);
    opts.tf32 = true;
    cr_expect_eq(kt_cudnn_plan_get(&read, &SHAPES[2].op, &opts, why), KT_OK, "%s", why);
    cr_expect(!read.stored, "another precision is another plan");
    kt_cudnn_plan_fini(&read);
    kt_cudnn_plan_fini(&made);
    remove_folder(folder);
}

Test(cuda_plan, a_plan_that_cannot_be_stored_is_used_all_the_same)
{
    const kt_cudnn_t *cudnn = cudnn_or_skip();
    char              why[KT_CUDNN_WHY];
    kt_cuda_device_t  device;
    kt_cudnn_plan_t   plan = {0};
    cr_assert_eq(kt_cuda_device_find(&device, "t4", why), KT_OK);
    const kt_cudnn_plan_opts_t opts = {cudnn, &device, false, "/proc/nowhere"};
    cr_expect_eq(kt_cudnn_plan_get(&plan, &SHAPES[2].op, &opts, why), KT_OK, "%s", why);
    cr_expect(plan.json && plan.store_err);
    kt_cudnn_plan_fini(&plan);
}

Test(cuda_plan, impossible_sizes_are_an_error_with_cudnns_reason)
{
    const kt_cudnn_t *cudnn = cudnn_or_skip();
    char              why[KT_CUDNN_WHY];
    kt_cuda_device_t  device;
    kt_cudnn_plan_t   plan = {0};
    kt_cudnn_op_t     op   = SHAPES[3].op;
    op.y[2]                = 45;
    cr_assert_eq(kt_cuda_device_find(&device, "t4", why), KT_OK);
    const kt_cudnn_plan_opts_t opts = {cudnn, &device, false, NULL};
    cr_expect_eq(kt_cudnn_plan_get(&plan, &op, &opts, why), KT_EDEVICE);
    cr_expect(strstr(why, "CUDNN_STATUS_"), "%s", why);
}

static size_t
plan_model(const kt_cudnn_t *cudnn, const char *path, const kt_cuda_device_t *device)
{
    char            why[KT_KTM_WHY] = "";
    int64_t         sizes[KT_FREE_DIMS];
    kt_ktm_t       *file  = NULL;
    kt_graph_t     *graph = NULL, *fused = NULL;
    kt_cuda_steps_t steps = {0};
    size_t          n     = 0;
    cr_assert_eq(kt_ktm_open(&file, path, why), KT_OK, "%s: %s", path, why);
    cr_assert_eq(kt_graph_new(&graph, file, why), KT_OK, "%s: %s", path, why);
    cr_assert_eq(kt_graph_fuse(&fused, graph), KT_OK);
    kt_shape_of_t *shapes = calloc(kt_graph_values(fused), sizeof *shapes);
    kt_graph_smallest(fused, sizes);
    sizes[0] = 8;
    cr_assert_eq(kt_graph_shapes(fused, sizes, shapes, why), KT_OK, "%s: %s", path, why);
    cr_assert_eq(kt_cuda_steps_new(&steps, fused, shapes), KT_OK);
    const kt_cudnn_plan_opts_t opts = {cudnn, device, false, NULL};
    for (size_t i = 0; i < steps.n; i++) {
        kt_cudnn_plan_t plan = {0};
        if (!steps.at[i].is_conv)
            continue;
        cr_expect_eq(kt_cudnn_plan_get(&plan, &steps.at[i].op, &opts, why), KT_OK, "%s, node %d: %s", path,
                     steps.at[i].node, why);
        kt_cudnn_plan_fini(&plan);
        n++;
    }
    kt_cuda_steps_fini(&steps);
    free(shapes);
    kt_graph_destroy(&fused);
    kt_graph_destroy(&graph);
    kt_ktm_destroy(&file);
    return n;
}

Test(cuda_plan, every_layer_of_the_installed_models_has_an_engine)
{
    const char *folder = getenv("KITHARA_TEST_MODELS");
    if (!folder)
        cr_skip_test("no KITHARA_TEST_MODELS");
    const kt_cudnn_t *cudnn = cudnn_or_skip();
    DIR              *dir   = opendir(folder);
    struct dirent    *entry;
    size_t            n = 0;
    cr_assert(dir, "%s", folder);
    while ((entry = readdir(dir))) {
        const size_t length = strlen(entry->d_name);
        char         path[PATH_MAX], why[KT_CUDNN_WHY];
        if (length < 4 || strcmp(entry->d_name + length - 4, ".ktm") != 0)
            continue;
        cr_assert_lt(snprintf(path, sizeof path, "%s/%s", folder, entry->d_name), (int)sizeof path);
        for (int d = 0; d < N_DEVICES; d++) {
            kt_cuda_device_t device;
            cr_assert_eq(kt_cuda_device_find(&device, DEVICES[d], why), KT_OK);
            n += plan_model(cudnn, path, &device);
        }
    }
    closedir(dir);
    cr_expect_gt(n, 0, "%s has no model", folder);
}

// --- without cuDNN

Test(cuda_plan_store, a_file_of_another_key_or_with_other_content_is_not_taken)
{
    char            folder[] = "/tmp/kt_plans_XXXXXX";
    char            json[]   = "{\"a\":1}";
    kt_cudnn_plan_t plan = {.engine = 3, .workspace_bytes = 4, .json = json}, read = {0};
    cr_assert(mkdtemp(folder));
    cr_assert_eq(kt_plan_store_write(folder, "key", &plan), KT_OK);
    cr_expect(!kt_plan_store_read(folder, "other", &read));
    cr_assert(kt_plan_store_read(folder, "key", &read));
    cr_expect_str_eq(read.json, json);
    kt_cudnn_plan_fini(&read);
    plan.engine = -5;
    cr_assert_eq(kt_plan_store_write(folder, "key", &plan), KT_OK);
    cr_expect(!kt_plan_store_read(folder, "key", &read));
    remove_folder(folder);
}

Test(cuda_device, wrong_properties_are_rejected)
{
    static const char *const BAD[] = {"",
                                      "x",
                                      "[]",
                                      "{}",
                                      "{\"deviceVer\":900}",
                                      "{\"deviceVer\":\"900\",\"multiProcessorCount\":4}",
                                      "{\"deviceVer\":90000000000,\"multiProcessorCount\":4}"};
    kt_cuda_device_t         device;
    char                     why[KT_CUDA_DEVICE_WHY];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        cr_expect_eq(kt_cuda_device_parse(&device, BAD[i], strlen(BAD[i]), why), KT_EINVAL, "%s", BAD[i]);
    cr_expect_eq(kt_cuda_device_find(&device, "/nowhere/device.json", why), KT_ENOFILE);
    cr_assert_eq(kt_cuda_device_find(&device, "H200", why), KT_OK);
    cr_expect_eq(device.architecture, 900);
    cr_expect_eq(device.multiprocessors, 132);
}
