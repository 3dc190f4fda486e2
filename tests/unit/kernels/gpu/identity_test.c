// Answers of NVML and CUDA for whole GPUs, instances of divided ones, and drivers that lack a part.
#include "kernels/cuda/identity.h"

#include <criterion/criterion.h>
#include <string.h>

static const unsigned char UUID[16] = {0x1f, 0x2e, 0x3d, 0x4c, 0x5b, 0x6a, 0x70, 0x81,
                                       0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 0x09};
#define HEX "1f2e3d4c-5b6a-7081-92a3-b4c5d6e7f809"
#define BUS "00000000:65:00.0"

// What the recorded driver knows; handles are the addresses of these.
static char gpu, instance;
static struct answers {
    const char *uuid;  // that it knows, of the GPU or of the instance
    bool        has_bus, is_divided;
} answers;

static int
by_uuid(const char *uuid, kt_nvml_device_t *out)
{
    *out = (kt_nvml_device_t)(void *)(strncmp(uuid, "MIG-", 4) == 0 ? &instance : &gpu);
    return answers.uuid && strcmp(uuid, answers.uuid) == 0 ? 0 : 6;
}

static int
by_bus(const char *bus_id, kt_nvml_device_t *out)
{
    *out = (kt_nvml_device_t)(void *)&gpu;
    return answers.has_bus && strcmp(bus_id, BUS) == 0 ? 0 : 6;
}

static int
mig_mode(kt_nvml_device_t device, unsigned *current, unsigned *pending)
{
    (void)device;
    *current = *pending = answers.is_divided;
    return 0;
}

static int
gpu_of(kt_nvml_device_t device, kt_nvml_device_t *out)
{
    (void)device;
    *out = (kt_nvml_device_t)(void *)&gpu;
    return 0;
}

static int
gpu_instance(kt_nvml_device_t device, unsigned *out)
{
    (void)device;
    *out = 7;
    return 0;
}

static int
compute_instance(kt_nvml_device_t device, unsigned *out)
{
    (void)device;
    *out = 2;
    return 0;
}

static const kt_nvml_calls_t ALL = {by_uuid, by_bus, mig_mode, gpu_of, gpu_instance, compute_instance},
                             OLD = {.by_uuid = by_uuid, .by_bus = by_bus}, NONE = {0};

Test(identity, each_recorded_driver_is_understood)
{
    static const struct {
        const char            *what;
        const kt_nvml_calls_t *calls;
        struct answers         answers;
        const char            *uuid;
        const char            *device, *events;
        bool                   is_instance;
    } CASES[] = {
        {"a whole GPU", &ALL, {"GPU-" HEX, true, false}, "GPU-" HEX, &gpu, &gpu, false},
        {"an instance", &ALL, {"MIG-" HEX, true, true}, "MIG-" HEX, &instance, &gpu, true},
        {"an instance whose name the driver does not know", &ALL, {NULL, true, true}, "MIG-" HEX, NULL, NULL, true},
        {"a GPU that the driver knows by its bus alone", &ALL, {NULL, true, false}, "GPU-" HEX, &gpu, &gpu, false},
        {"a driver that knows no instances", &OLD, {NULL, true, false}, "GPU-" HEX, &gpu, &gpu, false},
        {"a driver that lacks what an instance needs",
         &OLD,
         {"MIG-" HEX, true, true},
         "MIG-" HEX,
         &instance,
         NULL,
         true},
        {"a device that the driver does not have", &ALL, {NULL, false, false}, "GPU-" HEX, NULL, NULL, false},
        {"no NVML", &NONE, {NULL, false, false}, "GPU-" HEX, NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        kt_gpu_identity_t self;
        answers = CASES[i].answers;
        kt_gpu_identify(CASES[i].calls, UUID, BUS, &self);
        cr_expect_str_eq(self.uuid, CASES[i].uuid, "%s: %s", CASES[i].what, self.uuid);
        cr_expect_eq((const void *)self.device, (const void *)CASES[i].device, "%s", CASES[i].what);
        cr_expect_eq((const void *)self.gpu, (const void *)CASES[i].events, "%s", CASES[i].what);
        cr_expect_eq(self.is_instance, CASES[i].is_instance, "%s", CASES[i].what);
    }
}

Test(identity, events_of_other_instances_are_not_ours)
{
    kt_gpu_identity_t self;
    answers = (struct answers){"MIG-" HEX, true, true};
    kt_gpu_identify(&ALL, UUID, BUS, &self);
    cr_assert(kt_gpu_concerns(&self, 7, 2));
    cr_assert(kt_gpu_concerns(&self, 7, KT_NVML_WHOLE));
    cr_assert(kt_gpu_concerns(&self, KT_NVML_WHOLE, KT_NVML_WHOLE));
    cr_assert(!kt_gpu_concerns(&self, 7, 3));
    cr_assert(!kt_gpu_concerns(&self, 8, 2));
    answers = (struct answers){"GPU-" HEX, true, false};
    kt_gpu_identify(&ALL, UUID, BUS, &self);
    cr_assert(kt_gpu_concerns(&self, KT_NVML_WHOLE, KT_NVML_WHOLE));
}

Test(identity, an_xid_of_a_program_or_an_announcement_is_not_fatal)
{
    static const unsigned FATAL[] = {48, 62, 64, 74, 79, 95, 119, 120, 140},
                          MILD[]  = {13, 31, 43, 45, 63, 68, 92, 94, 109, 137, 154};
    for (size_t i = 0; i < sizeof FATAL / sizeof *FATAL; i++)
        cr_expect(kt_gpu_xid_is_fatal(FATAL[i]), "%u", FATAL[i]);
    for (size_t i = 0; i < sizeof MILD / sizeof *MILD; i++)
        cr_expect(!kt_gpu_xid_is_fatal(MILD[i]), "%u", MILD[i]);
}

Test(identity, the_setting_makes_one_instance_visible_and_says_what_it_cannot)
{
    static const struct {
        const char *devices, *visible, *why;  // why NULL: accepted
    } CASES[] = {
        {"", "", NULL},
        {"0, 1", "", NULL},
        {"GPU-1f2e", "", NULL},
        {" MIG-" HEX ",", "MIG-" HEX, NULL},
        {"MIG-a MIG-a", "MIG-a", NULL},
        {"MIG-a,MIG-b", NULL, "2 MIG instances"},
        {"0 MIG-a", NULL, "beside whole GPUs"},
        {"MIG-a 0", NULL, "beside whole GPUs"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char           visible[KT_GPU_TEXT], why[KT_GPU_WHY] = "";
        const kt_err_t err = kt_gpu_visible(CASES[i].devices, visible, why);
        cr_expect_eq(err, CASES[i].why ? KT_EINVAL : KT_OK, "%s", CASES[i].devices);
        if (CASES[i].why)
            cr_expect(strstr(why, CASES[i].why), "%s: %s", CASES[i].devices, why);
        else
            cr_expect_str_eq(visible, CASES[i].visible, "%s: %s", CASES[i].devices, visible);
    }
}

Test(identity, a_word_that_is_too_long_is_refused)
{
    char long_word[KT_GPU_TEXT + 8], visible[KT_GPU_TEXT], why[KT_GPU_WHY] = "";
    memset(long_word, 'x', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    cr_assert_eq(kt_gpu_visible(long_word, visible, why), KT_EINVAL);
}
