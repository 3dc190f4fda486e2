// Fuzzing the reader of settings files: any file is rejected with a sentence, or gives settings that print as a file
// which can be read again.
#include "common/assert.h"
#include "common/settings.h"
#include "fuzz_main.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static kt_err_t
load(kt_settings_t *out, const void *bytes, size_t length, char why[KT_SETTINGS_WHY])
{
    char *nothing[] = {NULL};
    char  path[64];
    int   fd = memfd_create("settings", MFD_CLOEXEC);
    kt_assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    kt_err_t err = kt_settings_load(out, path, nothing, why);
    close(fd);
    return err;
}

// A text that holds no password, which is printed masked.
static bool
is_shown(const char *text)
{
    return !strchr(text, '@') && !strcasestr(text, "password=");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    kt_settings_t settings, again;
    kt_buf_t      printed;
    char          why[KT_SETTINGS_WHY] = "";
    if (load(&settings, bytes, length, why)) {
        kt_assert(*why);
        return 0;
    }
    kt_buf_init(&printed, 1 << 20);
    kt_settings_print(&settings, &printed);
    kt_assert(!printed.err);
    kt_assert(load(&again, printed.bytes, printed.length, why) == KT_OK);
    kt_assert(again.workers == settings.workers && again.n_fft == settings.n_fft);
    kt_assert(!is_shown(settings.queue_name) || !strcmp(again.queue_name, settings.queue_name));
    kt_assert(!is_shown(settings.model_path) || !strcmp(again.model_path, settings.model_path));
    kt_settings_fini(&again);
    kt_settings_fini(&settings);
    kt_buf_fini(&printed);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const char *const TEXTS[] = {
        "# farm\n\nANALYZER_WORKERS=2\r\n  ANALYZER_BATCH_SIZE = 20  # comment\n",
        "ANALYZER_MODEL_PATH=\"a \\\"b\\\" # c\"\nANALYZER_QUEUE_NAME='x y' # z\nANALYZER_N_FFT=4096",
        "DATABASE_URL=postgresql://user:secret@host/db?password=more\nAMQP_CONNECTION_STRING=amqp://u:p@h/\n",
        "ANALYZER_GPU_ENABLED=off\nANALYZER_LOG_LEVEL=warn\nANALYZER_HOP_LENGTH=512\nANALYZER_N_FFT=1024\n",
    };
    kt_buf_t text;
    kt_buf_init(&text, 1 << 16);
    kt_buf_str(&text, TEXTS[number % (sizeof TEXTS / sizeof *TEXTS)]);
    return (uint8_t *)kt_buf_take(&text, length);
}
