#include "common/digest.h"

#include "common/assert.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

enum { READ_BYTES = 256 << 10, UUID_BYTES = 16 };

_Static_assert((int)KT_DIGEST_BYTES == (int)crypto_hash_sha256_BYTES, "a digest is a SHA-256");

// SHA-256 (FIPS 180-4) by the processor's instructions where it has them, which is nearly five times as fast as
// libsodium.
typedef struct sha256 {
    crypto_hash_sha256_state sodium;  // where it has none
    bool                     fast;
    uint32_t                 state[8];
    uint8_t                  block[64];  // the last one, if it is not complete: bytes % 64 of it
    uint64_t                 bytes;
} sha256_t;

enum { BLOCK = 64, LENGTH_BYTES = 8, ROUNDS = 64 };

#if defined(__x86_64__)
static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint32_t K[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// Of the processor; the system need not save anything more for these instructions. It is asked once: a virtual machine
// answers cpuid through its host, which takes longer than the digest of a short text. Threads may ask at the same time.
static bool
has_instructions(void)
{
    static _Atomic int known;  // 1: no, 2: yes
    unsigned           a, b, c, d;
    if (!known)
        known = 1 + (__builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA);
    return known == 2;
}

// The instructions hold the eight words of the state as A B E F and C D G H, the highest first. Four rounds at a time.
__attribute__((target("sha,sse4.1"))) static void
add_blocks(uint32_t state[8], const uint8_t *data, size_t n)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const __m128i abcd       = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
    const __m128i efgh       = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
    __m128i       abef = _mm_alignr_epi8(abcd, efgh, 8), cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
    for (; n > 0; n--, data += BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i       word[4];
#pragma GCC unroll 16
        for (int i = 0; i < ROUNDS / 4; i++) {
            __m128i *now = &word[i % 4];
            if (i < 4) {
                *now = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), big_endian);
            } else {
                const __m128i seven = _mm_alignr_epi8(word[(i + 3) % 4], word[(i + 2) % 4], 4);
                *now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(*now, word[(i + 1) % 4]), seven),
                                            word[(i + 3) % 4]);
            }
            const __m128i sum = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)(const void *)(K + 4 * i)));
            cdgh              = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef              = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#else
static const uint32_t START[8];

static bool
has_instructions(void)
{
    return false;
}

static void
add_blocks(uint32_t state[8], const uint8_t *data, size_t n)
{
    (void)state, (void)data, (void)n;
}
#endif

static void
sha256_init(sha256_t *self)
{
    self->bytes = 0;
    self->fast  = has_instructions();
    memcpy(self->state, START, sizeof self->state);
    if (!self->fast)
        crypto_hash_sha256_init(&self->sodium);
}

// n: a multiple of BLOCK, but for the last.
static void
sha256_add(sha256_t *self, const void *data, size_t n)
{
    const uint8_t *at    = data;
    const size_t   whole = n / BLOCK * BLOCK;
    if (!self->fast) {
        crypto_hash_sha256_update(&self->sodium, data, n);
        return;
    }
    add_blocks(self->state, at, n / BLOCK);
    if (n > whole)
        memcpy(self->block, at + whole, n - whole);
    self->bytes += n;
}

static void
store_big_endian(uint64_t value, size_t bytes, uint8_t *out)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void
sha256_end(sha256_t *self, uint8_t out[32])
{
    if (!self->fast) {
        crypto_hash_sha256_final(&self->sodium, out);
        return;
    }
    // A one bit, zeros, the length in bits at the end of a block.
    const size_t held            = self->bytes % BLOCK;
    const size_t blocks          = held + 1 + LENGTH_BYTES > BLOCK ? 2 : 1;
    uint8_t      last[2 * BLOCK] = {0};
    memcpy(last, self->block, held);
    last[held] = 0x80;
    store_big_endian(8 * self->bytes, LENGTH_BYTES, last + blocks * BLOCK - LENGTH_BYTES);
    add_blocks(self->state, last, blocks);
    for (size_t i = 0; i < 8; i++)
        store_big_endian(self->state[i], 4, out + 4 * i);
}

void
kt_digest_of(const void *bytes, size_t length, kt_digest_t *out)
{
    sha256_t state;
    sha256_init(&state);
    sha256_add(&state, bytes, length);
    sha256_end(&state, out->bytes);
}

// As many bytes as there are, at most READ_BYTES; less than that: the end. -1: an error.
static ssize_t
read_fully(int fd, uint8_t *out, off_t at)
{
    size_t  n   = 0;
    ssize_t got = 1;
    while (got > 0 && n < READ_BYTES) {
        got = pread(fd, out + n, READ_BYTES - n, at + (off_t)n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            n += (size_t)got;
    }
    return got < 0 ? -1 : (ssize_t)n;
}

kt_err_t
kt_digest_of_fd(int fd, kt_digest_t *out)
{
    return kt_digest_of_fd_in_turns(fd, NULL, NULL, out);
}

kt_err_t
kt_digest_of_fd_in_turns(int fd, kt_digest_turn_fn *turn, void *context, kt_digest_t *out)
{
    sha256_t state;
    kt_err_t err   = KT_OK;
    ssize_t  got   = READ_BYTES;
    uint8_t *block = malloc(READ_BYTES);
    if (!block)
        return KT_ENOMEM;
    sha256_init(&state);
    for (off_t at = 0; got == READ_BYTES && !err; at += got) {
        got = read_fully(fd, block, at);
        if (got > 0)
            sha256_add(&state, block, (size_t)got);
        if (turn)
            err = turn(context);
    }
    free(block);
    if (got < 0 || err)
        return got < 0 ? KT_EIO : err;
    sha256_end(&state, out->bytes);
    return KT_OK;
}

const char *
kt_digest_hex(const kt_digest_t *digest, char out[KT_DIGEST_HEX])
{
    return sodium_bin2hex(out, KT_DIGEST_HEX, digest->bytes, KT_DIGEST_BYTES);
}

// RFC 9562: the version is the upper half of byte 6, the variant the two upper bits of byte 8.
static const char *
format_uuid(uint8_t bytes[UUID_BYTES], unsigned version, char out[KT_UUID_TEXT])
{
    char hex[2 * UUID_BYTES + 1];
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    sodium_bin2hex(hex, sizeof hex, bytes, UUID_BYTES);
    char *to = out;
    for (size_t i = 0; i < sizeof hex; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = hex[i];
    }
    return out;
}

bool
kt_digest_read(kt_digest_t *out, const char *hex)
{
    kt_digest_t digest;
    size_t      length = 0;
    if (strlen(hex) != KT_DIGEST_HEX - 1 ||
        sodium_hex2bin(digest.bytes, sizeof digest.bytes, hex, KT_DIGEST_HEX - 1, NULL, &length, NULL) ||
        length != sizeof digest.bytes)
        return false;
    *out = digest;
    return true;
}

bool
kt_digest_is_zero(const kt_digest_t *digest)
{
    static const kt_digest_t ZERO = {{0}};
    return !memcmp(digest, &ZERO, sizeof ZERO);
}

const char *
kt_digest_uuid(const kt_digest_t *digest, char out[KT_UUID_TEXT])
{
    uint8_t bytes[UUID_BYTES];
    memcpy(bytes, digest->bytes, UUID_BYTES);
    return format_uuid(bytes, 8, out);
}

static void
start_sodium(void)
{
    kt_assert(sodium_init() >= 0);
}

const char *
kt_uuid_random(char out[KT_UUID_TEXT])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint8_t               bytes[UUID_BYTES];
    pthread_once(&once, start_sodium);
    randombytes_buf(bytes, sizeof bytes);
    return format_uuid(bytes, 4, out);
}

enum { INNER_PAD = 0x36, OUTER_PAD = 0x5c };

// The state after the one block of a key's pad.
static void
key_state(const uint8_t key[KT_HMAC_KEY], uint8_t pad, uint32_t out[8])
{
    uint8_t  block[KT_HMAC_KEY];
    sha256_t state;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    sha256_init(&state);
    sha256_add(&state, block, sizeof block);
    memcpy(out, state.fast ? state.state : state.sodium.state, sizeof state.state);
    sodium_memzero(block, sizeof block);
    sodium_memzero(&state, sizeof state);
}

void
kt_hmac_key_init(kt_hmac_key_t *self, const void *key, size_t key_bytes)
{
    uint8_t padded[KT_HMAC_KEY] = {0};
    kt_assert(key_bytes <= sizeof padded);
    if (key_bytes)
        memcpy(padded, key, key_bytes);
    key_state(padded, INNER_PAD, self->inner);
    key_state(padded, OUTER_PAD, self->outer);
    sodium_memzero(padded, sizeof padded);
}

// The digest of a key's pad and of bytes after it.
static void
digest_after(const uint32_t pad[8], const void *bytes, size_t n, kt_digest_t *out)
{
    sha256_t state;
    sha256_init(&state);
    state.bytes = BLOCK;
    memcpy(state.state, pad, sizeof state.state);
    if (!state.fast) {
        memcpy(state.sodium.state, pad, sizeof state.state);
        state.sodium.count = 8 * BLOCK;  // in bits
    }
    sha256_add(&state, bytes, n);
    sha256_end(&state, out->bytes);
}

void
kt_hmac_of(const kt_hmac_key_t *self, const void *message, size_t n, kt_digest_t *out)
{
    digest_after(self->inner, message, n, out);
    digest_after(self->outer, out->bytes, sizeof out->bytes, out);
}

void
kt_hmac(const void *key, size_t key_bytes, const void *message, size_t n, kt_digest_t *out)
{
    kt_hmac_key_t self;
    kt_hmac_key_init(&self, key, key_bytes);
    kt_hmac_of(&self, message, n, out);
    sodium_memzero(&self, sizeof self);
}

// One block of output is as long as a digest, so that the expansion ends with its first step.
void
kt_hkdf(const void *secret, size_t n, const void *salt, size_t salt_bytes, const char *info, size_t info_bytes,
        kt_digest_t *out)
{
    kt_digest_t extracted;
    uint8_t     step[KT_HKDF_INFO] = {0};
    kt_assert(info_bytes < sizeof step);
    kt_hmac(salt, salt_bytes, secret, n, &extracted);
    if (info_bytes)
        memcpy(step, info, info_bytes);
    step[info_bytes] = 1;
    kt_hmac(extracted.bytes, sizeof extracted.bytes, step, info_bytes + 1, out);
    sodium_memzero(&extracted, sizeof extracted);
}
