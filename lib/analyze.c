#include "common/json.h"
#include "common/paths.h"
#include "common/text.h"
#include "lib/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_RATE_HZ = 768000, MAX_CHANNELS = 64, MAX_OPTIONS_BYTES = 4096 };

// options as the farm reads them: a member of an input message.
static kt_err_t
read_options(const char *options, uint32_t *out)
{
    char     why[KT_JOB_WHY];
    kt_job_t job;
    kt_buf_t message;
    size_t   length = options ? strlen(options) : 0;
    *out            = KT_OPTION_ALL;
    if (!options)
        return KT_OK;
    if (length > MAX_OPTIONS_BYTES)
        return kt_lib_fail(KT_EMESSAGE, "options: at most %d bytes", MAX_OPTIONS_BYTES);
    json_t  *parsed = NULL;
    kt_err_t err    = kt_json_parse(options, length, MAX_OPTIONS_BYTES, &parsed, why);
    if (err)
        return kt_lib_fail(err, "options: %s", why);
    kt_json_free(&parsed);  // one whole object: it cannot add members to the message
    kt_buf_init(&message, KT_JOB_MAX_BYTES);
    kt_buf_fmt(&message, "{\"file_path\":\"-\",\"analysis_options\":%s}", options);
    err = message.err ? message.err : kt_job_parse(message.bytes, message.length, &job, why);
    if (err)
        (void)kt_lib_fail(err, "options: %s", why);
    else
        *out = job.options;
    kt_buf_fini(&message);
    return err;
}

static int
run_job(kithara_t *self, const kt_job_t *job, const kt_worker_opts_t *opts, char **document)
{
    kt_report_t  report;
    kt_worker_t *worker = NULL;
    kt_err_t     err    = kt_lib_worker_take(self, &worker);
    if (err)
        return err;
    kt_worker_run(worker, job, opts, &report);
    kt_lib_worker_give(self, worker);
    err = report.err;
    if (err)
        (void)kt_lib_fail(err, "%s", report.detail);
    *document = kt_buf_take(&report.document, NULL);
    return err;
}

int
kithara_analyze_file(kithara_t *self, const char *path, const char *options, char **document)
{
    kt_digest_t digest;
    kt_job_t    job = {.priority = KT_PRIORITY_NORMAL};
    *document       = NULL;
    kt_err_t err    = read_options(options, &job.options);
    if (err)
        return err;
    if (!kt_path_show(path, job.file_path, sizeof job.file_path))
        return kt_lib_fail(KT_ENOFILE, "the path is too long");
    kt_digest_of(path, strlen(path), &digest);  // replaces the content's until that is known
    kt_digest_uuid(&digest, job.message_id);
    kt_worker_opts_t opts = {.id_from_digest = true};
    return run_job(self, &job, &opts, document);
}

// The samples as an anonymous file, which the pipeline reads like any file of raw samples.
static kt_err_t
samples_file(const float *samples, size_t bytes, int *out)
{
    int    fd   = memfd_create("kithara-samples", MFD_CLOEXEC);
    size_t done = 0;
    if (fd < 0)
        return kt_lib_fail(KT_ESYSTEM, "memfd_create: %s", strerror(errno));
    while (done < bytes) {
        ssize_t n = write(fd, (const char *)samples + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(fd);
            return kt_lib_fail(KT_ENOMEM, "no memory for a copy of the samples");
        }
        done += (size_t)n;
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return kt_lib_fail(KT_ESYSTEM, NULL);
    }
    *out = fd;
    return KT_OK;
}

int
kithara_analyze_samples(kithara_t *self, const float *samples, size_t frames, uint32_t rate_hz, uint32_t channels,
                        const char *options, char **document)
{
    kt_digest_t digest;
    kt_job_t    job = {.priority = KT_PRIORITY_NORMAL, .file_path = "-"};
    int         fd  = -1;
    *document       = NULL;
    if (rate_hz < 1 || rate_hz > MAX_RATE_HZ || channels < 1 || channels > MAX_CHANNELS)
        return kt_lib_fail(KT_ESTREAM, "1 to %d Hz and 1 to %d channels", MAX_RATE_HZ, MAX_CHANNELS);
    if (frames > SIZE_MAX / sizeof(float) / channels)
        return kt_lib_fail(KT_EINVAL, "too many samples");
    size_t   bytes = frames * channels * sizeof(float);
    kt_err_t err   = read_options(options, &job.options);
    if (err || (err = samples_file(samples, bytes, &fd)))
        return err;
    kt_digest_of(samples, bytes, &digest);
    kt_digest_uuid(&digest, job.message_id);
    kt_worker_opts_t opts = {
        .stream = true, .stream_fd = fd, .pcm = "f32", .pcm_rate_hz = rate_hz, .pcm_channels = channels};
    int code = run_job(self, &job, &opts, document);
    close(fd);
    return code;
}
