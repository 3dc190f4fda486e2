// Reports: one for each place and kind, counted when it comes again.
#include "internal.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <unistd.h>

namespace cudasim
{

static std::deque<cudasim_report_t> reports;  // a deque: the caller keeps pointers
static bool                         quiet;
constexpr size_t                    MOST = 1000;

static const char *const KIND_NAMES[CUDASIM_KINDS] = {
    "none",
    "out of bounds",
    "use after free",
    "uninitialised read",
    "misaligned access",
    "shared memory out of bounds",
    "uninitialised shared memory",
    "race between warps",
    "race within a warp",
    "race between blocks",
    "race between launches",
    "divergent barrier",
    "wrong warp mask",
    "deadlock",
    "stack overflow",
    "array index out of bounds",
    "host memory touched by a kernel",
    "memory of another device",
    "device memory touched by the host",
    "missing synchronisation",
    "buffer reused before its copy was done",
    "double free",
    "free of no allocation",
    "impossible launch",
    "wrong argument",
    "leak",
    "trap",
    "handle of another stream",
    "call in a forked child",
};

static void
print(const cudasim_report_t *r)
{
    char    line[160] = "", command[400];
    Dl_info info;
    if (r->where[0]) {
        snprintf(line, sizeof line, "%s", r->where);
    } else if (r->pc && dladdr(r->pc, &info) && info.dli_fname) {
        snprintf(command, sizeof command, "addr2line -Cse '%s' %#lx 2>/dev/null", info.dli_fname,
                 (unsigned long)((const char *)r->pc - (const char *)info.dli_fbase - 1));
        FILE *pipe = popen(command, "r");
        if (pipe && fgets(line, sizeof line, pipe))
            line[strcspn(line, "\n")] = 0;
        if (pipe)
            pclose(pipe);
    }
    fprintf(stderr, "cudasim: %s: %s block (%u,%u,%u) thread (%u,%u,%u) %s: %s\n", KIND_NAMES[r->kind], r->kernel,
            r->block[0], r->block[1], r->block[2], r->thread[0], r->thread[1], r->thread[2], line, r->text);
}

static cudasim_report_t *
same(cudasim_kind_t kind, Place place, const char *where, const char *kernel)
{
    for (auto &r : reports)
        if (r.kind == kind && r.pc == place.pc && !strcmp(r.where, where) && !strcmp(r.kernel, kernel))
            return &r;
    return nullptr;
}

void
report(cudasim_kind_t kind, uintptr_t address, size_t bytes, Place place, const char *format, ...)
{
    char where[sizeof reports[0].where] = "";
    if (place.file) {
        const char *slash = strrchr(place.file, '/');
        snprintf(where, sizeof where, "%s:%d", slash ? slash + 1 : place.file, place.line);
    }
    const char *kernel = run.kernel ? run.kernel : "host";
    if (cudasim_report_t *before = same(kind, place, where, kernel)) {
        before->count++;
        return;
    }
    if (reports.size() >= MOST)
        return;
    cudasim_report_t r = {};
    r.kind             = kind;
    r.address          = address;
    r.bytes            = bytes;
    r.pc               = place.pc;
    r.count            = 1;
    memcpy(r.where, where, sizeof where);
    snprintf(r.kernel, sizeof r.kernel, "%s", kernel);
    if (run.lane) {
        memcpy(r.block, &blockIdx, sizeof r.block);
        memcpy(r.thread, &run.lane->tid, sizeof r.thread);
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r.text, sizeof r.text, format, arguments);
    va_end(arguments);
    reports.push_back(r);
    if (!quiet)
        print(&reports.back());
}

void
reports_reset(void)
{
    reports.clear();
}

}  // namespace cudasim

using namespace cudasim;

extern "C" const char *
cudasim_kind_name(cudasim_kind_t kind)
{
    return kind >= 0 && kind < CUDASIM_KINDS ? KIND_NAMES[kind] : "?";
}

extern "C" size_t
cudasim_report_count(void)
{
    return reports.size();
}

extern "C" const cudasim_report_t *
cudasim_report(size_t i)
{
    return i < reports.size() ? &reports[i] : nullptr;
}

extern "C" size_t
cudasim_reports_of(cudasim_kind_t kind)
{
    size_t n = 0;
    for (const auto &r : reports)
        n += r.kind == kind;
    return n;
}

extern "C" void
cudasim_print_reports(void)
{
    for (const auto &r : reports)
        print(&r);
}

extern "C" void
cudasim_quiet(bool wanted)
{
    quiet = wanted;
}
