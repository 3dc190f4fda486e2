// reconnect COORDINATOR [NODES]: how fast a fleet reconnects to a coordinator that was killed and started again, and
// what an idle fleet costs it. The nodes are sockets with CURVE keys of their own in a few processes, that do what a
// node without work does: HELLO until WELCOME, LIVE each half second, BEAT each second, HELLO again after WHO.
#include "common/clock.h"
#include "common/socket.h"
#include "coordinator/access/keys.h"
#include "proto/wire.h"

#include <czmq.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NODES = 1000, NODES_MAX = 8000, A_PROCESS = 250, REQUIRED_MS = 5000, GIVE_UP_MS = 60000, IDLE_MS = 10000 };
enum { TURN_MS = 50, LIVE_MS = 500, BEAT_MS = 1000, PATH = 512 };
static const double IDLE_SHARE = 0.05;

static _Noreturn void
die(const char *what)
{
    fprintf(stderr, "reconnect: %s\n", what);
    exit(EXIT_FAILURE);
}

// The fleet

typedef struct node {
    uint32_t number;
    zsock_t *socket;
    bool     welcomed;
    int64_t  hello_ms, live_ms, beat_ms;
} node_t;

static void
say(const node_t *node, const kt_msg_t *msg)
{
    static kt_buf_t frame;
    if (!frame.capacity)
        kt_buf_init(&frame, KT_MAX_FRAME_BYTES);
    kt_buf_clear(&frame);
    if (kt_wire_encode(msg, &frame))
        die("a message cannot be encoded");
    zmq_send(zsock_resolve(node->socket), frame.bytes, frame.length, ZMQ_DONTWAIT);
}

static void
hello(node_t *node, int64_t now_ms)
{
    char     name[32];
    kt_msg_t msg = {.type = KT_MSG_HELLO};
    snprintf(name, sizeof name, "n%u", node->number);
    msg.hello.wire        = KT_WIRE_VERSION;
    msg.hello.wire_least  = KT_WIRE_LEAST;
    msg.hello.name        = kt_bytes_of(name);
    msg.hello.incarnation = node->number + 1;
    msg.hello.host        = kt_bytes_of("localhost");
    msg.hello.version     = kt_bytes_of("bench");
    msg.hello.device      = kt_bytes_of("cpu");
    msg.hello.slots       = 4;
    node->hello_ms        = now_ms + BEAT_MS;
    say(node, &msg);
}

static void
speak(node_t *node, int64_t now_ms)
{
    kt_wire_progress_t workers[4] = {{0}};
    kt_msg_t           live       = {.type = KT_MSG_LIVE, .live = {.workers = {workers, 4}}};
    kt_msg_t           beat       = {.type = KT_MSG_BEAT, .beat = {.free = 0}};
    if (!node->welcomed && now_ms >= node->hello_ms)
        hello(node, now_ms);
    if (node->welcomed && now_ms >= node->beat_ms) {
        node->beat_ms = now_ms + BEAT_MS;
        node->live_ms = now_ms + LIVE_MS;
        say(node, &beat);
    } else if (node->welcomed && now_ms >= node->live_ms) {
        node->live_ms = now_ms + BEAT_MS;
        say(node, &live);
    }
}

static void
listen_to(node_t *node, int64_t now_ms, int told)
{
    static kt_wire_arena_t arena;
    kt_msg_t               msg;
    zmq_msg_t              frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, zsock_resolve(node->socket), ZMQ_DONTWAIT) >= 0) {
        if (kt_wire_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), &arena, &msg))
            die("a frame cannot be decoded");
        if (msg.type == KT_MSG_WHO) {
            node->welcomed = false;
            hello(node, now_ms);
        } else if (msg.type == KT_MSG_WELCOME) {
            node->welcomed = true;
            if (write(told, &node->number, sizeof node->number) != sizeof node->number)
                exit(EXIT_FAILURE);
        } else if (msg.type == KT_MSG_REFUSE) {
            die("a node was refused");
        }
    }
    zmq_msg_close(&frame);
}

static void
serve(const char *router, const char *server_public, const kt_curve_t *keys, uint32_t first, uint32_t n, int told)
{
    static node_t         nodes[A_PROCESS];
    static zmq_pollitem_t items[A_PROCESS];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int64_t start_ms = kt_clock_ms();
    for (uint32_t i = 0; i < n; i++) {
        nodes[i].number = first + i;
        if (kt_socket_dealer(&nodes[i].socket, router, server_public, &keys[first + i]) ||
            kt_socket_connect(nodes[i].socket, router))
            die("no socket");
        nodes[i].live_ms = start_ms + (int64_t)(i * 2);  // a fleet is not synchronous
        nodes[i].beat_ms = start_ms + (int64_t)(i * 4);
        items[i]         = (zmq_pollitem_t){.socket = zsock_resolve(nodes[i].socket), .events = ZMQ_POLLIN};
    }
    for (;;) {
        zmq_poll(items, (int)n, TURN_MS);
        int64_t now_ms = kt_clock_ms();
        for (uint32_t i = 0; i < n; i++) {
            if (items[i].revents)
                listen_to(&nodes[i], now_ms, told);
            speak(&nodes[i], now_ms);
        }
    }
}

// The coordinator

typedef struct farm {
    const char *program;
    char        folder[PATH], router[128], key[KT_CURVE_TEXT];
    pid_t       pid;
} farm_t;

static void
member(const char *line, const char *name, char *out, size_t capacity)
{
    char        key[32];
    const char *at;
    snprintf(key, sizeof key, "\"%s\":\"", name);
    if (!(at = strstr(line, key)))
        die("the coordinator does not print its address");
    at += strlen(key);
    snprintf(out, capacity, "%.*s", (int)strcspn(at, "\""), at);
}

static void
run_coordinator(const farm_t *farm, int ready)
{
    char fd[16];
    snprintf(fd, sizeof fd, "%d", ready);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("ANALYZER_STATE_DIR", farm->folder, 1);
    setenv("ANALYZER_ROUTER_BIND", *farm->router ? farm->router : "tcp://127.0.0.1:0", 1);
    setenv("ANALYZER_HTTP_BIND", "127.0.0.1:0", 1);
    setenv("ANALYZER_LOG_LEVEL", "ERROR", 1);
    unsetenv("DATABASE_URL");
    unsetenv("AMQP_CONNECTION_STRING");
    execl(farm->program, "kithara-coordinator", "--ready-fd", fd, (char *)NULL);
    _exit(127);
}

static void
start(farm_t *farm)
{
    int  ready[2];
    char line[1024] = "";
    if (pipe(ready))
        die("no pipe");
    farm->pid = fork();
    if (farm->pid == 0)
        run_coordinator(farm, ready[1]);
    close(ready[1]);
    if (read(ready[0], line, sizeof line - 1) <= 0)
        die("the coordinator does not start");
    close(ready[0]);
    member(line, "router", farm->router, sizeof farm->router);
    member(line, "public_key", farm->key, sizeof farm->key);
}

static void
end(farm_t *farm)
{
    kill(farm->pid, SIGKILL);
    waitpid(farm->pid, NULL, 0);
}

static double
cpu_s(pid_t pid)
{
    char          path[64], line[1024] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, sizeof line, file) || !strrchr(line, ')') ||
        sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        die("no such process");
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

// How many of the nodes connect until all have, or the time is over.
static uint32_t
count_welcomes(int told, uint32_t n, int64_t until_ms)
{
    static bool   here[NODES_MAX];
    uint32_t      count     = 0, number;
    struct pollfd poll_told = {.fd = told, .events = POLLIN};
    memset(here, 0, sizeof here);
    while (count < n) {
        int64_t left_ms = until_ms - kt_clock_ms();
        if (left_ms <= 0 || poll(&poll_told, 1, (int)left_ms) <= 0)
            break;
        if (read(told, &number, sizeof number) != sizeof number || number >= n)
            die("a fleet's process ended");
        count += !here[number];
        here[number] = true;
    }
    return count;
}

static void
allow_all(const farm_t *farm, const kt_curve_t *keys, uint32_t n)
{
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s/keys/allowed", farm->folder);
    FILE *file = fopen(path, "we");
    for (uint32_t i = 0; i < n && file; i++)
        fprintf(file, "%s n%u\n", keys[i].public_key, i);
    if (!file || fclose(file))
        die("the list of keys cannot be written");
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static void
start_fleet(const farm_t *farm, const kt_curve_t *keys, uint32_t n, int told)
{
    for (uint32_t first = 0; first < n; first += A_PROCESS)
        if (fork() == 0)
            serve(farm->router, farm->key, keys, first, n - first < A_PROCESS ? n - first : A_PROCESS, told);
}

static double
idle_share(const farm_t *farm, int told, uint32_t n)
{
    double  before  = cpu_s(farm->pid);
    int64_t from_ms = kt_clock_ms();
    (void)count_welcomes(told, n + 1, from_ms + IDLE_MS);  // no node should connect again within that time
    return (cpu_s(farm->pid) - before) * 1000 / (double)(kt_clock_ms() - from_ms);
}

int
main(int argc, char **argv)
{
    static kt_curve_t keys[NODES_MAX];
    farm_t            farm = {.program = argc > 1 ? argv[1] : "", .folder = "/tmp/kithara-reconnect-XXXXXX"};
    uint32_t          n    = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : NODES;
    int               told[2];
    if (argc < 2 || n < 1 || n > NODES_MAX) {
        fprintf(stderr, "usage: reconnect COORDINATOR-PROGRAM [NODES]\n");
        return 2;
    }
    if (!mkdtemp(farm.folder) || pipe(told))
        die("no folder");
    for (uint32_t i = 0; i < n; i++)
        if (kt_curve_new(&keys[i]))
            die("no keys");
    start(&farm);
    end(&farm);  // it has made its own keys
    allow_all(&farm, keys, n);
    int64_t from_ms = kt_clock_ms();
    start(&farm);
    start_fleet(&farm, keys, n, told[1]);
    uint32_t came     = count_welcomes(told[0], n, from_ms + GIVE_UP_MS);
    int64_t  first_ms = kt_clock_ms() - from_ms;
    printf("%-34s %5u of %u nodes welcomed in %6.2f s\n", "first start", came, n, (double)first_ms / 1000);
    double share = idle_share(&farm, told[0], n);
    printf("%-34s %5.1f %% of a core (at most %.0f %%)\n", "the coordinator with an idle fleet", share * 100,
           IDLE_SHARE * 100);
    end(&farm);
    from_ms = kt_clock_ms();
    start(&farm);
    came            = count_welcomes(told[0], n, from_ms + GIVE_UP_MS);
    int64_t took_ms = kt_clock_ms() - from_ms;
    printf("%-34s %5u of %u nodes welcomed in %6.2f s (at most %.0f s)\n", "killed and started again", came, n,
           (double)took_ms / 1000, REQUIRED_MS / 1000.0);
    double cpu = cpu_s(farm.pid);
    printf("%-34s %6.2f s\n", "processor time of it for that", cpu);
    end(&farm);
    signal(SIGTERM, SIG_IGN);
    nftw(farm.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    double ratio = came < n ? 0 : (double)REQUIRED_MS / (double)(took_ms ? took_ms : 1);
    double idle  = IDLE_SHARE / (share > 1e-6 ? share : 1e-6);
    printf("reconnect ratio=%.2f\n", ratio < idle ? ratio : idle);
    return 0;
}
