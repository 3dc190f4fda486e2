// Where a kernel's module lies: its constants, and its shared variables, which are the module's thread-local storage.
// The symbol table distinguishes the variables from the gaps between them; without one (stripped) all of it counts as
// variables.
#include "internal.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cudasim
{

struct Variable {
    size_t      begin, bytes;
    std::string name;
};
struct Module {
    uintptr_t begin, end;
    size_t    shared_bytes;
    ptrdiff_t anchor;  // of the anchor of one file in the shared range
    void *(*anchor_function)(void);
    std::vector<uint8_t>  valid;
    std::vector<Variable> variables;      // dynamic arrays have SHARED_MOST bytes
    size_t                dynamic_bytes;  // as valid says now
};
static Module               *attached;
static std::vector<Module *> modules;

static void
read_symbols(Module *m, const char *file, size_t bytes)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
    if (bytes < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_shoff >= bytes)
        return;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(file + sections[i].sh_offset);
        const char      *names   = file + sections[sections[i].sh_link].sh_offset;
        std::fill(m->valid.begin(), m->valid.end(), 0);
        for (size_t s = 0; s < sections[i].sh_size / sizeof *symbols; s++) {
            if (ELF64_ST_TYPE(symbols[s].st_info) != STT_TLS || symbols[s].st_shndx == SHN_UNDEF ||
                symbols[s].st_value + symbols[s].st_size > m->shared_bytes)
                continue;
            const char *name = names + symbols[s].st_name;
            if (strstr(name, "cudasim"))
                continue;
            m->variables.push_back({symbols[s].st_value, symbols[s].st_size, name});
            if (symbols[s].st_size != SHARED_MOST)  // which is the definition of a dynamic array (dynamic_shared.sh)
                memset(m->valid.data() + symbols[s].st_value, 1, symbols[s].st_size);
        }
    }
}

static void
read_file(Module *m, const char *path)
{
    struct stat info;
    int         fd = open(path[0] ? path : "/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &info) && info.st_size > 0) {
        void *map = mmap(nullptr, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            read_symbols(m, (const char *)map, (size_t)info.st_size);
            munmap(map, (size_t)info.st_size);
        }
    }
    close(fd);
}

struct Search {
    uintptr_t function, anchor;
    Module   *found;
    uintptr_t shared;
};

static int
visit(struct dl_phdr_info *info, size_t, void *user)
{
    Search   *search = (Search *)user;
    uintptr_t low = UINTPTR_MAX, high = 0;
    size_t    tls = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_TLS)
            tls = p->p_memsz;
        if (p->p_type != PT_LOAD)
            continue;
        uintptr_t begin = info->dlpi_addr + p->p_vaddr;
        low             = begin < low ? begin : low;
        high            = begin + p->p_memsz > high ? begin + p->p_memsz : high;
    }
    if (search->function < low || search->function >= high)
        return 0;
    Module *m       = new Module();
    m->begin        = low;
    m->end          = high;
    m->shared_bytes = tls;
    m->valid.assign(tls + 16, 1);
    search->shared = (uintptr_t)info->dlpi_tls_data;
    m->anchor      = (ptrdiff_t)(search->anchor - search->shared);
    read_file(m, info->dlpi_name);
    search->found = m;
    return 1;
}

static Module *
module_of(const cudasim_launch &launch, uintptr_t anchor)
{
    uintptr_t function = (uintptr_t)launch.function;
    for (auto *m : modules)
        if (function >= m->begin && function < m->end)
            return m;
    Search search = {function, anchor, nullptr, 0};
    dl_iterate_phdr(visit, &search);
    if (!search.found) {
        fprintf(stderr, "cudasim: kernel %s lies in no loaded file\n", launch.name);
        abort();
    }
    modules.push_back(search.found);
    return search.found;
}

static uintptr_t
thread_base(const cudasim_launch &launch, Module *m, uintptr_t anchor)
{
    if (!m->anchor_function)
        m->anchor_function = launch.anchor;
    return (launch.anchor == m->anchor_function ? anchor : (uintptr_t)m->anchor_function()) - (uintptr_t)m->anchor;
}

void
attach_image(const cudasim_launch &launch)
{
    uintptr_t anchor = (uintptr_t)launch.anchor();
    Module   *m      = module_of(launch, anchor);
    run.image        = m->begin;
    run.image_end    = m->end;
    run.shared       = thread_base(launch, m, anchor);
    run.shared_end   = run.shared + m->shared_bytes;
    if (m->dynamic_bytes != launch.shared_bytes)
        for (const auto &v : m->variables)
            if (v.bytes == SHARED_MOST) {
                memset(m->valid.data() + v.begin, 0, SHARED_MOST);
                memset(m->valid.data() + v.begin, 1, launch.shared_bytes);
            }
    m->dynamic_bytes  = launch.shared_bytes;
    run.shared_valid  = m->valid.data();
    run.dynamic_bytes = launch.shared_bytes;
    attached          = m;
    shared_begin_launch();
}

std::string
shared_name(uintptr_t address)
{
    size_t          offset = address - run.shared;
    const Variable *last   = nullptr;
    for (const auto &v : attached->variables)
        if (v.begin <= offset && (!last || v.begin > last->begin))
            last = &v;
    if (!last)
        return "offset " + std::to_string(offset) + " of shared memory";
    char       *plain = abi::__cxa_demangle(last->name.c_str(), nullptr, nullptr, nullptr);
    std::string name  = plain ? plain : last->name;
    free(plain);
    size_t into = offset - last->begin, bytes = last->bytes == SHARED_MOST ? run.dynamic_bytes : last->bytes;
    return "byte " + std::to_string(into) + " of " + name + " (" + std::to_string(bytes) + " bytes)";
}

}  // namespace cudasim
