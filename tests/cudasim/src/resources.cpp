// What the compiler gave each kernel, by a file that ops/checks/spills.py --resources writes from nvcc's reports. A
// launch that asks for more than a block may have fails as on a GPU, with cudaErrorLaunchOutOfResources.
#include "internal.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <unistd.h>

using namespace cudasim;

namespace
{
struct Resources {
    unsigned registers;
    size_t   static_bytes;
};
// A multiprocessor's and so a block's; a warp's registers are given out by 256 (CUDA programming guide).
constexpr unsigned BLOCK_REGISTERS = 65536, REGISTER_UNIT = 256;

std::map<std::string, Resources> table;
}  // namespace

// "KERNEL REGISTERS STATIC_BYTES" per line; a name may have blanks.
static void
read_table(void)
{
    const char *path = getenv("KITHARA_SIM_RESOURCES");
    if (!path || !*path)
        return;
    std::ifstream file(path);
    std::string   line;
    while (std::getline(file, line)) {
        size_t   second = line.rfind(' '), first = second == 0 ? second : line.rfind(' ', second - 1);
        unsigned registers;
        size_t   bytes;
        if (first == std::string::npos || sscanf(line.c_str() + first, " %u %zu", &registers, &bytes) != 2) {
            table.clear();
            break;
        }
        table[line.substr(0, first)] = {registers, bytes};
    }
    if (table.empty()) {
        fprintf(stderr, "cudasim: KITHARA_SIM_RESOURCES=%s is no table of resources\n", path);
        _exit(86);
    }
}

// What a launch lacks, by the table; nullptr: nothing, or there is no table.
const char *
cudasim::lacking(const std::string &kernel, uint64_t threads, size_t dynamic_bytes)
{
    static bool read;
    if (!read)
        read_table();
    read = true;
    if (table.empty())
        return nullptr;
    auto found = table.find(kernel);
    if (found == table.end())
        return "the compiler's report does not name the kernel";
    const uint64_t warps = (threads + LANES - 1) / LANES;
    const uint64_t each  = (found->second.registers * LANES + REGISTER_UNIT - 1) / REGISTER_UNIT * REGISTER_UNIT;
    if (warps * each > BLOCK_REGISTERS)
        return "more registers than a block may have";
    return found->second.static_bytes + dynamic_bytes > profile().shared_most
               ? "more shared memory than a block may have"
               : nullptr;
}

extern "C" void
cudasim_set_resources(const char *kernel, unsigned registers, size_t static_bytes)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    if (kernel)
        table[kernel] = {registers, static_bytes};
    else
        table.clear();
}
